// TaskGroup: every spawned task is counted by something that is awaited before its world is
// destroyed.
#pragma once

#include <asio/cancellation_signal.hpp>

#include <list>
#include <string>

#include "base/condition.h"

namespace hauspost {

// REQUIRES: all calls on the thread of `executor`.
class TaskGroup {
 public:
  explicit TaskGroup(Executor executor) : executor_(executor), drained_(executor) {}
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  ~TaskGroup();  // HP_CHECKs that nobody is inside

  // Starts `task`. An exception that leaves it is logged as event task.failed with `name` and ends
  // only that task. After stop() the task is dropped unstarted.
  void spawn(std::string name, Task<void> task);
  // Cancels what every task waits for; tasks see kCancelled from their streams.
  void stop();
  // Waits until the last task has ended. Does not stop them.
  Task<void> join();

  std::size_t size() const { return members_.size(); }
  bool stopping() const { return stopping_; }

 private:
  Executor executor_;
  Condition drained_;
  std::list<asio::cancellation_signal> members_;
  bool stopping_ = false;
};

}  // namespace hauspost
