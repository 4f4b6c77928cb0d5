#include "server/supervisor/jobs.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/log.h"
#include "base/text.h"
#include "server/child/control.h"
#include "server/child/jobs.pb.h"

namespace hauspost::supervisor {

namespace {

constexpr Duration kCallTime = std::chrono::seconds(20);
constexpr Duration kSilenceMax = std::chrono::minutes(5);  // of a worker that is alive
constexpr std::uint32_t kStatusWaitMs = 500;
constexpr Duration kShowWaitMax = std::chrono::seconds(5);
constexpr Duration kDeathTime = std::chrono::milliseconds(100);  // until a death is noted
constexpr Duration kEndPatience = std::chrono::seconds(10);

std::int64_t unix_now_s() {
  return std::chrono::duration_cast<Seconds>(system_clock().now().time_since_epoch()).count();
}

Error error_of(const child::wire::JobStatus& status) {
  const auto code = static_cast<ErrorCode>(status.error_code());
  return {code <= ErrorCode::kInternal ? code : ErrorCode::kInternal, status.error()};
}

// The channel's own words: the callee never answered.
bool is_lost(const Error& error) { return error.text.starts_with("rpc:"); }
// Of these, the one after which the callee may still be at work.
bool is_slow(const Error& error) { return error.code == ErrorCode::kTimeout && is_lost(error); }

Task<void> cancel_in_worker(std::shared_ptr<link::RpcClient> control, std::uint64_t id) {
  child::wire::JobCancelRequest request;
  request.set_id(id);
  const std::string body = request.SerializeAsString();
  [[maybe_unused]] auto told = co_await control->call(
      static_cast<std::uint16_t>(child::ControlMethod::kJobCancel), body, kCallTime);
}

}  // namespace

Jobs::Jobs(Executor executor, directory::DirectoryWriter& directory, StoreWorkers& stores)
    : executor_(executor),
      directory_(directory),
      stores_(stores),
      changed_(executor),
      tasks_(executor) {}

Result<> Jobs::Run::check() const {
  if (cancel_asked_) return fail(ErrorCode::kCancelled, "stopped on demand");
  return {};
}

void Jobs::Run::step(std::string_view name) {
  facts_.step = name;
  facts_.done = facts_.total = 0;
}

// A worker may be too busy to answer for a while, and its thread goes on with the job: only silence
// that lasts counts as the end. A death ends the call at once, with another error.
Task<Result<std::string>> Jobs::Run::ask_patiently(link::RpcClient& control, std::string body) {
  const auto until = std::chrono::steady_clock::now() + kSilenceMax;
  for (;;) {
    auto answer = co_await control.call(
        static_cast<std::uint16_t>(child::ControlMethod::kJobStatus), body, kCallTime);
    const bool slow = !answer && is_slow(answer.error());
    if (!slow || std::chrono::steady_clock::now() >= until) co_return answer;
  }
}

Task<Result<std::string>> Jobs::Run::watch(link::RpcClient& control) {
  child::wire::JobStatusRequest request;
  request.set_id(facts_.id);
  request.set_wait_ms(kStatusWaitMs);
  const std::string body = request.SerializeAsString();
  for (;;) {
    CO_TRY_ASSIGN(const std::string bytes, co_await ask_patiently(control, body));
    child::wire::JobStatus status;
    if (!status.ParseFromString(bytes))
      co_return fail(ErrorCode::kCorrupt, "the worker's answer does not parse");
    if (!status.step().empty()) facts_.step = status.step();
    facts_.done = status.done();
    facts_.total = status.total();
    if (status.state() == child::wire::JOB_STATE_RUNNING) continue;
    if (status.state() != child::wire::JOB_STATE_DONE) co_return fail(error_of(status));
    co_return std::move(*status.mutable_report());
  }
}

Task<Result<std::string>> Jobs::Run::follow(std::shared_ptr<link::RpcClient> control,
                                            std::string kind, std::string request) {
  child::wire::JobStartRequest start;
  start.set_id(facts_.id);
  start.set_kind(std::move(kind));
  start.set_request(std::move(request));
  const std::string body = start.SerializeAsString();
  auto started = co_await control->call(static_cast<std::uint16_t>(child::ControlMethod::kJobStart),
                                        body, kCallTime);
  // After a slow start the job's status says whether there is one.
  if (!started && !is_slow(started.error())) co_return started;
  control_ = control;
  if (cancel_asked_) jobs_.tasks_.spawn("job.cancel", cancel_in_worker(control, facts_.id));
  auto outcome = co_await watch(*control);
  // Given up on, it may still be at work there.
  if (!outcome && is_slow(outcome.error()))
    jobs_.tasks_.spawn("job.cancel", cancel_in_worker(control, facts_.id));
  control_.reset();
  co_return outcome;
}

Task<Result<std::string>> Jobs::Run::in_worker(std::string kind, std::string request) {
  CO_TRY(check());
  const std::string database = facts_.database;
  ChildProcess* worker = jobs_.stores_.find(database);
  const bool mounted = worker != nullptr;
  if (!mounted) {
    CO_TRY_ASSIGN(const auto entry, jobs_.directory_.reader().database(database));
    if (!entry) co_return fail(ErrorCode::kNotFound, "database " + database + " is gone");
    CO_TRY_ASSIGN(worker, co_await jobs_.stores_.begin_maintenance(*entry));
  }
  const auto control = worker->control();
  Result<std::string> outcome =
      fail(ErrorCode::kUnavailable,
           fmt::format("the store worker of {} does not run; see: hauspost status", database));
  if (control) outcome = co_await follow(control, std::move(kind), std::move(request));
  if (control && !outcome && is_lost(outcome.error())) {
    [[maybe_unused]] auto slept = co_await sleep_for(kDeathTime);
    const ChildProcess* now = mounted ? jobs_.stores_.find(database) : worker;
    const bool silent = is_slow(outcome.error());
    const std::string how = now == nullptr                    ? "it was dismounted"
                            : silent                          ? "its process does not answer"
                            : now->facts().last_death.empty() ? "its process ended"
                                                              : now->facts().last_death;
    outcome =
        fail(cancel_asked_ || now == nullptr ? ErrorCode::kCancelled : ErrorCode::kUnavailable,
             fmt::format("the work on database {} broke off: {}; start it again", database, how));
  }
  if (!mounted) co_await jobs_.stores_.end_maintenance(database, kEndPatience);
  co_return outcome;
}

Result<std::uint64_t> Jobs::start(const std::string& database, std::string kind, Steps steps) {
  return begin(database, std::move(kind), true, std::move(steps));
}

namespace {

Task<Result<std::string>> one_step(Jobs::Run& run, std::string kind, std::string request) {
  return run.in_worker(std::move(kind), std::move(request));
}

}  // namespace

Result<std::uint64_t> Jobs::start_in_worker(const std::string& database, std::string kind,
                                            std::string request) {
  Steps steps = [kind, request = std::move(request)](Run& run) {
    return one_step(run, kind, request);
  };
  return begin(database, std::move(kind), stores_.find(database) == nullptr, std::move(steps));
}

Result<std::uint64_t> Jobs::begin(const std::string& database, std::string kind, bool holds,
                                  Steps steps) {
  TRY(check_free(database));
  std::size_t running = 0;
  for (const auto& run : runs_) {
    const JobFacts& facts = run->facts_;
    if (facts.state != JobFacts::State::kRunning) continue;
    ++running;
    if (!holds || !iequals(facts.database, database)) continue;
    return fail(ErrorCode::kUnavailable,
                fmt::format("database {} is busy with {} (job {}); wait for it or: hauspost job "
                            "cancel {}",
                            facts.database, facts.kind, facts.id, facts.id));
  }
  if (running >= kRunningMax)
    return fail(ErrorCode::kExhausted, "too many jobs run already; see: hauspost job list");
  JobFacts facts;
  facts.id = ++last_id_;
  facts.database = database;
  facts.kind = std::move(kind);
  facts.started_s = unix_now_s();
  facts.holds = holds;
  Run& run = *runs_.emplace_back(new Run(*this, std::move(facts)));
  forget_old();
  tasks_.spawn("job", run_job(run, std::move(steps)));
  return run.facts_.id;
}

Task<void> Jobs::run_job(Run& run, Steps steps) {
  auto outcome = co_await steps(run);
  JobFacts& facts = run.facts_;
  if (outcome) {
    facts.state = JobFacts::State::kDone;
    facts.report = std::move(*outcome);
  } else {
    facts.error = std::move(outcome).error();
    facts.state = facts.error.code == ErrorCode::kCancelled ? JobFacts::State::kCancelled
                                                            : JobFacts::State::kFailed;
  }
  facts.ended_s = unix_now_s();
  log::info("job.ended", {{"job", facts.id},
                          {"database", facts.database},
                          {"kind", facts.kind},
                          {"outcome", facts.state == JobFacts::State::kDone ? std::string("done")
                                                                            : facts.error.text}});
  changed_.notify_all();
}

void Jobs::forget_old() {
  std::size_t ended = 0;
  for (const auto& run : runs_) ended += run->facts_.state == JobFacts::State::kRunning ? 0 : 1;
  for (auto old = runs_.begin(); ended > kEndedKept && old != runs_.end();) {
    if ((*old)->facts_.state == JobFacts::State::kRunning) {
      ++old;
      continue;
    }
    old = runs_.erase(old);
    --ended;
  }
}

Jobs::Run* Jobs::find(std::uint64_t id) {
  for (const auto& run : runs_) {
    if (run->facts_.id == id) return run.get();
  }
  return nullptr;
}

Task<Result<JobFacts>> Jobs::show(std::uint64_t id, Duration wait) {
  bool late = false;
  Deadline deadline(executor_, [&] {
    late = true;
    changed_.notify_all();
  });
  deadline.start(std::min(wait, kShowWaitMax));
  for (;;) {
    const Run* run = find(id);
    if (run == nullptr) {
      co_return fail(ErrorCode::kNotFound,
                     fmt::format("job {} is not known; see: hauspost job list", id));
    }
    const bool ended = run->facts_.state != JobFacts::State::kRunning;
    if (ended || late || wait <= Duration::zero()) co_return run->facts_;
    CO_TRY(co_await changed_.wait());
  }
}

std::vector<JobFacts> Jobs::list() const {
  std::vector<JobFacts> out;
  for (const auto& run : runs_) {
    out.push_back(run->facts_);
    out.back().report.clear();
  }
  return out;
}

Result<> Jobs::cancel(std::uint64_t id) {
  Run* const run = find(id);
  if (run == nullptr) {
    return fail(ErrorCode::kNotFound,
                fmt::format("job {} is not known; see: hauspost job list", id));
  }
  if (run->facts_.state != JobFacts::State::kRunning)
    return fail(ErrorCode::kExists, fmt::format("job {} has ended already", id));
  run->cancel_asked_ = true;
  if (run->control_) tasks_.spawn("job.cancel", cancel_in_worker(run->control_, id));
  return {};
}

Result<> Jobs::check_free(std::string_view database, std::uint64_t by) const {
  for (const auto& run : runs_) {
    const JobFacts& facts = run->facts_;
    if (facts.state != JobFacts::State::kRunning || !facts.holds || facts.id == by) continue;
    if (!iequals(facts.database, database)) continue;
    return fail(ErrorCode::kUnavailable,
                fmt::format("database {} is busy with {} (job {}); wait for it or: hauspost job "
                            "cancel {}",
                            facts.database, facts.kind, facts.id, facts.id));
  }
  return {};
}

Task<void> Jobs::stop() {
  for (const auto& run : runs_) run->cancel_asked_ = true;
  tasks_.stop();
  co_await tasks_.join();
}

}  // namespace hauspost::supervisor
