#include "server/store_worker/jobs.h"

#include <sys/resource.h>

#include <asio/execution/outstanding_work.hpp>
#include <asio/post.hpp>
#include <asio/prefer.hpp>
#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/deadline.h"
#include "base/log.h"
#include "base/text.h"
#include "server/child/control.h"
#include "server/child/jobs.pb.h"

namespace hauspost::store_worker {

namespace {

constexpr int kJobNiceness = 10;  // of its thread: sessions and deliveries come first
constexpr Duration kStatusWaitMax = std::chrono::seconds(5);

// What a library throws ends the job, not the mail service around it.
Result<std::string> run_guarded(const JobKind& kind, JobContext& context,
                                std::string_view request) {
  try {
    return kind.run(context, request);
  } catch (const std::exception& thrown) {
    return fail(ErrorCode::kInternal, std::string("exception: ") + thrown.what());
  } catch (...) {
    return fail(ErrorCode::kInternal, "unknown exception");
  }
}

template <class Message>
Result<Message> parse(const std::string& body) {
  Message message;
  if (!message.ParseFromString(body))
    return fail(ErrorCode::kInvalid, "the request does not parse");
  return message;
}

}  // namespace

struct Jobs::Job {
  Job(std::uint64_t number, const JobKind& of) : id(number), kind(of) {}
  std::uint64_t id;
  const JobKind& kind;
  std::string request;
  store::Progress progress;
  std::thread thread;
  Result<std::string> outcome;  // written by the thread, read once `running` is false
  bool running = true;
  bool cancelled = false;
};

Jobs::Jobs(Executor executor, const child::Settings& settings, store::Database* database,
           std::span<const JobKind> kinds)
    : executor_(executor),
      settings_(settings),
      database_(database),
      kinds_(kinds),
      changed_(executor) {}

Jobs::~Jobs() { HP_CHECK(running() == 0); }

std::size_t Jobs::running() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(jobs_, [](const auto& job) { return job->running; }));
}

Jobs::Job* Jobs::find(std::uint64_t id) {
  for (const auto& job : jobs_) {
    if (job->id == id) return job.get();
  }
  return nullptr;
}

Result<> Jobs::may_start(const JobKind& kind) const {
  const std::string& name = settings_.database;
  if (stopping_) return fail(ErrorCode::kUnavailable, "the store worker of " + name + " is ending");
  if (kind.needs == JobNeeds::kMounted && database_ == nullptr) {
    return fail(ErrorCode::kUnavailable,
                fmt::format("{} needs database {} mounted: hauspost database mount {}", kind.name,
                            name, name));
  }
  if (kind.needs == JobNeeds::kDismounted && database_ != nullptr) {
    return fail(ErrorCode::kUnavailable,
                fmt::format("{} needs database {} dismounted: hauspost database dismount {}",
                            kind.name, name, name));
  }
  if (running() >= kRunningMax)
    return fail(ErrorCode::kExhausted, "database " + name + " runs too many jobs already");
  if (!kind.alone) return {};
  for (const auto& job : jobs_) {
    if (!job->running || !job->kind.alone) continue;
    return fail(ErrorCode::kUnavailable,
                fmt::format("database {} is busy with {} (job {}); wait for it or: hauspost job "
                            "cancel {}",
                            name, job->kind.name, job->id, job->id));
  }
  return {};
}

Result<> Jobs::start(std::uint64_t id, const std::string& kind_name, std::string request) {
  const auto kind = std::ranges::find(kinds_, kind_name, &JobKind::name);
  if (kind == kinds_.end())
    return fail(ErrorCode::kInvalid, "no job is named " + escape_for_log(kind_name));
  if (find(id) != nullptr) return fail(ErrorCode::kExists, "the job runs already");
  TRY(may_start(*kind));
  Job& job = *jobs_.emplace_back(std::make_unique<Job>(id, *kind));
  job.request = std::move(request);
  log::info("job.started", {{"job", id}, {"kind", kind->name}});
  // Work tracked: the loop does not run out while only a job is under way.
  auto loop = asio::prefer(executor_, asio::execution::outstanding_work.tracked);
  job.thread = std::thread([this, &job, loop] {
    ::setpriority(PRIO_PROCESS, 0, kJobNiceness);  // Linux: of this thread alone
    JobContext context{settings_, database_, job.progress};
    job.outcome = run_guarded(job.kind, context, job.request);
    asio::post(loop, [this, &job] { ended(job); });
  });
  return {};
}

