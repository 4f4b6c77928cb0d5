// Wakeup: one thread sleeps until others have something for it. Cheaper than a condition variable,
// which wakes its sleeper into a mutex and so costs a further system call each time.
#pragma once

#include <semaphore.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <ctime>

#include "base/check.h"

namespace hauspost::store {

// Thread-safe; one thread waits. What was notified before a wait ends that wait at once, so whoever
// waits looks for itself whether there is something.
class Wakeup {
 public:
  Wakeup() { HP_CHECK(::sem_init(&semaphore_, 0, 0) == 0); }
  ~Wakeup() { ::sem_destroy(&semaphore_); }
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  // What was said before another notify() that does nothing is seen by whom the first one wakes.
  void notify() {
    if (!notified_.exchange(true)) ::sem_post(&semaphore_);
  }
  void wait() {
    while (::sem_wait(&semaphore_) != 0 && errno == EINTR) {
    }
    notified_.exchange(false);
  }
  // False: the time came first.
  bool wait_until(std::chrono::steady_clock::time_point until) {
    const auto since = until.time_since_epoch();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
    timespec due{};
    due.tv_sec = static_cast<std::time_t>(seconds.count());
    due.tv_nsec = static_cast<long>(std::chrono::nanoseconds(since - seconds).count());
    int status = 0;
    do {
      status = ::sem_clockwait(&semaphore_, CLOCK_MONOTONIC, &due);
    } while (status != 0 && errno == EINTR);
    if (status == 0) notified_.exchange(false);
    return status == 0;
  }

 private:
  sem_t semaphore_;
  // Posted and not waited for since. Without it a busy thread, which finds its work without
  // waiting, would have as many wakings to go through once it is idle.
  std::atomic<bool> notified_ = false;
};

}  // namespace hauspost::store
