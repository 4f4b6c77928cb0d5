// Segments of the change log as mapped memory, shared by everyone who reads them.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "store/log_format.h"
#include "store/types.h"

namespace hauspost::store {

// One mapped segment file, as long as it was when mapped. Thread-safe.
class SegmentMap {
 public:
  static Result<std::shared_ptr<const SegmentMap>> open(const std::string& path);
  ~SegmentMap();
  SegmentMap(const SegmentMap&) = delete;
  SegmentMap& operator=(const SegmentMap&) = delete;

  std::string_view bytes() const { return bytes_; }
  // The blob at `offset`, its CRC checked: each time for small ones, once a mapping for large ones.
  Result<BlobView> blob(std::uint64_t offset) const;
  Result<BlobView> unchecked_blob(std::uint64_t offset) const;
  // As Environment::let_go_of_pages.
  void let_go_of_pages() const;

 private:
  explicit SegmentMap(std::string_view bytes) : bytes_(bytes) {}
  static constexpr std::uint64_t kCheckAlwaysMax = 64 * 1024;
  std::string_view bytes_;
  mutable std::mutex mutex_;
  mutable std::unordered_set<std::uint64_t> checked_;  // offsets of large blobs that passed
};

struct SegmentFile {
  Lsn first_lsn;
  std::string path;
  std::uint64_t bytes = 0;
};
std::string segment_name(Lsn first);
// All segments of a log folder in order; other files there are ignored.
Result<std::vector<SegmentFile>> list_segments(const std::string& log_folder);

// Keeps segments mapped. Thread-safe; what it gave out stays valid after it is gone.
class SegmentCache {
 public:
  explicit SegmentCache(std::string log_folder) : folder_(std::move(log_folder)) {}

  // The segment, mapped at least up to `end`. kCorrupt: the file is shorter, or missing.
  Result<std::shared_ptr<const SegmentMap>> get(Lsn segment, std::uint64_t end);
  // The file goes away.
  void forget(Lsn segment);
  // Somebody reads `bytes` of `map`. Now and then this lets go of what was read before, so that a
  // walk over all mail does not keep all mail resident.
  void note_read(const std::shared_ptr<const SegmentMap>& map, std::uint64_t bytes);

 private:
  static constexpr std::size_t kMappedMax = 1024;
  static constexpr std::uint64_t kResidentMax = 16ULL << 20;
  static constexpr std::uint64_t kReadAroundBytes = 16ULL << 10;  // the kernel maps neighbours, too
  std::string folder_;
  std::mutex mutex_;
  std::map<std::uint64_t, std::shared_ptr<const SegmentMap>> maps_;  // shared with bodies read
  std::uint64_t resident_ = 0;  // at most about this much of `read_`
  std::vector<std::shared_ptr<const SegmentMap>> read_;  // since pages were let go last
};

}  // namespace hauspost::store
