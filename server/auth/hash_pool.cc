#include "server/auth/hash_pool.h"

#include <asio/post.hpp>

namespace hauspost::auth {

struct HashPool::Job {
  Job(Executor executor, std::function<void()> task) : work(std::move(task)), done(executor) {
    done.expires_at(Timer::time_point::max());
  }
  std::function<void()> work;
  bool finished = false;  // the I/O thread's
  Timer done;             // the I/O thread's: cancelled when finished
};

HashPool::HashPool(Executor executor, std::size_t threads, std::size_t queue_max)
    : executor_(executor), queue_max_(queue_max) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { serve(); });
}

HashPool::~HashPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void HashPool::serve() {
  for (;;) {
    std::shared_ptr<Job> job;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (stopping_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job->work();
    job->work = nullptr;  // what it captured may be secret: gone as early as possible
    // The reference travels back, for the timer belongs to the other thread to its end.
    asio::post(executor_, [returned = std::move(job)] {
      returned->finished = true;
      returned->done.cancel();
    });
  }
}

Task<Result<>> HashPool::perform(std::function<void()> work) {
  auto job = std::make_shared<Job>(executor_, std::move(work));
  {
    const std::lock_guard lock(mutex_);
    if (jobs_.size() >= queue_max_)
      co_return fail(ErrorCode::kUnavailable, "too many password checks at once");
    jobs_.push_back(job);
  }
  changed_.notify_one();
  while (!job->finished) {
    std::error_code ignored;
    co_await job->done.async_wait(asio::redirect_error(kUseTask, ignored));
    if (was_cancelled(co_await asio::this_coro::cancellation_state))
      co_return fail(ErrorCode::kCancelled, "password check cancelled");
  }
  co_return Result<>{};
}

}  // namespace hauspost::auth
