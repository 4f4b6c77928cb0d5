#include <filesystem>

#include "base/text.h"
#include "server/child/job_backup.pb.h"
#include "server/supervisor/admin_service.h"

namespace hauspost::supervisor {

namespace {

struct RestorePlan {
  std::string name;
  std::string path;
  std::string request;  // of the job in the worker
  bool recovery = false;
  bool mount = false;
  std::string attach_from;
};

// There is no new database when its files did not come back; the worker has removed them.
void forget(Supervisor& supervisor, const RestorePlan& plan) {
  if (const auto removed = supervisor.directory().remove_database(plan.name, false); !removed)
    log::warning("restore.entry.kept", {{"database", plan.name}, {"cause", removed.error()}});
  std::error_code code;
  std::filesystem::remove(plan.path, code);  // only when it is empty
}

Task<Result<std::string>> restore_steps(Supervisor& supervisor, Jobs::Run& run, RestorePlan plan) {
  auto outcome = co_await run.in_worker("restore", plan.request);
  child::wire::RestoreReport report;
  if (outcome && !report.ParseFromString(*outcome))
    outcome = fail(ErrorCode::kCorrupt, "the worker's report does not parse");
  if (!outcome) {
    forget(supervisor, plan);
    co_return fail(std::move(outcome).error());
  }
  CO_TRY(supervisor.directory().end_restore(plan.name, report.epoch(), plan.recovery));
  if (!plan.attach_from.empty())
    CO_TRY(supervisor.directory().move_mailboxes(plan.attach_from, plan.name));
  if (!plan.mount) co_return outcome;
  run.step("mounting");
  if (auto mounted = co_await supervisor.mount(plan.name, run.facts().id); !mounted)
    co_return fail(std::move(mounted).error().within("the files are restored, but"));
  co_return outcome;
}

Result<std::string> worker_request(const admin::DatabaseRestoreRequest& from) {
  if (!from.folder().starts_with('/')) {
    return fail(ErrorCode::kInvalid, fmt::format("backup folder \"{}\" must be absolute",
                                                 escape_for_log(from.folder())));
  }
  if (from.has_lsn() && from.has_time_us())
    return fail(ErrorCode::kInvalid, "a record and a time cannot both be the end of a restore");
  child::wire::RestoreRequest to;
  to.mutable_from()->set_folder(from.folder());
  to.mutable_from()->set_set(from.set());
  if (from.has_lsn()) to.mutable_from()->set_lsn(from.lsn());
  if (from.has_time_us()) to.mutable_from()->set_time_us(from.time_us());
  to.set_bytes_per_second(from.bytes_per_second());
  return to.SerializeAsString();
}

}  // namespace

Task<Result<admin::DatabaseRestoreReply>> AdminService::database_restore(
    admin::DatabaseRestoreRequest request) {
  RestorePlan plan;
  CO_TRY_ASSIGN(plan.request, worker_request(request));
  plan.recovery = request.recovery();
  plan.mount = !request.recovery() && !request.leave_dismounted();
  if (!request.attach_from().empty()) {
    CO_TRY_ASSIGN(const auto old, find_database(request.attach_from()));
    if (plan.recovery)
      co_return fail(ErrorCode::kInvalid, "no mailbox can live in a recovery database");
    if (supervisor_.stores().find(old.name) != nullptr) {
      co_return fail(ErrorCode::kDenied,
                     fmt::format("database {} is mounted and its mailboxes in use; first: hauspost "
                                 "database dismount {}",
                                 old.name, old.name));
    }
    plan.attach_from = old.name;
  }
  CO_TRY(supervisor_.ownership().lend(request.folder(), child::Role::kStore,
                                      Ownership::Need::kRead));
  admin::DatabaseCreateRequest create;
  create.set_name(request.name());
  create.set_path(request.path());
  create.set_leave_dismounted(true);
  CO_TRY_ASSIGN(const auto created, co_await database_create(std::move(create)));
  plan.name = created.database().name();
  plan.path = created.database().path();
  CO_TRY(supervisor_.directory().begin_restore(plan.name));
  auto started = supervisor_.jobs().start(plan.name, "restore",
                                          [&supervisor = supervisor_, plan](Jobs::Run& run) {
                                            return restore_steps(supervisor, run, plan);
                                          });
  if (!started) {
    forget(supervisor_, plan);
    co_return fail(std::move(started).error());
  }
  admin::DatabaseRestoreReply reply;
  CO_TRY_ASSIGN(const JobFacts facts, co_await supervisor_.jobs().show(*started, Duration::zero()));
  *reply.mutable_job() = to_wire(facts);
  co_return reply;
}

}  // namespace hauspost::supervisor
