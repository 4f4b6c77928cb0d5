#include "store/backup/restore.h"

#include <stdlib.h>

#include <filesystem>

#include "base/bytes.h"
#include "base/log.h"
#include "store/backup/await.h"
#include "store/image.h"
#include "store/recovery.h"
#include "store/throttle.h"
#include "store/verify.h"

namespace hauspost::store {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kStep = 1 << 20;
constexpr std::string_view kScratchPrefix = "backup-scratch-";

// Lays out one moment of a set as a database's folder. With `linked`, closed segments are links to
// the backup's own, which nobody writes to.
class Layout {
 public:
  Layout(const Platform& platform, const FoundPoint& point, std::string folder,
         const Guid& database, bool linked, std::uint64_t bytes_per_second, Progress& progress)
      : platform_(platform),
        disk_(*platform.disk),
        set_(point.set),
        lsn_(point.lsn),
        folder_(std::move(folder)),
        guid_(database),
        linked_(linked),
        throttle_(bytes_per_second),
        progress_(progress) {}

  // The file "database" comes last: without it the folder is no database.
  Result<> run() {
    TRY(make_folder(folder_));
    TRY(make_folder(log_folder(folder_)));
    TRY(choose_segments());
    std::uint64_t total = 0;
    for (const BackupSegment& segment : chosen_) total += segment.bytes;
    progress_.begin("bringing back the change log", total);
    for (const BackupSegment& segment : chosen_) TRY(place(segment));
    TRY(disk_.sync_folder(log_folder(folder_)));
    return write_database_file(platform_, folder_, guid_);
  }

  // Whether the log alone is enough to make the index again.
  bool log_is_whole() const { return whole_; }
  std::int64_t time_us() const { return time_us_; }
  std::uint64_t bytes() const { return bytes_; }

 private:
  Result<> make_folder(const std::string& path) {
    std::error_code code;
    fs::create_directories(path, code);
    if (!code) fs::permissions(path, fs::perms::owner_all, code);
    if (code) return fail(errno_error("making " + path, code.value()));
    return sync_name(disk_, path);
  }

  Result<> choose_segments() {
    const BackupImage* const base = base_image(set_.manifest, lsn_);
    for (const BackupSegment& segment : set_.manifest.segments) {
      if (segment.first <= lsn_) chosen_.push_back(segment);
    }
    whole_ = lsn_ == Lsn() || (!chosen_.empty() && chosen_.front().first == Lsn(1));
    for (std::size_t i = 1; i < chosen_.size(); ++i)
      whole_ = whole_ && chosen_[i].first == chosen_[i - 1].last.next();
    if (base == nullptr) return {};
    TRY(restore_image(platform_, set_image_path(set_.path, base->lsn), folder_, guid_, progress_));
    if (whole_) return {};
    TRY_ASSIGN(const auto index,
               Index::open(folder_ + "/" + std::string(kIndexFile), 1ULL << 30, true));
    TRY_ASSIGN(const ReadTxn txn, index.environment->read());
    std::vector<BackupSegment> needed;
    for (const BackupSegment& segment : chosen_) {
      TRY_ASSIGN(const auto raw, txn.get(index.segments, segment_key(segment.first)));
      SegmentRow row;
      if (raw) {
        TRY_ASSIGN(row, decode_segment(*raw));
      }
      if (segment.last >= base->lsn || row.live_bytes != 0) needed.push_back(segment);
    }
    chosen_ = std::move(needed);
    return {};
  }

  Result<> place(const BackupSegment& segment) {
    const bool last = segment.first == chosen_.back().first;
    const std::string to = log_folder(folder_) + "/" + segment_name(segment.first);
    if (linked_ && !last) {
      TRY(open_segment(set_, segment));
      std::error_code code;
      fs::create_symlink(fs::absolute(set_segment_path(set_.path, segment.first)), to, code);
      if (code) return fail(errno_error("linking " + to, code.value()));
      progress_.add(segment.bytes);
      return progress_.check();
    }
    TRY_ASSIGN(const auto map, open_segment(set_, segment));
    const auto note = [this](const PlacedRecord& placed) -> Result<> {
      time_us_ = placed.record.header.time_us;
      return progress_.check();
    };
    TRY_ASSIGN(const std::uint64_t end,
               read_segment_records(set_segment_path(set_.path, segment.first),
                                    map->bytes().substr(0, segment.bytes), set_.manifest.database,
                                    segment.first, std::min(segment.last, lsn_), note));
    return copy(map->bytes().substr(0, end), to);
  }

