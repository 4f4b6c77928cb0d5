#include "store/rebuild.h"

#include <unistd.h>

#include "store/checkpoint.h"
#include "store/image.h"
#include "store/log_reader.h"
#include "store/recovery.h"
#include "store/scan.h"
#include "store/verify.h"

namespace hauspost::store {

namespace {

constexpr std::string_view kAside = ".before-rebuild";

// The index's files, moved aside and back.
class OldIndex {
 public:
  OldIndex(Disk& disk, const std::string& folder) : disk_(disk), folder_(folder) {}

  Result<> move_aside() {
    suspect_ = ::access((folder_ + "/" + std::string(kSuspectFile)).c_str(), F_OK) == 0;
    for (const std::string_view name : {kCheckpointFile, kIndexFile}) {
      const std::string path = folder_ + "/" + std::string(name);
      TRY(disk_.remove(path + std::string(kAside)));
      if (const auto moved = disk_.rename(path, path + std::string(kAside)); !moved) {
        if (moved.error().code != ErrorCode::kNotFound) return moved;
      }
      TRY(disk_.sync_folder(folder_));
    }
    return {};
  }

  // The index goes first: a checkpoint must never lie beside an index of another time. Before both
  // goes the mark that the old index had, which the new one may have removed.
  Result<> put_back() {
    TRY(disk_.remove(folder_ + "/" + std::string(kCheckpointFile)));
    if (suspect_) {
      TRY_ASSIGN(const auto mark, disk_.open(folder_ + "/" + std::string(kSuspectFile)));
      TRY(mark->sync());
    }
    TRY(disk_.sync_folder(folder_));
    for (const std::string_view name : {kIndexFile, kCheckpointFile}) {
      const std::string path = folder_ + "/" + std::string(name);
      if (const auto moved = disk_.rename(path + std::string(kAside), path); !moved) {
        if (moved.error().code != ErrorCode::kNotFound) return moved;
      }
      TRY(disk_.sync_folder(folder_));
    }
    return {};
  }

  Result<> forget() {
    for (const std::string_view name : {kCheckpointFile, kIndexFile})
      TRY(disk_.remove(folder_ + "/" + std::string(name) + std::string(kAside)));
    return disk_.sync_folder(folder_);
  }

 private:
  Disk& disk_;
  const std::string& folder_;
  bool suspect_ = false;  // the old index was marked as damaged
};

Result<std::uint64_t> read_whole_log(const std::string& folder, Progress& progress) {
  TRY_ASSIGN(const Guid guid, read_database_file(folder));
  TRY_ASSIGN(const FolderLock lock, FolderLock::take(folder));
  const std::string log = log_folder(folder);
  const auto extent = log_extent(folder, guid);
  TRY_ASSIGN(const ScanReport report,
             scan_segments(log, guid, extent ? extent->last : kWholeLog, {}, progress));
  const auto image = read_image_info(folder + "/" + std::string(kImageFile));
  for (const Damage& damage : report.damage) {
    const bool covered =
        image && damage.behind != Lsn() && damage.behind.value <= image->lsn.value + 1;
    if (!covered)
      return fail(ErrorCode::kCorrupt, "the change log is damaged: " + describe(damage));
  }
  if (!extent) return fail(extent.error());
  return report.records;
}

Result<RebuildReport> make_anew(OpenOptions options, Progress& progress) {
  options.create = false;
  options.progress = &progress;
  const std::string folder = options.path;
  const std::string file = folder + "/" + std::string(kIndexFile);
  const std::uint64_t bytes_max = options.index_bytes_max;
  RebuildReport report;
  {
    TRY_ASSIGN(const auto database, Database::open(std::move(options)));
    report.index_bytes = database->statistics().index_bytes;
  }
  TRY_ASSIGN(const Index index, Index::open(file, bytes_max, true));
  TRY_ASSIGN(const ReadTxn txn, index.environment->read());
  VerifyReport found;
  TRY(verify_index(txn, index, log_folder(folder), found, progress));
  if (!found.faults.empty())
    return fail(ErrorCode::kCorrupt, "the new index is not whole: " + found.faults.front());
  report.messages = found.messages;
  return report;
}

}  // namespace

Result<RebuildReport> rebuild_index(OpenOptions options, bool dry_run, Progress& progress) {
  RebuildReport report;
  TRY_ASSIGN(const std::uint64_t records, read_whole_log(options.path, progress));
  report.records = records;
  if (dry_run) return report;
  const std::string folder = options.path;
  OldIndex old(real_disk(), folder);
  TRY(old.move_aside());
  auto made = make_anew(std::move(options), progress);
  if (!made) {
    if (const auto back = old.put_back(); !back)
      return fail(
          std::move(made).error().within("the old index is lost too (" + back.error().text + ")"));
    return fail(std::move(made).error().within("the old index is back in its place"));
  }
  TRY(old.forget());
  made->records = records;
  return *made;
}

}  // namespace hauspost::store
