// Jobs on the closed files of a database: rebuild-index, copy-files, delete-files.
#include "server/child/jobs.pb.h"
#include "server/store_worker/job_kinds.h"
#include "store/files.h"
#include "store/rebuild.h"

namespace hauspost::store_worker {

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
  const bool own = wish.folder().empty() || wish.folder() == context.settings.database_path;
  if (own && context.database != nullptr)
    return fail(ErrorCode::kDenied, "the files of a mounted database stay");
  std::vector<std::string> left;
  const std::string& folder =
      wish.folder().empty() ? context.settings.database_path : wish.folder();
  TRY_ASSIGN(const store::FileTally deleted,
             store::delete_database(folder, left, context.progress));
  child::wire::DeleteFilesReport report;
  report.set_files(deleted.files);
  report.set_bytes(deleted.bytes);
  for (const std::string& name : left) report.add_left(name);
  return report.SerializeAsString();
}

}  // namespace hauspost::store_worker
