// Backup folder: where sets lie, and how their files are found and read.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "store/backup/manifest.h"
#include "store/log_reader.h"
#include "store/progress.h"

namespace hauspost::store {

inline constexpr std::string_view kManifestFile = "manifest";

struct BackupSet {
  std::uint64_t number = 0;
  std::string path;
  BackupManifest manifest;
};

std::string set_path(const std::string& folder, std::uint64_t number);
std::string set_segment_path(const std::string& set, Lsn first);
std::string set_image_path(const std::string& set, Lsn lsn);

// Every set folder's number in rising order, also of those without a manifest. kNotFound.
Result<std::vector<std::uint64_t>> list_set_numbers(const std::string& folder);
// kNotFound: there is no manifest, so no backup; kCorrupt.
Result<BackupSet> read_set(const std::string& folder, std::uint64_t number);
// What can be read, oldest first, and why the rest cannot. kNotFound: nothing there is a backup.
struct BackupSets {
  std::vector<BackupSet> sets;
  std::vector<std::string> faults;
};
Result<BackupSets> read_sets(const std::string& folder);

// Every record of a segment file that lies in its first `bytes` bytes and is not above `last`, in
// order, with CRCs checked. Returns the offset behind the last of them. kCorrupt names the file,
// the offset and the record that should have been there.
Result<std::uint64_t> read_segment_records(const std::string& path, std::string_view bytes,
                                           const Guid& database, Lsn first, Lsn last,
                                           const RecordVisitor& visit);

// A segment of the set, mapped, as far as the manifest says. kCorrupt: the file is shorter, missing
// or another one than was written; which record is damaged is said where it can be.
Result<std::shared_ptr<const SegmentMap>> open_segment(const BackupSet& set,
                                                       const BackupSegment& segment);
// Reads all of it: the CRC of the whole and of every record.
Result<> check_segment(const BackupSet& set, const BackupSegment& segment, Progress& progress);

// Where a restore should end.
struct RestorePoint {
  std::optional<Lsn> lsn;
  std::optional<std::int64_t> time_us;  // neither: the newest there is
};
// The last record to restore. kNotFound: the set does not reach there, or lost what lay between;
// the text says which moments are nearest.
Result<Lsn> find_point(const BackupSet& set, const RestorePoint& point);
// The newest set that reaches the point, and the record.
struct FoundPoint {
  BackupSet set;
  Lsn lsn;
};
Result<FoundPoint> find_point(const std::string& folder, std::uint64_t set_number,
                              const RestorePoint& point);

// "2026-11-21T22:51:09Z" of Unix microseconds.
std::string format_time(std::int64_t time_us);

// Held by whoever writes to the backup folder.
class BackupLock {
 public:
  // Makes the folder when it does not exist. kUnavailable: another backup is under way there.
  static Result<BackupLock> take(const std::string& folder);
  BackupLock(BackupLock&& other) noexcept;
  BackupLock& operator=(BackupLock&&) = delete;
  ~BackupLock();

 private:
  explicit BackupLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace hauspost::store
