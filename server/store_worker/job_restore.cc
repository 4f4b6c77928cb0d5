#include <filesystem>

#include "base/text.h"
#include "server/child/job_backup.pb.h"
#include "server/store_worker/job_kinds.h"
#include "store/backup/merge_mailbox.h"
#include "store/backup/restore.h"

namespace hauspost::store_worker {

namespace {

namespace fs = std::filesystem;

store::RestorePoint point_of(const child::wire::BackupPoint& from) {
  store::RestorePoint point;
  if (from.has_lsn()) point.lsn = store::Lsn(from.lsn());
  if (from.has_time_us()) point.time_us = from.time_us();
  return point;
}

// What a restore that failed has made, in a folder that was empty before.
void clear_folder(const std::string& folder) {
  std::error_code code;
  std::vector<fs::path> inside;
  for (auto entry = fs::directory_iterator(folder, code);
       !code && entry != fs::directory_iterator(); entry.increment(code))
    inside.push_back(entry->path());
  for (const fs::path& path : inside) fs::remove_all(path, code);
}

}  // namespace

Result<std::string> restore_job(JobContext& context, std::string_view request) {
  TRY_ASSIGN(const auto wish, parse_job_request<child::wire::RestoreRequest>(request));
  store::RestoreOptions options;
  options.backup = wish.from().folder();
  options.set = wish.from().set();
  options.point = point_of(wish.from());
  options.folder = context.settings.database_path;
  options.database = context.settings.database_guid;
  options.bytes_per_second = wish.bytes_per_second();
  auto restored = store::restore_database(store::Platform::real(), options, context.progress);
  if (!restored) {
    if (restored.error().code != ErrorCode::kExists) clear_folder(options.folder);
    return fail(std::move(restored).error());
  }
  child::wire::RestoreReport report;
  report.set_set_path(restored->set_path);
  report.set_lsn(restored->lsn.value);
  report.set_time_us(restored->time_us);
  report.set_epoch(restored->epoch);
  report.set_mailboxes(restored->mailboxes);
  report.set_messages(restored->messages);
  report.set_log_bytes(restored->bytes);
  return report.SerializeAsString();
}

namespace {

// By GUID, or by the address it had when the store first saw it: an account that was removed and
// made again has another GUID.
Result<Guid> find_source(const store::Database& source,
                         const child::wire::RestoreMailboxRequest& wish) {
  const store::Snapshot snapshot = source.snapshot();
  const auto guid = Guid::from_bytes(wish.mailbox_guid());
  if (guid && snapshot.mailbox(*guid)) return *guid;
  std::vector<Guid> found;
  for (const store::Mailbox& mailbox : snapshot.mailboxes()) {
    if (iequals(mailbox.label, wish.mailbox())) found.push_back(mailbox.guid);
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    return fail(ErrorCode::kNotFound, "mailbox " + escape_for_log(wish.mailbox()) +
                                          " was not in the database at that moment");
  }
  std::string guids;
  for (const Guid& each : found) guids += " " + each.to_string();
  return fail(ErrorCode::kInvalid, "several mailboxes were " + escape_for_log(wish.mailbox()) +
                                       "; name one by its GUID:" + guids);
}

Result<std::string> merge(JobContext& context, const store::Database& source,
                          const child::wire::RestoreMailboxRequest& wish) {
  const auto to = Guid::from_bytes(wish.to_guid());
  if (!to) return fail(ErrorCode::kInvalid, "the request names no mailbox to restore into");
  store::MergeOptions options;
  TRY_ASSIGN(options.from, find_source(source, wish));
  options.folder = wish.folder();
  options.to = *to;
  options.to_label = wish.to_label();
  options.root = wish.root();
  options.copy_again = wish.copy_again();
  TRY_ASSIGN(const auto merged,
             store::merge_mailbox(source, *context.database, options, context.progress));
  child::wire::RestoreMailboxReport report;
  report.set_lsn(source.statistics().last_lsn.value);
  report.set_folders(merged.folders);
  report.set_folders_made(merged.folders_made);
  report.set_messages(merged.messages);
  report.set_copied(merged.copied);
  report.set_existing(merged.existing);
  report.set_bytes(merged.bytes);
  for (const std::string& damaged : merged.damaged) report.add_damaged(damaged);
  return report.SerializeAsString();
}

}  // namespace

Result<std::string> restore_mailbox_job(JobContext& context, std::string_view request) {
  TRY_ASSIGN(const auto wish, parse_job_request<child::wire::RestoreMailboxRequest>(request));
  if (!wish.from_database().empty()) {
    context.progress.begin("opening the source", 0);
    TRY_ASSIGN(const auto source, store::open_closed_database(wish.from_database()));
    return merge(context, *source, wish);
  }
  const std::string& scratch = context.settings.database_path;
  store::remove_scratch(scratch);  // of a worker that died in such a job; none other runs now
  TRY_ASSIGN(const store::FoundPoint point,
             store::find_point(wish.from().folder(), wish.from().set(), point_of(wish.from())));
  TRY_ASSIGN(const auto source,
             store::OpenedBackup::open(store::Platform::real(), point, scratch, context.progress));
  return merge(context, source->database(), wish);
}

}  // namespace hauspost::store_worker
