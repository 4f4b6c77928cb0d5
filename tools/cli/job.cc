#include "tools/cli/job.h"

#include <fmt/format.h>

#include "base/clock.h"
#include "tools/cli/progress.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

constexpr std::uint32_t kWaitMs = 250;

Failure failure_of(const admin::Job& job) {
  return {Exit::kRefused, job.error_code(), job.error()};
}

}  // namespace

std::string state_word(admin::JobState state) {
  switch (state) {
    case admin::JOB_STATE_RUNNING: return "running";
    case admin::JOB_STATE_DONE: return "done";
    case admin::JOB_STATE_FAILED: return "failed";
    case admin::JOB_STATE_CANCELLED: return "cancelled";
    default: return "unknown";
  }
}

Json to_json(const admin::Job& job) {
  return {{"id", job.id()},           {"database", job.database()},
          {"kind", job.kind()},       {"state", state_word(job.state())},
          {"step", job.step()},       {"done", job.done()},
          {"total", job.total()},     {"started_s", job.started_s()},
          {"ended_s", job.ended_s()}, {"error_code", job.error_code()},
          {"error", job.error()}};
}

Outcome<std::string> watch_job(Context& context, std::uint64_t id) {
  JobProgress bar(system_clock());
  admin::JobShowRequest request;
  request.set_id(id);
  request.set_wait_ms(kWaitMs);
  for (;;) {
    TRY_ASSIGN(admin::JobShowReply reply, context.ask(request));
    admin::Job& job = *reply.mutable_job();
    if (job.state() == admin::JOB_STATE_RUNNING) {
      bar.update(fmt::format("job {}: {}", job.id(), job.step().empty() ? job.kind() : job.step()),
                 job.done(), job.total());
      continue;
    }
    if (job.state() != admin::JOB_STATE_DONE) return std::unexpected(failure_of(job));
    return std::move(*job.mutable_report());
  }
}

Outcome<std::optional<std::string>> run_job(Context& context, const JobWish& wish) {
  admin::JobStartRequest request;
  request.set_name(wish.database);
  request.set_kind(wish.kind);
  request.set_request(wish.request);
  TRY_ASSIGN(const admin::JobStartReply reply, context.ask(request));
  if (wish.background) {
    context.print(to_json(reply.job()));
    context.say(fmt::format("Job {} is under way; watch it with: hauspost job show {}",
                            reply.job().id(), reply.job().id()));
    return std::nullopt;
  }
  TRY_ASSIGN(std::string report, watch_job(context, reply.job().id()));
  return report;
}

}  // namespace hauspost::cli
