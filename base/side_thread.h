// SideThread: one thread for work that would block the io thread, such as reading a gigabyte of
// logs.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "base/async.h"

namespace hauspost {

// REQUIRES: calls on the thread of `executor`; no perform() under way at destruction.
class SideThread {
 public:
  static constexpr std::size_t kWaitingMax = 16;

  explicit SideThread(Executor executor) : executor_(executor) {}
  ~SideThread();
  SideThread(const SideThread&) = delete;
  SideThread& operator=(const SideThread&) = delete;

  // Runs `work` beside and returns when it has ended. `work` gets a flag that says that nobody
  // waits any longer; what it touches must live until it has ended, whoever waits. kUnavailable:
  // too much waits. kCancelled: the caller was cancelled, `work` may still be running.
  Task<Result<>> perform(std::function<void(const std::atomic<bool>& cancelled)> work);

 private:
  struct Job;
  void serve();

  Executor executor_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Job>> jobs_;
  std::shared_ptr<Job> running_;
  bool stopping_ = false;
  std::thread thread_;  // started with the first work
};

}  // namespace hauspost
