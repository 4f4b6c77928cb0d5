// Jobs: the long work under way in this process, a thread each, and what became of it.
#pragma once

#include <list>
#include <memory>
#include <span>
#include <thread>

#include "base/condition.h"
#include "server/store_worker/job.h"

namespace hauspost::child::wire {
class JobStatus;
}  // namespace hauspost::child::wire

namespace hauspost::store_worker {

// REQUIRES: all calls on the thread of `executor`; stop() before destruction.
class Jobs {
 public:
  static constexpr std::size_t kRunningMax = 4;
  static constexpr std::size_t kEndedKept = 16;
  static constexpr std::size_t kReportBytesMax = 8ULL << 20;

  // `database` may be null (dismounted); it and `settings` outlive stop().
  Jobs(Executor executor, const child::Settings& settings, store::Database* database,
       std::span<const JobKind> kinds);
  ~Jobs();
  Jobs(const Jobs&) = delete;
  Jobs& operator=(const Jobs&) = delete;

  // kInvalid: no such kind; kUnavailable: it needs the database the other way, or another job is in
  // the way (the texts say what to do).
  Result<> start(std::uint64_t id, const std::string& kind, std::string request);
  // kNotFound. See JobStatusRequest.
  Task<Result<child::wire::JobStatus>> status(std::uint64_t id, Duration wait);
  Result<> cancel(std::uint64_t id);
  // Cancels every job and waits for them; none starts any more.
  Task<void> stop();

  std::size_t running() const;
  // One of the control calls kJobStart, kJobStatus, kJobCancel.
  Task<Result<std::string>> handle_control(std::uint16_t method, std::string body);

 private:
  struct Job;
  Job* find(std::uint64_t id);
  Result<> may_start(const JobKind& kind) const;
  void ended(Job& job);
  child::wire::JobStatus describe(const Job& job) const;

  Executor executor_;
  const child::Settings& settings_;
  store::Database* database_;
  std::span<const JobKind> kinds_;
  Condition changed_;
  std::list<std::unique_ptr<Job>> jobs_;  // oldest first; a job's thread refers to its place
  bool stopping_ = false;
};

}  // namespace hauspost::store_worker
