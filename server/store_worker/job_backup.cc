#include "server/child/job_backup.pb.h"
#include "server/store_worker/job_kinds.h"
#include "store/backup/back_up.h"
#include "store/platform.h"

namespace hauspost::store_worker {

namespace {

std::string to_wire(const store::BackupReport& from) {
  child::wire::BackupReport to;
  to.set_set(from.set);
  to.set_set_path(from.set_path);
  to.set_generation(from.generation.number);
  to.set_full(from.generation.full);
  to.set_begun_us(from.generation.begun_us);
  to.set_ended_us(from.generation.ended_us);
  to.set_lsn(from.generation.lsn.value);
  to.set_time_us(from.generation.time_us);
  to.set_mailboxes(from.generation.mailboxes);
  to.set_messages(from.generation.messages);
  to.set_copied_bytes(from.generation.copied_bytes);
  to.set_set_bytes(from.bytes);
  to.set_segments(from.segments);
  to.set_sets_removed(from.sets_removed);
  return to.SerializeAsString();
}

}  // namespace

Result<std::string> backup_job(JobContext& context, std::string_view request) {
  TRY_ASSIGN(const auto wish, parse_job_request<child::wire::BackupRequest>(request));
  store::BackupOptions options;
  options.folder = wish.folder();
  options.name = context.settings.database;
  options.full = wish.full();
  options.bytes_per_second = wish.bytes_per_second();
  options.keep_sets = wish.keep_sets();
  if (!options.folder.starts_with('/'))
    return fail(ErrorCode::kInvalid, "the backup's folder must be an absolute path");
  if (context.database != nullptr) {
    TRY_ASSIGN(const auto report, store::back_up(*context.database, options, context.progress));
    return to_wire(report);
  }
  // Dismounted: opened for as long as it takes, at its own epoch, so that nothing is written.
  context.progress.begin("opening the database", 0);
  store::OpenOptions open;
  open.path = context.settings.database_path;
  open.guid = context.settings.database_guid;
  open.epoch = context.settings.epoch;
  TRY_ASSIGN(const auto database, store::Database::open(std::move(open)));
  TRY_ASSIGN(const auto report, store::back_up(*database, options, context.progress));
  return to_wire(report);
}

}  // namespace hauspost::store_worker
