// Jobs on the closed files of a database: rebuild-index, copy-files, delete-files.
#include <filesystem>

#include "base/text.h"
#include "server/child/jobs.pb.h"
#include "server/store_worker/job_kinds.h"
#include "store/files.h"
#include "store/log_format.h"
#include "store/rebuild.h"
#include "store/recovery.h"
#include "store/segment_map.h"

namespace hauspost::store_worker {

namespace {

namespace fs = std::filesystem;

// Two spellings of one folder are one folder.
fs::path real_path(const std::string& path) {
  std::error_code code;
  const fs::path found = fs::weakly_canonical(path, code);
  fs::path normal = (code ? fs::path(path) : found).lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

bool holds_segment_of(const std::string& folder, const Guid& database) {
  const auto segments = store::list_segments(store::log_folder(folder));
  if (!segments) return false;
  for (const store::SegmentFile& file : *segments) {
    const auto map = store::SegmentMap::open(file.path);
    if (!map) continue;
    const auto header =
        store::decode_segment_header((*map)->bytes().substr(0, store::kSegmentHeaderBytes));
    if (header && header->database == database) return true;
  }
  return false;
}

// "log" and "lock" are names that many a folder knows: only what is provably this database's goes.
// Its own folder may also be empty, or what an earlier deletion that broke off has left.
Result<> check_deletable(const std::string& folder, const Guid& database, bool own) {
  std::error_code code;
  if (!fs::exists(folder, code) && !code) return {};
  const auto there = store::read_database_file(folder);
  if (there && *there == database) return {};
  if (there) {
    return fail(ErrorCode::kInvalid,
                escape_for_log(folder) + " holds another database; nothing was deleted");
  }
  if (holds_segment_of(folder, database)) return {};
  const bool no_log =
      fs::is_empty(store::log_folder(folder), code) || code == std::errc::no_such_file_or_directory;
  if (own && no_log) return {};
  return fail(ErrorCode::kInvalid,
              escape_for_log(folder) + " holds no files of this database; nothing was deleted");
}

}  // namespace

Result<std::string> rebuild_index_job(JobContext& context, std::string_view request) {
  TRY_ASSIGN(const auto wish, parse_job_request<child::wire::RebuildIndexRequest>(request));
  store::OpenOptions options;
  options.path = context.settings.database_path;
  options.guid = context.settings.database_guid;
  options.epoch = context.settings.epoch;
  TRY_ASSIGN(const store::RebuildReport made,
             store::rebuild_index(std::move(options), wish.dry_run(), context.progress));
  child::wire::RebuildIndexReport report;
  report.set_records(made.records);
  report.set_messages(made.messages);
  report.set_index_bytes(made.index_bytes);
  return report.SerializeAsString();
}

Result<std::string> copy_files_job(JobContext& context, std::string_view request) {
  TRY_ASSIGN(const auto wish, parse_job_request<child::wire::CopyFilesRequest>(request));
  TRY_ASSIGN(const store::FileTally copied,
             store::copy_database(context.settings.database_path, wish.to(),
                                  context.settings.database_guid, context.progress));
  child::wire::CopyFilesReport report;
  report.set_files(copied.files);
  report.set_bytes(copied.bytes);
  return report.SerializeAsString();
}

Result<std::string> delete_files_job(JobContext& context, std::string_view request) {
  TRY_ASSIGN(const auto wish, parse_job_request<child::wire::DeleteFilesRequest>(request));
  const bool own = wish.folder().empty() ||
                   real_path(wish.folder()) == real_path(context.settings.database_path);
  if (own && context.database != nullptr)
    return fail(ErrorCode::kDenied, "the files of a mounted database stay");
  std::vector<std::string> left;
  const std::string& folder =
      wish.folder().empty() ? context.settings.database_path : wish.folder();
  TRY(check_deletable(folder, context.settings.database_guid, own));
  TRY_ASSIGN(const store::FileTally deleted,
             store::delete_database(folder, left, context.progress));
  child::wire::DeleteFilesReport report;
  report.set_files(deleted.files);
  report.set_bytes(deleted.bytes);
  for (const std::string& name : left) report.add_left(name);
  return report.SerializeAsString();
}

}  // namespace hauspost::store_worker
