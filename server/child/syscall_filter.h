// Which system calls a process may still make, for good (seccomp). The lists are in
// syscall_filter.cc; libseccomp is used there alone.
#pragma once

#include "base/result.h"

namespace hauspost::child {

struct SyscallFence {
  bool internet = false;  // sockets of the Internet families may be made
  bool programs = false;  // programs may be started, which then live behind the same fence
};

// Without `programs`: what is not on the lists answers ENOSYS, as on a kernel that does not have
// it; what only an intruder calls (running a program, tracing, mounting, becoming somebody, ...)
// ends the process by SIGSYS. With `programs`, whose modules may want anything: everything but what
// only an intruder calls, which answers EPERM. kUnavailable: no seccomp here. REQUIRES: one thread;
// no_new_privs is set.
Result<> raise_syscall_fence(const SyscallFence& fence);

}  // namespace hauspost::child
