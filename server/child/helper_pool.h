// HelperPool: a few processes of one helper program (server/auth_helpers), each of which answers
// one question at a time and is killed when it takes too long.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "base/condition.h"
#include "server/auth_helpers/fields.h"

namespace hauspost::child {

// REQUIRES: one thread, and that the process's main one, whose end its helpers take for its
// process's; nobody awaits ask() when it is destroyed.
class HelperPool {
 public:
  struct Settings {
    std::string program;  // its path
    std::size_t processes_max = 4;
    std::size_t waiting_max = 64;  // questions; further ones are refused
    Duration timeout = std::chrono::seconds(10);
  };
  HelperPool(Executor executor, Settings settings);
  // Ends its processes.
  ~HelperPool();
  HelperPool(const HelperPool&) = delete;
  HelperPool& operator=(const HelperPool&) = delete;

  // The answer's fields. Starts a process when none is idle. kUnavailable: too many questions wait,
  // the program does not start or died, or took longer than the time-out (then it is killed).
  // kCancelled when the caller was cancelled.
  Task<Result<helpers::Fields>> ask(helpers::Fields question);

 private:
  class Helper;
  struct Busy;
  Result<std::unique_ptr<Helper>> start();
  Task<Result<helpers::Fields>> converse(Helper& helper, std::string_view question);
  void bury();

  Executor executor_;
  Settings settings_;
  std::vector<std::unique_ptr<Helper>> idle_;
  std::size_t busy_ = 0;
  std::size_t waiting_ = 0;
  std::vector<pid_t> dying_;  // killed, not yet waited for
  Condition free_;
};

// Where this program's helpers are: the folder of its own executable.
std::string helper_path(std::string_view program);

}  // namespace hauspost::child