void Jobs::ended(Job& job) {
  job.thread.join();
  job.running = false;
  job.request.clear();
  if (job.outcome && job.outcome->size() > kReportBytesMax)
    job.outcome = fail(ErrorCode::kExhausted, "the job's report is too long");
  log::info("job.ended",
            {{"job", job.id},
             {"kind", job.kind.name},
             {"outcome", job.outcome ? std::string("done") : job.outcome.error().text}});
  std::size_t over = jobs_.size() - running();
  for (auto old = jobs_.begin(); over > kEndedKept && old != jobs_.end();) {
    if ((*old)->running || old->get() == &job) {
      ++old;
      continue;
    }
    old = jobs_.erase(old);
    --over;
  }
  changed_.notify_all();
}

child::wire::JobStatus Jobs::describe(const Job& job) const {
  child::wire::JobStatus out;
  out.set_step(job.progress.step());
  out.set_done(job.progress.done());
  out.set_total(job.progress.total());
  if (job.running) {
    out.set_state(child::wire::JOB_STATE_RUNNING);
  } else if (job.outcome) {
    out.set_state(child::wire::JOB_STATE_DONE);
    out.set_report(*job.outcome);
  } else {
    const Error& error = job.outcome.error();
    const bool wished = job.cancelled && error.code == ErrorCode::kCancelled;
    out.set_state(wished ? child::wire::JOB_STATE_CANCELLED : child::wire::JOB_STATE_FAILED);
    out.set_error_code(static_cast<std::uint32_t>(error.code));
    out.set_error(error.text);
  }
  return out;
}

Task<Result<child::wire::JobStatus>> Jobs::status(std::uint64_t id, Duration wait) {
  bool late = false;
  Deadline deadline(executor_, [&] {
    late = true;
    changed_.notify_all();
  });
  deadline.start(std::min(wait, kStatusWaitMax));
  for (;;) {
    const Job* job = find(id);
    if (job == nullptr) co_return fail(ErrorCode::kNotFound, fmt::format("job {} is not here", id));
    if (!job->running || late || wait <= Duration::zero()) co_return describe(*job);
    CO_TRY(co_await changed_.wait());
  }
}

Result<> Jobs::cancel(std::uint64_t id) {
  Job* const job = find(id);
  if (job == nullptr) return fail(ErrorCode::kNotFound, fmt::format("job {} is not here", id));
  if (!job->running) return {};
  job->cancelled = true;
  job->progress.cancel();
  return {};
}

Task<void> Jobs::stop() {
  stopping_ = true;
  for (const auto& job : jobs_) {
    if (job->running) job->progress.cancel();
  }
  while (running() != 0) co_await changed_.wait_even_cancelled();
}

Task<Result<std::string>> Jobs::handle_control(std::uint16_t method, std::string body) {
  switch (static_cast<child::ControlMethod>(method)) {
    case child::ControlMethod::kJobStart: {
      CO_TRY_ASSIGN(auto request, parse<child::wire::JobStartRequest>(body));
      CO_TRY(start(request.id(), request.kind(), std::move(*request.mutable_request())));
      co_return std::string();
    }
    case child::ControlMethod::kJobStatus: {
      CO_TRY_ASSIGN(const auto request, parse<child::wire::JobStatusRequest>(body));
      CO_TRY_ASSIGN(const auto now, co_await status(request.id(), Milliseconds(request.wait_ms())));
      co_return now.SerializeAsString();
    }
    case child::ControlMethod::kJobCancel: {
      CO_TRY_ASSIGN(const auto request, parse<child::wire::JobCancelRequest>(body));
      CO_TRY(cancel(request.id()));
      co_return std::string();
    }
    default: co_return fail(ErrorCode::kInvalid, "unknown control method");
  }
}

}  // namespace hauspost::store_worker