  // With the header of the new database: the records do not say which one they belong to.
  Result<> copy(std::string_view bytes, const std::string& to) {
    TRY_ASSIGN(SegmentHeader header, decode_segment_header(bytes));
    header.database = guid_;
    const std::string page = encode_segment_header(header);
    TRY(disk_.remove(to));
    TRY_ASSIGN(const auto file, disk_.open(to));
    const std::string_view head = page;
    TRY(file->write_at(0, {&head, 1}));
    for (std::size_t at = kSegmentHeaderBytes; at < bytes.size(); at += kStep) {
      const std::string_view step = bytes.substr(at, kStep);
      TRY(file->write_at(at, {&step, 1}));
      progress_.add(step.size());
      TRY(throttle_.spend(step.size(), progress_));
    }
    bytes_ += bytes.size();
    return file->sync();
  }

  const Platform& platform_;
  Disk& disk_;
  const BackupSet& set_;
  const Lsn lsn_;
  const std::string folder_;
  const Guid guid_;
  const bool linked_;
  Throttle throttle_;
  Progress& progress_;
  std::vector<BackupSegment> chosen_;
  bool whole_ = false;
  std::int64_t time_us_ = 0;
  std::uint64_t bytes_ = 0;
};

// The log's own epoch: no record need be written only because it is opened.
Result<std::unique_ptr<Database>> open_laid_out(const Platform& platform, const std::string& folder,
                                                const Guid& guid) {
  TRY_ASSIGN(const LogExtent extent, scan_log(log_folder(folder), guid));
  OpenOptions options;
  options.path = folder;
  options.guid = guid;
  options.epoch = std::max<std::uint64_t>(extent.epoch, 1);
  return Database::open(std::move(options), platform);
}

Result<> check_counts(const BackupSet& set, Lsn lsn, const Database::Statistics& found) {
  if (found.last_lsn != lsn) {
    return fail(ErrorCode::kCorrupt, fmt::format("{} ends at record {} instead of {}", set.path,
                                                 found.last_lsn.value, lsn.value));
  }
  for (const BackupGeneration& generation : set.manifest.generations) {
    if (generation.lsn != lsn) continue;
    if (generation.messages == found.messages && generation.mailboxes == found.mailboxes) continue;
    return fail(
        ErrorCode::kCorrupt,
        fmt::format("{} holds {} messages in {} mailboxes, but {} in {} were backed up", set.path,
                    found.messages, found.mailboxes, generation.messages, generation.mailboxes));
  }
  return {};
}

}  // namespace

Result<RestoreReport> restore_database(const Platform& platform, const RestoreOptions& options,
                                       Progress& progress) {
  std::error_code code;
  if (fs::exists(options.folder, code) && !fs::is_empty(options.folder, code))
    return fail(ErrorCode::kExists, "folder " + options.folder + " is not empty");
  TRY_ASSIGN(const FoundPoint point, find_point(options.backup, options.set, options.point));
  Layout layout(platform, point, options.folder, options.database, false, options.bytes_per_second,
                progress);
  TRY(layout.run());
  RestoreReport report;
  report.set_path = point.set.path;
  report.lsn = point.lsn;
  report.time_us = layout.time_us();
  report.bytes = layout.bytes();
  progress.begin("opening the database", 0);
  TRY_ASSIGN(const auto database, open_laid_out(platform, options.folder, options.database));
  const Database::Statistics found = database->statistics();
  TRY(check_counts(point.set, point.lsn, found));
  report.mailboxes = found.mailboxes;
  report.messages = found.messages;
  report.epoch = database->epoch();
  TRY(await_here(database->renew_uid_validity(Actor{})));
  if (!layout.log_is_whole()) {
    // Without its beginning the log cannot make the index again: from here on this image can.
    Throttle throttle(options.bytes_per_second);
    TRY(database->write_image(options.folder + "/" + std::string(kImageFile), throttle, progress));
  }
  database->close();
  return report;
}

Result<std::unique_ptr<OpenedBackup>> OpenedBackup::open(const Platform& platform,
                                                         const FoundPoint& point,
                                                         const std::string& scratch,
                                                         Progress& progress) {
  std::string folder = scratch + "/" + std::string(kScratchPrefix) + "XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr)
    return fail(errno_error("making a scratch folder in " + scratch));
  std::unique_ptr<OpenedBackup> opened(new OpenedBackup(folder));
  const Guid& guid = point.set.manifest.database;
  Layout layout(platform, point, folder, guid, true, 0, progress);
  TRY(layout.run());
  progress.begin("opening the backup", 0);
  TRY_ASSIGN(opened->database_, open_laid_out(platform, folder, guid));
  return opened;
}

