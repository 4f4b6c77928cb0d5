#include <fmt/format.h>

#include <filesystem>

#include "base/text.h"
#include "server/child/control.h"
#include "server/child/control.pb.h"
#include "server/directory/names.h"
#include "server/supervisor/admin_service.h"
#include "server/supervisor/limits_wire.h"
#include "store/backup/back_up.h"

namespace hauspost::supervisor {

namespace {

constexpr Duration kStatisticsTime = std::chrono::seconds(3);

admin::DatabaseState state_of(const ChildProcess* worker) {
  if (worker == nullptr) return admin::DATABASE_STATE_DISMOUNTED;
  switch (worker->facts().state) {
    case ChildProcess::State::kStarting: return admin::DATABASE_STATE_MOUNTING;
    case ChildProcess::State::kRunning: return admin::DATABASE_STATE_MOUNTED;
    case ChildProcess::State::kWaiting: return admin::DATABASE_STATE_FAILED;
    case ChildProcess::State::kQuarantined: return admin::DATABASE_STATE_QUARANTINED;
    case ChildProcess::State::kStopping:
    case ChildProcess::State::kStopped: return admin::DATABASE_STATE_DISMOUNTED;
  }
  return admin::DATABASE_STATE_UNSPECIFIED;
}

void take_statistics(const child::wire::StoreStatistics& from, admin::Database& to) {
  to.set_statistics_known(true);
  to.set_stored_mailboxes(from.mailboxes());
  to.set_messages(from.messages());
  to.set_log_bytes(from.log_bytes());
  to.set_live_body_bytes(from.live_body_bytes());
  to.set_dead_body_bytes(from.dead_body_bytes());
  to.set_index_bytes(from.index_bytes());
  to.set_last_lsn(from.last_lsn());
  to.set_checkpoint_lsn(from.checkpoint_lsn());
  to.set_commits(from.commits());
  to.set_records(from.records());
  *to.mutable_statistics() = from;
}

void take_settings(const directory::DatabaseEntry& from, admin::Database& to) {
  to.set_mount_at_startup(from.mount_at_startup);
  to.set_scan_period_s(from.maintenance.scan_period_s);
  to.set_compact_below_percent(from.maintenance.compact_below_percent);
  to.set_keep_log_s(from.maintenance.keep_log_s);
  *to.mutable_limits() = to_wire(from.limits);
}

void take_jobs(const std::vector<JobFacts>& jobs, admin::Database& to) {
  for (const JobFacts& facts : jobs) {
    if (!iequals(facts.database, to.name())) continue;
    if (facts.state == JobFacts::State::kRunning) *to.add_jobs() = to_wire(facts);
    if (facts.state == JobFacts::State::kDone && facts.kind == "compact")
      to.set_compacted_s(facts.ended_s);
  }
}

// An empty folder of that path: what is there already may be another database.
Result<> make_database_folder(const Ownership& ownership, const std::string& path) {
  std::error_code code;
  if (std::filesystem::exists(path, code)) {
    if (!std::filesystem::is_directory(path, code) || !std::filesystem::is_empty(path, code)) {
      return fail(ErrorCode::kExists,
                  fmt::format("folder {} is not empty; move its files away or name another --path",
                              escape_for_log(path)));
    }
  } else {
    TRY(ownership.lend(path, child::Role::kStore, Ownership::Need::kWrite));
    std::filesystem::create_directories(path, code);
  }
  // Where it is given away, that closes it too, and follows no link to do so.
  if (!code && !ownership.users().switching)
    std::filesystem::permissions(path, std::filesystem::perms::owner_all, code);
  if (code) return fail(errno_error("making folder " + escape_for_log(path), code.value()));
  TRY(ownership.give_tree(path, child::Role::kStore));
  return ownership.lend(path, child::Role::kStore, Ownership::Need::kWrite);
}

// The folder of databases is the store's user's: a link in it must not lead us to give away what is
// elsewhere, such as an empty folder of programs.
Result<> check_inside(const Ownership& ownership, const std::string& databases,
                      const std::string& wanted, const std::string& path) {
  if (!ownership.users().switching || !wanted.starts_with(databases + "/")) return {};
  TRY_ASSIGN(const std::string real, normal_path(databases));
  if (path.starts_with(real + "/")) return {};
  return fail(ErrorCode::kDenied,
              fmt::format("{} leads to {} by a symbolic link; remove that, or name the folder "
                          "itself by --path",
                          escape_for_log(wanted), escape_for_log(path)));
}

}  // namespace

Result<std::string> normal_path(const std::string& path) {
  if (path.find('\0') != std::string::npos || !path.starts_with('/')) {
    return fail(ErrorCode::kInvalid,
                fmt::format("database path \"{}\" must be absolute", escape_for_log(path)));
  }
  std::error_code code;
  std::string normal = std::filesystem::weakly_canonical(path, code).string();
  if (code) return fail(errno_error("path " + escape_for_log(path), code.value()));
  while (normal.size() > 1 && normal.ends_with('/')) normal.pop_back();
  return normal;
}

Result<directory::DatabaseEntry> AdminService::find_database(const std::string& name) const {
  TRY_ASSIGN(auto entry, supervisor_.directory().reader().database(name));
  if (!entry) {
    return fail(ErrorCode::kNotFound,
                fmt::format("database \"{}\" does not exist; see: hauspost database list",
                            escape_for_log(name)));
  }
  return std::move(*entry);
}

Task<Result<admin::Database>> AdminService::describe_database(std::string name) {
  CO_TRY_ASSIGN(auto entry, find_database(name));
  co_return co_await describe_database(std::move(entry));
}

Task<Result<admin::Database>> AdminService::describe_database(directory::DatabaseEntry entry) {
  ChildProcess* worker = supervisor_.stores().find(entry.name);
  admin::Database out;
  out.set_name(entry.name);
  out.set_guid(std::string(entry.guid.as_bytes()));
  out.set_path(entry.path);
  out.set_state(state_of(worker));
  out.set_epoch(entry.epoch);
  out.set_created_s(entry.created_s);
  take_settings(entry, out);
  take_jobs(supervisor_.jobs().list(), out);
  if (out.state() == admin::DATABASE_STATE_FAILED ||
      out.state() == admin::DATABASE_STATE_QUARANTINED)
    out.set_problem(worker->facts().last_death);
  out.set_recovery(entry.recovery);
  if (const auto backup = store::read_last_backup(entry.path)) {
    out.set_last_backup_s(backup->time_us / 1'000'000);
    out.set_last_backup_lsn(backup->lsn.value);
    out.set_last_backup_full(backup->full);
    out.set_last_backup_path(backup->set_path);
  }
  CO_TRY_ASSIGN(const std::uint64_t mailboxes,
                supervisor_.directory().reader().mailbox_count(entry.name));
  out.set_mailboxes(mailboxes);
  const auto control = worker == nullptr ? nullptr : worker->control();
  if (!control) co_return out;
  const auto answer =
      co_await control->call(static_cast<std::uint16_t>(child::ControlMethod::kStoreStatistics),
                             std::string_view(), kStatisticsTime);
  child::wire::StoreStatistics statistics;
  if (answer && statistics.ParseFromString(*answer)) take_statistics(statistics, out);
  co_return out;
}

Task<Result<admin::DatabaseCreateReply>> AdminService::database_create(
    admin::DatabaseCreateRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  const std::string& name = request.name();
  CO_TRY(directory::check_database_name(name));
  CO_TRY_ASSIGN(const auto existing, supervisor_.directory().reader().database(name));
  if (existing) {
    co_return fail(ErrorCode::kExists, fmt::format("database {} exists already", existing->name));
  }
  const std::string wanted = request.path().empty()
                                 ? supervisor_.options().data_root + "/databases/" + name
                                 : request.path();
  CO_TRY_ASSIGN(const std::string path, normal_path(wanted));
  CO_TRY(check_inside(supervisor_.ownership(), supervisor_.options().data_root + "/databases",
                      wanted, path));
  CO_TRY(make_database_folder(supervisor_.ownership(), path));
  CO_TRY(supervisor_.directory().create_database(name, path, unix_now()));
  if (!request.leave_dismounted()) CO_TRY(co_await supervisor_.mount(name));
  admin::DatabaseCreateReply reply;
  CO_TRY_ASSIGN(*reply.mutable_database(), co_await describe_database(name));
  co_return reply;
}

Task<Result<admin::DatabaseListReply>> AdminService::database_list(admin::DatabaseListRequest) {
  admin::DatabaseListReply reply;
  CO_TRY_ASSIGN(const auto entries, supervisor_.directory().reader().databases());
  for (const directory::DatabaseEntry& entry : entries) {
    CO_TRY_ASSIGN(*reply.add_databases(), co_await describe_database(entry));
  }
  co_return reply;
}

Task<Result<admin::DatabaseShowReply>> AdminService::database_show(
    admin::DatabaseShowRequest request) {
  admin::DatabaseShowReply reply;
  CO_TRY_ASSIGN(*reply.mutable_database(), co_await describe_database(request.name()));
  co_return reply;
}

Task<Result<admin::DatabaseMountReply>> AdminService::database_mount(
    admin::DatabaseMountRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  CO_TRY(find_database(request.name()));
  CO_TRY(co_await supervisor_.mount(request.name()));
  admin::DatabaseMountReply reply;
  CO_TRY_ASSIGN(*reply.mutable_database(), co_await describe_database(request.name()));
  co_return reply;
}

Task<Result<admin::DatabaseDismountReply>> AdminService::database_dismount(
    admin::DatabaseDismountRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  CO_TRY(find_database(request.name()));
  CO_TRY(co_await supervisor_.dismount(request.name()));
  admin::DatabaseDismountReply reply;
  CO_TRY_ASSIGN(*reply.mutable_database(), co_await describe_database(request.name()));
  co_return reply;
}

Task<Result<admin::DatabaseRemoveReply>> AdminService::database_remove(
    admin::DatabaseRemoveRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  CO_TRY(supervisor_.jobs().check_free(request.name()));
  if (request.delete_files() && !request.dry_run()) {
    // Refuses what the removal itself would.
    CO_TRY_ASSIGN(auto entry, supervisor_.directory().remove_database(request.name(), true));
    co_return co_await remove_with_files(std::move(entry));
  }
  CO_TRY_ASSIGN(const auto removed,
                supervisor_.directory().remove_database(request.name(), request.dry_run()));
  admin::DatabaseRemoveReply reply;
  reply.set_path(removed.path);
  co_return reply;
}

}  // namespace hauspost::supervisor
