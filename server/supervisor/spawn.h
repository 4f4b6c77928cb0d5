// Starting one child: its descriptors, its settings, its program. See server/child/child.h.
#pragma once

#include <sys/types.h>

#include <span>

#include "server/child/child.h"
#include "server/supervisor/unique_fd.h"

namespace hauspost::supervisor {

struct Spawned {
  pid_t pid = 0;
  UniqueFd pidfd;    // readable once the child has ended
  UniqueFd control;  // our end of the control connection, non-blocking
};

// `listeners` and `inherited` (unnamed, behind the named ones) stay the caller's.
// REQUIRES: the main thread, whose end the child takes for the supervisor's.
Result<Spawned> spawn_child(const std::string& program, const child::Settings& settings,
                            std::span<const child::NamedDescriptor> listeners,
                            std::span<const int> inherited);

// Standard error of the children that are started from now on; -1: ours. It stays the caller's.
void collect_child_errors(int fd);

// How a child ended. REQUIRES: it has (its pidfd is readable). Frees its process id.
struct Death {
  bool abnormal = true;
  int signal = 0;    // 0: it exited by itself
  std::string text;  // "exit status 1", "signal 9 (Killed)"
};
Death reap(pid_t pid);

}  // namespace hauspost::supervisor
