// What the kernel tells about a process.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace hauspost::supervisor {

struct ProcessFacts {
  std::uint64_t resident_bytes = 0;
  double cpu_s = 0;  // in user and in system mode, since it started
  std::uint64_t threads = 0;
};

// nullopt: there is no such process, or /proc does not show it. Reads one small file, and does not
// block.
std::optional<ProcessFacts> process_facts(pid_t pid);
// Pure: the content of /proc/PID/stat; see proc(5).
std::optional<ProcessFacts> parse_process_stat(std::string_view text, std::uint64_t page_bytes,
                                               std::uint64_t ticks_per_s);

}  // namespace hauspost::supervisor
