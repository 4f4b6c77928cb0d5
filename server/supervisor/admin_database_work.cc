// Calls that change a database as a whole: its settings, its place, its end.
#include <unistd.h>

#include <fmt/format.h>

#include <filesystem>

#include "base/log.h"
#include "base/text.h"
#include "server/child/jobs.pb.h"
#include "server/supervisor/admin_service.h"
#include "server/supervisor/limits_wire.h"
#include "store/files.h"
#include "store/recovery.h"

namespace hauspost::supervisor {

namespace {

constexpr Duration kDismountPatience = std::chrono::seconds(10);
constexpr std::int64_t kPeriodMax = 10LL * 366 * 24 * 3600;

struct MoveOrder {
  std::string from;
  std::string to;
  bool keep_old = false;
};

// What the worker has emptied, but whose name is not its user's to remove. Anything else stays.
void remove_empty_folder(const std::string& path) { ::rmdir(path.c_str()); }

// The database back on its feet, at its old or its new place.
Task<Result<>> mount_again(Supervisor& supervisor, const Jobs::Run& run) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor.take_turn());
  co_return co_await supervisor.mount(run.facts().database, run.facts().id);
}

Task<Result<std::string>> copy_and_switch(Supervisor& supervisor, Jobs::Run& run,
                                          const MoveOrder& order) {
  child::wire::CopyFilesRequest request;
  request.set_to(order.to);
  CO_TRY_ASSIGN(std::string report,
                co_await run.in_worker("copy-files", request.SerializeAsString()));
  CO_TRY(supervisor.directory().set_database(run.facts().database, {.path = order.to}));
  co_return report;
}

// The steps of move-path. The directory says "mounted" all the time: after a crash of the
// supervisor the database comes up where its files are whole.
Task<Result<std::string>> move_path(Supervisor& supervisor, Jobs::Run& run, MoveOrder order) {
  const std::string name = run.facts().database;
  const bool mounted = supervisor.stores().find(name) != nullptr;
  if (mounted) {
    run.step("dismounting");
    co_await supervisor.stores().dismount(name, kDismountPatience);
  }
  auto copied = co_await copy_and_switch(supervisor, run, order);
  Result<> up;
  if (mounted) {
    run.step("mounting");
    up = co_await mount_again(supervisor, run);
  }
  if (!copied) {
    Error error = std::move(copied).error();
    error.text += fmt::format("; the database stays in {}", order.from);
    if (!up) error.text += "; and it does not mount again: " + up.error().text;
    co_return fail(std::move(error));
  }
  if (!up) {
    Error error = up.error();
    error.text +=
        fmt::format("; it lies in {} now, its old files are still in {}", order.to, order.from);
    co_return fail(std::move(error));
  }
  if (order.keep_old) co_return copied;
  child::wire::DeleteFilesRequest request;
  request.set_folder(order.from);
  const auto deleted = co_await run.in_worker("delete-files", request.SerializeAsString());
  if (!deleted) {
    Error error = deleted.error();
    error.text += fmt::format("; the database has moved to {}, but old files are left in {}",
                              order.to, order.from);
    co_return fail(std::move(error));
  }
  remove_empty_folder(order.from);
  co_return copied;
}

Task<Result<std::string>> delete_and_remove(Supervisor& supervisor, Jobs::Run& run) {
  CO_TRY_ASSIGN(std::string report, co_await run.in_worker("delete-files", std::string()));
  CO_TRY_ASSIGN(const auto turn, co_await supervisor.take_turn());
  CO_TRY_ASSIGN(const auto removed,
                supervisor.directory().remove_database(run.facts().database, false));
  remove_empty_folder(removed.path);
  co_return report;
}

Result<std::uint64_t> folder_bytes(const std::string& path) {
  std::uint64_t bytes = 0;
  std::error_code code;
  std::filesystem::recursive_directory_iterator entry(path, code);
  for (const std::filesystem::recursive_directory_iterator end; !code && entry != end;
       entry.increment(code)) {
    std::error_code ignored;  // a file may go while we look
    if (entry->is_regular_file(ignored)) bytes += entry->file_size(ignored);
  }
  if (code) return fail(errno_error("looking at " + escape_for_log(path), code.value()));
  return bytes;
}

Result<> check_period(std::string_view what, std::int64_t seconds) {
  if (seconds >= 0 && seconds <= kPeriodMax) return {};
  return fail(ErrorCode::kInvalid, fmt::format("{}: from 0 to ten years", what));
}

