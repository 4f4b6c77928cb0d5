#include "base/side_thread.h"

#include <asio/post.hpp>

namespace hauspost {

struct SideThread::Job {
  Job(Executor executor, std::function<void(const std::atomic<bool>&)> task)
      : work(std::move(task)), done(executor) {
    done.expires_at(Timer::time_point::max());
  }
  std::function<void(const std::atomic<bool>&)> work;
  std::atomic<bool> cancelled = false;
  bool finished = false;  // the io thread's
  Timer done;             // the io thread's: cancelled when finished
};

SideThread::~SideThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& job : jobs_) job->cancelled = true;
    if (running_) running_->cancelled = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void SideThread::serve() {
  for (;;) {
    std::shared_ptr<Job> job;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (stopping_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
      running_ = job;
    }
    job->work(job->cancelled);
    {
      const std::lock_guard lock(mutex_);
      running_.reset();
    }
    // The reference travels back, for the timer belongs to the other thread to its end.
    asio::post(executor_, [returned = std::move(job)] {
      returned->finished = true;
      returned->done.cancel();
    });
  }
}

Task<Result<>> SideThread::perform(std::function<void(const std::atomic<bool>&)> work) {
  auto job = std::make_shared<Job>(executor_, std::move(work));
  {
    const std::lock_guard lock(mutex_);
    if (jobs_.size() >= kWaitingMax)
      co_return fail(ErrorCode::kUnavailable, "too much waits for this; try again in a moment");
    jobs_.push_back(job);
    if (!thread_.joinable()) thread_ = std::thread([this] { serve(); });
  }
  changed_.notify_one();
  while (!job->finished) {
    std::error_code ignored;
    co_await job->done.async_wait(asio::redirect_error(kUseTask, ignored));
    if (was_cancelled(co_await asio::this_coro::cancellation_state)) {
      job->cancelled = true;
      co_return fail(ErrorCode::kCancelled, "waiting for work beside");
    }
  }
  co_return Result<>{};
}

}  // namespace hauspost
