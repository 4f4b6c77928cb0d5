// Checkpoints: why the index may run without sync (store/README.md). Each one syncs the index,
// saves its two meta pages and keeps a snapshot of that moment open, so that LMDB reuses none of
// its pages: putting the meta pages back brings the file to that moment whatever was written since.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "store/platform.h"
#include "store/schema.h"

namespace hauspost::store {

inline constexpr std::size_t kMetaBytes = 8192;  // two LMDB pages of 4096
inline constexpr std::string_view kCheckpointFile = "checkpoint";
// There while the index was found damaged by the process that had it open: the next mount derives
// it again.
inline constexpr std::string_view kSuspectFile = "index.suspect";
// Behind the name of an index that recovery moved aside, until it has made a new one.
inline constexpr std::string_view kDamagedSuffix = ".damaged";

struct CheckpointFile {
  Guid database;
  Lsn lsn;              // State::applied of the saved snapshot
  bool clean = false;   // nothing was written after it
  std::string boot_id;  // of the machine's run it was made in
  std::string metas;    // kMetaBytes
};
std::string encode(const CheckpointFile& file);
// kCorrupt: not a checkpoint, or a damaged one.
Result<CheckpointFile> decode_checkpoint(std::string_view bytes);

// True when the open index file could be what these meta pages describe: long enough, with pages of
// that number at the roots. LMDB follows a wrong page number out of its map and dies. Makes the
// file as long as they say, as its last pages may never have been written.
bool metas_fit(std::string_view metas, int descriptor);

// Thread-safe except where said. Holds the snapshot of the last checkpoint.
class Checkpointer {
 public:
  // Starts the thread that syncs.
  Checkpointer(const Platform& platform, std::string folder, const Guid& database,
               const Index& index);
  ~Checkpointer();  // stop()s
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  // Makes one now. REQUIRES: nobody commits meanwhile.
  Result<> make(bool clean);
  // Takes the snapshot now and does the rest on the own thread; false while one is under way or
  // pausing().
  // An error there goes to Platform::fatal. REQUIRES: the thread that commits, between commits.
  Result<bool> begin();
  bool busy() const { return busy_; }
  // The last one found no space a short time ago.
  bool pausing() const;
  // Leaves kSuspectFile, durable.
  Result<> note_damaged_index();
  void stop();  // waits for the one under way

  Lsn lsn() const { return Lsn(lsn_.load()); }    // of the last one that is durable
  std::uint64_t pages() const { return pages_; }  // Size::pages_used then

 private:
  struct Pending {
    ReadTxn snapshot;
    CheckpointFile file;
    std::uint64_t pages = 0;
  };
  Result<Pending> take_snapshot(bool clean);
  Result<> complete(Pending pending);
  void run();
  void complete_or_fence(Pending pending);

  const Platform& platform_;
  const std::string folder_;
  const Guid database_;
  const Index& index_;
  std::optional<ReadTxn> pinned_;  // of the checkpoint on disk; used by whoever completes
  std::atomic<std::uint64_t> lsn_ = 0;
  std::atomic<std::uint64_t> pages_ = 0;
  std::atomic<bool> busy_ = false;
  std::atomic<std::chrono::steady_clock::time_point> paused_until_{};

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::optional<Pending> pending_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace hauspost::store
