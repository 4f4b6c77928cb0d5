// HashPool: work too long for the I/O thread, on a few threads behind a bounded queue.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/async.h"

namespace hauspost::auth {

class HashPool {
 public:
  // Waiting jobs beyond `queue_max` are refused.
  HashPool(Executor executor, std::size_t threads, std::size_t queue_max);
  // Waits for the jobs under way; those still queued are dropped unrun. REQUIRES: nobody awaits
  // run() any more.
  ~HashPool();
  HashPool(const HashPool&) = delete;
  HashPool& operator=(const HashPool&) = delete;

  // Runs `work` on another thread; it owns what it captures, for the caller may be gone by then.
  // kUnavailable at once when the queue is full; kCancelled when the caller was cancelled (the work
  // is done all the same).
  template <class T>
  Task<Result<T>> run(std::function<Result<T>()> work) {
    auto result = std::make_shared<std::optional<Result<T>>>();  // shared with the worker
    CO_TRY(co_await perform([result, work = std::move(work)] { result->emplace(work()); }));
    co_return std::move(**result);
  }

 private:
  struct Job;
  Task<Result<>> perform(std::function<void()> work);
  void serve();

  Executor executor_;
  std::size_t queue_max_;
  std::mutex mutex_;
  std::condition_variable changed_;        // of what mutex_ guards:
  std::deque<std::shared_ptr<Job>> jobs_;  // shared with whoever awaits it
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace hauspost::auth
