// The fence around each role: which files it may open (Landlock) and which system calls it may make
// (seccomp). What each role gets is the table in confine.cc. docs/manual/confinement.md tells the
// operator the same.
#pragma once

#include "server/child/child.h"
#include "server/child/landlock.h"
#include "server/child/syscall_filter.h"

namespace hauspost::child {

// What `settings` give a role. Pure.
LandlockFence landlock_fence(const Settings& settings);
SyscallFence syscall_fence(const Settings& settings);

// Raises both, for good, and says in the log what stands. What this kernel does not have is left
// out, with one line of warning; what it has and does not give is kDenied or kInternal, and then
// the caller must not go on. Nothing is raised under sanitizers, which need more than any of this.
// REQUIRES: one thread; no_new_privs is set; what the fence allows exists.
Result<> confine(const Settings& settings);

}  // namespace hauspost::child
