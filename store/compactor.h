// Compactor: the steps of a compaction (store/compaction.h). Each leaves the database whole, so
// that a crash anywhere costs only what was not done yet.
#pragma once

#include <map>
#include <set>
#include <shared_mutex>

#include "store/compaction.h"
#include "store/image.h"
#include "store/segment_map.h"
#include "store/throttle.h"
#include "store/writer.h"

namespace hauspost::store {

// The parts of an open database that a compaction works on; they outlive it.
struct CompactedParts {
  const Platform& platform;
  const OpenOptions& options;
  const Guid& guid;
  const Index& index;
  SegmentCache& segments;
  Checkpointer& checkpointer;
  Writer& writer;
  std::shared_mutex& log_hold;  // held shared by those who read segments for long
};

// What compaction could do now.
struct CompactionOutlook {
  std::uint64_t log_bytes = 0;
  std::uint64_t segments = 0;           // all of them
  std::uint64_t compactable_bytes = 0;  // what it would give back of the log
  std::uint64_t segments_dropped = 0;   // files that an earlier one could not remove
  std::uint64_t index_bytes = 0;
  std::uint64_t index_free_bytes = 0;
};
Result<CompactionOutlook> compaction_outlook(const CompactedParts& parts, unsigned below_percent);

// REQUIRES: one compaction of a database at a time, on a thread that may block and is not the
// writer's.
class Compactor {
 public:
  Compactor(const CompactedParts& parts, const CompactOptions& options, Progress& progress);
  Result<CompactReport> run();

 private:
  struct Moment {  // of the index
    std::uint64_t transaction = 0;
    Lsn applied;
  };
  Result<> finish_open_segment();
  Result<> choose();
  Result<> move_bodies();
  Result<> cover_by_image();
  Result<> drop_segments();
  Result<> remove_files();
  Result<> wait_for_checkpoint(Lsn lsn);
  Result<bool> wait_for_readers(std::uint64_t transaction);
  Result<> shrink();
  Result<Moment> now() const;

  const CompactedParts& parts_;
  const CompactOptions& options_;
  Progress& progress_;
  Throttle throttle_;
  CompactReport report_;
  struct Chosen {
    SegmentFile file;
    Lsn last;  // of its records
  };
  std::map<std::uint64_t, Chosen> chosen_;       // by first LSN
  std::map<std::uint64_t, SegmentFile> doomed_;  // dropped, but still there
  std::optional<ImageInfo> image_;               // made by this compaction
};

// Index of a database in place of one that is mostly free pages: `image`, brought up to date from
// the log behind it. Readers keep what they have; the writer pauses for the last step. On failure
// the index is as it was.
Result<> replace_index(const CompactedParts& parts, const ImageInfo& image, Progress& progress);

// Moves bodies out of `segments` into new records, oldest first. Those that cannot be read are in
// `faults` and their segments taken out of `segments`.
struct Moved {
  std::uint64_t bodies = 0;
  std::uint64_t bytes = 0;
};
Result<Moved> relocate_bodies(const CompactedParts& parts, std::set<std::uint64_t>& segments,
                              Throttle& throttle, Progress& progress,
                              std::vector<std::string>& faults);

// Runs `plan` as one change of the server's and waits until it is durable.
Result<> submit_and_wait(Writer& writer, Bodies bodies, std::function<Result<>(Plan&)> plan);

}  // namespace hauspost::store
