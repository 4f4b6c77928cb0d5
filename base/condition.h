// Condition: tasks of one thread wait until another task says that something changed.
#pragma once

#include "base/async.h"

namespace hauspost {

// REQUIRES: one thread. Waiters look at their predicate again after each wait(): wake-ups may be
// spurious.
class Condition {
 public:
  explicit Condition(Executor executor) : timer_(executor) {
    timer_.expires_at(Timer::time_point::max());
  }

  void notify_all() { timer_.cancel(); }
  // kCancelled when the waiting task is or was cancelled.
  Task<Result<>> wait();
  // For the last wait of a task's life: goes on waiting in a cancelled task.
  Task<void> wait_even_cancelled();

 private:
  Timer timer_;  // never expires: cancel() is the wake-up
};

}  // namespace hauspost