Result<std::unique_ptr<Database>> open_closed_database(const std::string& folder) {
  TRY_ASSIGN(const Guid guid, read_database_file(folder));
  return open_laid_out(Platform::real(), folder, guid);
}

OpenedBackup::~OpenedBackup() {
  database_.reset();
  std::error_code code;
  fs::remove_all(folder_, code);  // of links it removes only the links
  if (code) log::warning("backup.scratch.kept", {{"folder", folder_}, {"cause", code.message()}});
}

void remove_scratch(const std::string& scratch) {
  std::error_code code;
  std::vector<fs::path> doomed;
  for (auto entry = fs::directory_iterator(scratch, code);
       !code && entry != fs::directory_iterator(); entry.increment(code)) {
    if (entry->path().filename().string().starts_with(kScratchPrefix))
      doomed.push_back(entry->path());
  }
  for (const fs::path& path : doomed) fs::remove_all(path, code);
}

namespace {

class SetVerifier {
 public:
  SetVerifier(const Platform& platform, const BackupSet& set, Progress& progress)
      : platform_(platform), set_(set), progress_(progress) {
    out_.number = set.number;
    out_.path = set.path;
    out_.generations = set.manifest.generations.size();
    out_.lsn = set.manifest.generations.back().lsn;
    out_.segments = set.manifest.segments.size();
    out_.images = set.manifest.images.size();
  }

  Result<VerifiedSet> run(const std::string& scratch) {
    TRY(files());
    // A damaged set is not opened: its faults are known, and it may open all the same.
    if (out_.faults.empty()) TRY(opens(scratch));
    return std::move(out_);
  }

 private:
  // Damage is noted; what keeps us from looking is passed on.
  Result<> note(const Result<>& result) {
    if (result) return {};
    if (result.error().code == ErrorCode::kCancelled) return result;
    if (result.error().code == ErrorCode::kExhausted) return result;
    out_.faults.push_back(result.error().text);
    return {};
  }

  Result<> files() {
    std::uint64_t total = 0;
    for (const BackupSegment& segment : set_.manifest.segments) total += segment.bytes;
    progress_.begin("reading set " + std::to_string(set_.number), total);
    for (const BackupSegment& segment : set_.manifest.segments) {
      TRY(note(check_segment(set_, segment, progress_)));
      out_.records += segment.last.value - segment.first.value + 1;
      out_.bytes += segment.bytes;
    }
    for (const BackupImage& image : set_.manifest.images) {
      TRY(note(check(image)));
      out_.bytes += image.bytes;
    }
    return {};
  }

  Result<> check(const BackupImage& image) {
    const std::string path = set_image_path(set_.path, image.lsn);
    TRY_ASSIGN(const ImageInfo info, check_image(path, progress_));
    if (info.lsn != image.lsn || info.bytes != image.bytes ||
        info.database != set_.manifest.database)
      return fail(ErrorCode::kCorrupt, path + " is another image than was written");
    return {};
  }

  Result<> opens(const std::string& scratch) {
    auto opened = OpenedBackup::open(platform_, {set_, out_.lsn}, scratch, progress_);
    if (!opened) return note(fail(std::move(opened).error()));
    const Database& database = (*opened)->database();
    const Database::Statistics found = database.statistics();
    out_.mailboxes = found.mailboxes;
    out_.messages = found.messages;
    TRY(note(check_counts(set_, out_.lsn, found)));
    progress_.begin("checking the opened database", 0);
    TRY_ASSIGN(VerifyReport report, database.verify());
    for (std::string& fault : report.faults) out_.faults.push_back(std::move(fault));
    return {};
  }

  const Platform& platform_;
  const BackupSet& set_;
  Progress& progress_;
  VerifiedSet out_;
};

}  // namespace

Result<std::vector<VerifiedSet>> verify_backup(const Platform& platform, const std::string& folder,
                                               std::uint64_t set, const std::string& scratch,
                                               Progress& progress) {
  TRY_ASSIGN(const auto numbers, list_set_numbers(folder));
  std::vector<VerifiedSet> out;
  for (const std::uint64_t number : numbers) {
    if (set != 0 && number != set) continue;
    const auto found = read_set(folder, number);
    if (!found) {
      VerifiedSet broken;
      broken.number = number;
      broken.path = set_path(folder, number);
      broken.faults.push_back(found.error().text);
      out.push_back(std::move(broken));
      continue;
    }
    TRY_ASSIGN(VerifiedSet verified, SetVerifier(platform, *found, progress).run(scratch));
    out.push_back(std::move(verified));
  }
  if (out.empty()) return fail(ErrorCode::kNotFound, folder + " holds no such backup");
  return out;
}

}  // namespace hauspost::store
