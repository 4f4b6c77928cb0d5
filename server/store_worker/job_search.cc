#include <filesystem>

#include "server/child/job_search.pb.h"
#include "server/store_worker/job_kinds.h"
#include "store/recovery.h"
#include "store/search/search_index.h"

namespace hauspost::store_worker {

namespace {

Result<std::string> drop_index(const std::string& database_path) {
  TRY_ASSIGN(const auto lock, store::FolderLock::take(database_path));
  const std::string folder = database_path + "/" + std::string(store::kSearchFolder);
  std::error_code failed;
  std::filesystem::remove_all(folder, failed);
  if (failed) return fail(errno_error("removing " + folder, failed.value()));
  child::wire::SearchRebuildReport report;
  report.set_at_mount(true);
  return report.SerializeAsString();
}

}  // namespace

Result<std::string> search_rebuild_job(JobContext& context, std::string_view request) {
  TRY(parse_job_request<child::wire::SearchRebuildRequest>(request));
  if (context.database == nullptr) return drop_index(context.settings.database_path);
  store::SearchIndex* const search = context.database->search();
  if (search == nullptr) return fail(ErrorCode::kInvalid, "the database has no search index");
  TRY(search->rebuild(context.progress));
  const store::SearchIndex::Status status = search->status();
  child::wire::SearchRebuildReport report;
  report.set_documents(status.documents);
  report.set_bytes(status.bytes);
  report.set_unreadable(status.unreadable);
  return report.SerializeAsString();
}

}  // namespace hauspost::store_worker
