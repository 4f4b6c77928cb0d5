#include <algorithm>

#include "base/clock.h"
#include "base/text.h"
#include "server/child/job_backup.pb.h"
#include "server/supervisor/admin_service.h"

namespace hauspost::supervisor {

namespace {

admin::JobState to_wire(JobFacts::State state) {
  switch (state) {
    case JobFacts::State::kRunning: return admin::JOB_STATE_RUNNING;
    case JobFacts::State::kDone: return admin::JOB_STATE_DONE;
    case JobFacts::State::kFailed: return admin::JOB_STATE_FAILED;
    case JobFacts::State::kCancelled: return admin::JOB_STATE_CANCELLED;
  }
  return admin::JOB_STATE_UNSPECIFIED;
}

// What may be started by name. The other kinds are steps of calls that check more than a job can.
constexpr std::string_view kOffered[] = {
    "check", "repair", "compact", "rebuild-index", "backup", "restore-mailbox", "search-rebuild"};

// A store worker goes there under its own user: what it cannot use is refused before it starts.
Result<> lend_folders(const Ownership& ownership, const std::string& kind,
                      const std::string& request) {
  if (kind == "backup") {
    child::wire::BackupRequest backup;
    if (!backup.ParseFromString(request) || backup.folder().empty()) return {};  // its to refuse
    return ownership.lend(backup.folder(), child::Role::kStore, Ownership::Need::kWrite);
  }
  if (kind == "restore-mailbox") {
    child::wire::RestoreMailboxRequest restore;
    if (!restore.ParseFromString(request) || restore.from().folder().empty()) return {};
    return ownership.lend(restore.from().folder(), child::Role::kStore, Ownership::Need::kRead);
  }
  return {};
}

}  // namespace

admin::Job to_wire(const JobFacts& facts) {
  admin::Job out;
  out.set_id(facts.id);
  out.set_database(facts.database);
  out.set_kind(facts.kind);
  out.set_state(to_wire(facts.state));
  out.set_step(facts.step);
  out.set_done(facts.done);
  out.set_total(facts.total);
  out.set_started_s(facts.started_s);
  out.set_ended_s(facts.ended_s);
  if (!facts.error.text.empty()) out.set_error_code(std::string(to_string(facts.error.code)));
  out.set_error(facts.error.text);
  out.set_report(facts.report);
  return out;
}

Task<Result<admin::JobStartReply>> AdminService::job_start(admin::JobStartRequest request) {
  if (std::ranges::find(kOffered, request.kind()) == std::end(kOffered)) {
    co_return fail(ErrorCode::kInvalid,
                   "no job to be started is named " + escape_for_log(request.kind()));
  }
  CO_TRY_ASSIGN(const auto entry, find_database(request.name()));
  CO_TRY(lend_folders(supervisor_.ownership(), request.kind(), request.request()));
  CO_TRY_ASSIGN(const std::uint64_t id,
                supervisor_.jobs().start_in_worker(entry.name, request.kind(), request.request()));
  admin::JobStartReply reply;
  CO_TRY_ASSIGN(const JobFacts facts, co_await supervisor_.jobs().show(id, Duration::zero()));
  *reply.mutable_job() = to_wire(facts);
  co_return reply;
}

Task<Result<admin::JobListReply>> AdminService::job_list(admin::JobListRequest request) {
  if (!request.name().empty()) CO_TRY(find_database(request.name()));
  admin::JobListReply reply;
  for (const JobFacts& facts : supervisor_.jobs().list()) {
    if (!request.name().empty() && !iequals(facts.database, request.name())) continue;
    *reply.add_jobs() = to_wire(facts);
  }
  co_return reply;
}

Task<Result<admin::JobShowReply>> AdminService::job_show(admin::JobShowRequest request) {
  CO_TRY_ASSIGN(const JobFacts facts,
                co_await supervisor_.jobs().show(request.id(), Milliseconds(request.wait_ms())));
  admin::JobShowReply reply;
  *reply.mutable_job() = to_wire(facts);
  co_return reply;
}

Task<Result<admin::JobCancelReply>> AdminService::job_cancel(admin::JobCancelRequest request) {
  CO_TRY(supervisor_.jobs().cancel(request.id()));
  CO_TRY_ASSIGN(const JobFacts facts,
                co_await supervisor_.jobs().show(request.id(), Duration::zero()));
  admin::JobCancelReply reply;
  *reply.mutable_job() = to_wire(facts);
  co_return reply;
}

}  // namespace hauspost::supervisor
