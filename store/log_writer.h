// LogWriter: appends records to the change log. Records are staged, then written with one write and
// made durable with one sync. Want of space shows before anything is written, as kExhausted: nothing
// has changed then, and it may be tried again. Every other error of the disk is final: the process
// must end.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "store/log_format.h"
#include "store/platform.h"

namespace hauspost::store {

// Makes the next segment's file ahead of time, filled with zeros, on a thread of its own: appends
// then overwrite blocks that exist, which halves the price of their sync. Thread-safe.
class SegmentPreparer {
 public:
  SegmentPreparer(const Platform& platform, std::string log_folder, std::uint64_t bytes,
                  std::uint64_t reserve_bytes);
  ~SegmentPreparer();
  SegmentPreparer(const SegmentPreparer&) = delete;
  SegmentPreparer& operator=(const SegmentPreparer&) = delete;

  void request();  // no-op while one is being made or ready
  bool ready() const;
  // The file, open, named kPreparedFile in the log folder; nullptr when none is ready.
  std::unique_ptr<DiskFile> take();

  static constexpr const char* kPreparedFile = "prepared";

 private:
  void run();
  Result<std::unique_ptr<DiskFile>> prepare();
  void keep(Result<std::unique_ptr<DiskFile>> file);
  bool stopping() const;

  Disk& disk_;
  const bool in_order_;
  const std::string folder_;
  const std::uint64_t bytes_;
  const std::uint64_t reserve_bytes_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  bool wanted_ = false;
  bool stop_ = false;
  std::unique_ptr<DiskFile> ready_;
  std::thread thread_;
};

enum class Space : std::uint8_t {
  kEnough,
  kShort,  // below the reserve, and until a quarter more than it is free again
  kGone,   // below a quarter of it
};

// REQUIRES: one thread.
class LogWriter {
 public:
  struct Options {
    std::string log_folder;
    Guid database;
    std::uint64_t epoch = 0;
    std::uint64_t segment_bytes = 0;
    std::uint64_t disk_reserve_bytes = 0;
  };
  // Goes on behind `last` at `end` of the segment `segment`, or creates the first segment when
  // `segment` is 0. REQUIRES: that segment holds zeros from `end` on.
  static Result<std::unique_ptr<LogWriter>> open(const Platform& platform, Options options,
                                                 Lsn segment, std::uint64_t end, Lsn last);

  // Before the first record of a batch: begins a new segment when `expected` more bytes should not
  // go into this one. kExhausted: no space for one.
  Result<> make_room(std::uint64_t expected);
  // Before what is staged is written: takes the blocks it needs. kExhausted: drop it.
  Result<> allocate_staged();
  Lsn segment() const { return segment_; }
  Lsn next_lsn() const { return next_lsn_; }
  // Where the next staged record will lie.
  std::uint64_t staged_end() const { return staged_end_; }
  std::uint64_t staged_bytes() const { return staged_end_ - end_; }
  void stage(std::unique_ptr<EncodedRecord> record);
  bool has_staged() const { return !staged_.empty(); }
  // Takes all staged records back.
  void drop_staged();
  // REQUIRES: allocate_staged(). Every failure is final.
  Result<> write_staged();
  // Ends the open segment, so that it can be compacted, and begins a new one. kExhausted: no space.
  // REQUIRES: nothing is staged.
  Result<> finish_segment();
  // How much of the reserve is left. Looks at the disk now and then, and each time while it is
  // short.
  Result<Space> space();

 private:
  LogWriter(const Platform& platform, Options options);
  Result<> begin_segment(std::unique_ptr<DiskFile> prepared);

  const Platform& platform_;
  const Options options_;
  SegmentPreparer preparer_;
  std::unique_ptr<DiskFile> file_;
  Lsn segment_;
  Lsn next_lsn_;
  std::uint64_t end_ = 0;         // of what is durable
  std::uint64_t staged_end_ = 0;  // with what is staged
  std::uint64_t allocated_ = 0;   // file size
  std::vector<std::unique_ptr<EncodedRecord>> staged_;
  std::vector<std::string_view> pieces_;  // kept for its memory
  Space space_ = Space::kEnough;
  std::uint64_t checked_at_ = 0;  // bytes written when space was last looked at
  std::uint64_t written_ = 0;
  std::chrono::steady_clock::time_point checked_time_{};
};

// Writes zeros over [from, to) of an open file and syncs it.
Result<> fill_with_zeros(DiskFile& file, std::uint64_t from, std::uint64_t to);

}  // namespace hauspost::store
