// Landlock (kernel 5.13 and later): which files a process may still open, for good. Debian 12 has
// no library for it, so these are the system calls themselves.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace hauspost::child {

enum class Access : std::uint8_t {
  kRead,     // a file, or what is in and below a folder
  kEdit,     // read and write what is there; nothing is made or removed
  kWrite,    // everything in and below a folder but devices, sockets and running programs
  kExecute,  // read and run programs
};

struct FileRule {
  std::string path;  // what it names when the fence goes up; one that does not exist allows nothing
  Access access = Access::kRead;
};

struct LandlockFence {
  // Only programs, devices and sockets in files are fenced off; and, as by every fence that does
  // not allow it, renaming and linking from one folder to another (EXDEV).
  bool any_file = false;
  std::vector<FileRule> files;  // what stays allowed; unused with any_file
  bool tcp = false;             // connections out may be made
};

// What the kernel offers; 0: nothing.
int landlock_version();

// Takes effect for the calling thread and those it starts later. Newer rights that this kernel does
// not know stay allowed. kUnavailable: no Landlock here. REQUIRES: one thread; no_new_privs is set.
Result<> raise_landlock(const LandlockFence& fence);

}  // namespace hauspost::child
