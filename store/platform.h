// Platform: what a database takes from the machine, so that a test can replace it.
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "store/disk.h"

namespace hauspost::store {

struct Platform {
  Disk* disk = nullptr;          // outlives the database
  const Clock* clock = nullptr;  // outlives the database
  std::string boot_id;           // differs after every start of the machine
  // What is otherwise done on a thread of its own ahead of time is done where it is asked for, so
  // that a test's steps come in the same order each time.
  bool in_order = false;
  // Called once, by any thread, when the disk failed: the process must not go on. When it returns
  // all the same (in a test), every write under way and every later one fails with kUnavailable.
  std::function<void(const Error&)> fatal;

  // The machine's own; `fatal` logs event store.fenced and ends the process at once.
  static Platform real();
};

}  // namespace hauspost::store