Result<directory::DatabaseChanges> changes_of(const admin::DatabaseSetRequest& request) {
  directory::DatabaseChanges changes;
  if (request.has_mount_at_startup()) changes.mount_at_startup = request.mount_at_startup();
  if (request.has_scan_period_s()) {
    TRY(check_period("scan period", request.scan_period_s()));
    changes.scan_period_s = request.scan_period_s();
  }
  if (request.has_keep_log_s()) {
    TRY(check_period("keep log", request.keep_log_s()));
    changes.keep_log_s = request.keep_log_s();
  }
  if (request.has_compact_below_percent()) {
    if (request.compact_below_percent() > 100)
      return fail(ErrorCode::kInvalid, "compact below: 0 to 100 percent");
    changes.compact_below_percent = request.compact_below_percent();
  }
  return changes;
}

Result<> check_target(const std::string& to, const directory::DatabaseEntry& entry) {
  if (to == entry.path)
    return fail(ErrorCode::kExists, fmt::format("database {} is in {} already", entry.name, to));
  if (to.starts_with(entry.path + "/") || entry.path.starts_with(to + "/")) {
    return fail(ErrorCode::kInvalid,
                fmt::format("{} and {} lie within each other; name another folder",
                            escape_for_log(to), escape_for_log(entry.path)));
  }
  return {};
}

}  // namespace

Task<Result<admin::DatabaseSetReply>> AdminService::database_set(
    admin::DatabaseSetRequest request) {
  CO_TRY_ASSIGN(const auto entry, find_database(request.name()));
  CO_TRY_ASSIGN(auto changes, changes_of(request));
  CO_TRY_ASSIGN(changes.limits, from_wire(request.limits()));
  CO_TRY_ASSIGN(const auto now, supervisor_.directory().set_database(entry.name, changes));
  admin::DatabaseSetReply reply;
  CO_TRY_ASSIGN(*reply.mutable_database(), co_await describe_database(now));
  directory::EffectiveLimits effective;
  directory::apply(now.limits, effective);
  *reply.mutable_effective() = to_wire(effective);
  co_return reply;
}

Task<Result<admin::DatabaseMovePathReply>> AdminService::database_move_path(
    admin::DatabaseMovePathRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  CO_TRY_ASSIGN(const auto entry, find_database(request.name()));
  CO_TRY(supervisor_.jobs().check_free(entry.name));
  CO_TRY_ASSIGN(const std::string to, normal_path(request.path()));
  CO_TRY(check_target(to, entry));
  admin::DatabaseMovePathReply reply;
  reply.set_from(entry.path);
  reply.set_to(to);
  if (request.config_only()) {
    if (supervisor_.stores().find(entry.name) != nullptr) {
      co_return fail(ErrorCode::kDenied,
                     fmt::format("database {} is mounted; dismount it first: hauspost database "
                                 "dismount {}",
                                 entry.name, entry.name));
    }
    CO_TRY_ASSIGN(const Guid there, store::read_database_file(to));
    if (there != entry.guid)
      co_return fail(ErrorCode::kInvalid, fmt::format("{} holds another database", to));
    if (!request.dry_run()) CO_TRY(supervisor_.directory().set_database(entry.name, {.path = to}));
    co_return reply;
  }
  CO_TRY_ASSIGN(const std::uint64_t bytes, folder_bytes(entry.path));
  reply.set_bytes(bytes);
  CO_TRY(store::check_copy_target(to, entry.guid));
  if (request.dry_run()) co_return reply;
  CO_TRY(supervisor_.ownership().lend(to, child::Role::kStore, Ownership::Need::kWrite));
  MoveOrder order{entry.path, to, request.keep_old()};
  CO_TRY_ASSIGN(const std::uint64_t id,
                supervisor_.jobs().start(entry.name, "move-path", [this, order](Jobs::Run& run) {
                  return move_path(supervisor_, run, order);
                }));
  CO_TRY_ASSIGN(const JobFacts facts, co_await supervisor_.jobs().show(id, Duration::zero()));
  *reply.mutable_job() = to_wire(facts);
  co_return reply;
}

Task<Result<admin::DatabaseRemoveReply>> AdminService::remove_with_files(
    directory::DatabaseEntry entry) {
  CO_TRY_ASSIGN(const std::uint64_t id,
                supervisor_.jobs().start(entry.name, "remove", [this](Jobs::Run& run) {
                  return delete_and_remove(supervisor_, run);
                }));
  CO_TRY_ASSIGN(const JobFacts facts, co_await supervisor_.jobs().show(id, Duration::zero()));
  admin::DatabaseRemoveReply reply;
  reply.set_path(entry.path);
  *reply.mutable_job() = to_wire(facts);
  co_return reply;
}

}  // namespace hauspost::supervisor
