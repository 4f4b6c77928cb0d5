#include "server/supervisor/process_facts.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <string>

#include "base/text.h"
#include "server/supervisor/unique_fd.h"

namespace hauspost::supervisor {

namespace {

constexpr std::size_t kStatBytesMax = 2048;
// Places behind the program's name in parentheses, which may hold anything.
constexpr std::size_t kUserTime = 11;
constexpr std::size_t kSystemTime = 12;
constexpr std::size_t kThreads = 17;
constexpr std::size_t kResidentPages = 21;

}  // namespace

std::optional<ProcessFacts> parse_process_stat(std::string_view text, std::uint64_t page_bytes,
                                               std::uint64_t ticks_per_s) {
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos || name_end + 2 > text.size()) return std::nullopt;
  const auto words = split(text.substr(name_end + 2), ' ');
  if (words.size() <= kResidentPages) return std::nullopt;
  const auto user = parse_u64(words[kUserTime]);
  const auto system = parse_u64(words[kSystemTime]);
  const auto threads = parse_u64(words[kThreads]);
  const auto pages = parse_u64(words[kResidentPages]);
  if (!user || !system || !threads || !pages || ticks_per_s == 0) return std::nullopt;
  return ProcessFacts{
      .resident_bytes = *pages * page_bytes,
      .cpu_s = static_cast<double>(*user + *system) / static_cast<double>(ticks_per_s),
      .threads = *threads};
}

std::optional<ProcessFacts> process_facts(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  std::array<char, kStatBytesMax> bytes;
  const ssize_t count = ::read(fd.get(), bytes.data(), bytes.size());
  if (count <= 0) return std::nullopt;
  return parse_process_stat({bytes.data(), static_cast<std::size_t>(count)},
                            static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)),
                            static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK)));
}

}  // namespace hauspost::supervisor
