// Jobs: long work on databases. The supervisor keeps their list, so that a job's end is known also
// when its process died or whoever started it went away; the work itself is done in store workers.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>

#include "base/task_group.h"
#include "server/directory/writer.h"
#include "server/supervisor/store_workers.h"

namespace hauspost::supervisor {

// What is known of a job.
struct JobFacts {
  enum class State : std::uint8_t { kRunning, kDone, kFailed, kCancelled };
  std::uint64_t id = 0;
  std::string database;
  std::string kind;
  State state = State::kRunning;
  std::string step;
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  std::int64_t started_s = 0;
  std::int64_t ended_s = 0;
  Error error;         // of kFailed and kCancelled
  std::string report;  // of kDone
  bool holds = false;  // nobody else may mount, dismount or remove the database meanwhile
};

// REQUIRES: the main thread; stop() before destruction.
class Jobs {
 public:
  static constexpr std::size_t kEndedKept = 100;
  static constexpr std::size_t kRunningMax = 64;

  Jobs(Executor executor, directory::DirectoryWriter& directory, StoreWorkers& stores);

  // What the steps of a job may do.
  class Run {
   public:
    // Runs a job of that kind in the database's worker or, when it is dismounted, in a process that
    // is started for it; returns its report. Its progress becomes this job's.
    Task<Result<std::string>> in_worker(std::string kind, std::string request);
    // kCancelled once somebody wished for the end. Between steps.
    Result<> check() const;
    void step(std::string_view name);
    const JobFacts& facts() const { return facts_; }

   private:
    friend class Jobs;
    Run(Jobs& jobs, JobFacts facts) : jobs_(jobs), facts_(std::move(facts)) {}
    Task<Result<std::string>> follow(std::shared_ptr<link::RpcClient> control, std::string kind,
                                     std::string request);
    Task<Result<std::string>> ask_patiently(link::RpcClient& control, std::string body);
    Task<Result<std::string>> watch(link::RpcClient& control);
    Jobs& jobs_;
    JobFacts facts_;
    bool cancel_asked_ = false;
    std::shared_ptr<link::RpcClient> control_;  // of the worker while one works for this job
  };
  using Steps = std::function<Task<Result<std::string>>(Run& run)>;

  // Starts a job of several steps that holds the database. kUnavailable: another one does;
  // kExhausted: too many. `steps` returns the report.
  Result<std::uint64_t> start(const std::string& database, std::string kind, Steps steps);
  // Starts a job of one step in a worker; holds the database when that is dismounted.
  Result<std::uint64_t> start_in_worker(const std::string& database, std::string kind,
                                        std::string request);

  // kNotFound: no such job, or forgotten since. Waits for its end, at most `wait`.
  Task<Result<JobFacts>> show(std::uint64_t id, Duration wait);
  std::vector<JobFacts> list() const;  // oldest first, without reports
  // Asks it to end. kExists: it has.
  Result<> cancel(std::uint64_t id);
  // kUnavailable, with what to do, when a job other than `by` holds the database.
  Result<> check_free(std::string_view database, std::uint64_t by = 0) const;
  // Ends what runs and waits for it.
  Task<void> stop();

 private:
  Result<std::uint64_t> begin(const std::string& database, std::string kind, bool holds,
                              Steps steps);
  Task<void> run_job(Run& run, Steps steps);
  Run* find(std::uint64_t id);
  void forget_old();

  Executor executor_;
  directory::DirectoryWriter& directory_;
  StoreWorkers& stores_;
  Condition changed_;
  std::list<std::unique_ptr<Run>> runs_;  // oldest first; tasks refer to their place
  std::uint64_t last_id_ = 0;
  TaskGroup tasks_;
};

}  // namespace hauspost::supervisor
