#include <fcntl.h>
#include <unistd.h>

#include <thread>

#include "base/log.h"
#include "store/compactor.h"
#include "store/recovery.h"
#include "store/replay.h"

namespace hauspost::store {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kCopyBytes = 1 << 20;
constexpr std::uint64_t kNearlyThere = 64;  // records that may be left for the writer's pause
constexpr int kRoundsMax = 8;               // to get there

class IndexReplacement {
 public:
  IndexReplacement(const CompactedParts& parts, Progress& progress)
      : parts_(parts),
        progress_(progress),
        disk_(*parts.platform.disk),
        path_(parts.options.path + "/" + std::string(kIndexFile)),
        new_path_(path_ + ".new") {}

  Result<> run(const ImageInfo& image) {
    TRY(copy(image));
    TRY_ASSIGN(Index opened, Index::open(new_path_, parts_.options.index_bytes_max, false));
    index_ = std::make_unique<Index>(std::move(opened));
    // Its lock file has no name any more: the next replacement must not share it.
    ::unlink((new_path_ + "-lock").c_str());
    TRY(check_copy(image));
    applied_ = image.lsn;
    progress_.begin("bringing the index up to date", 0);
    for (int round = 0; round < kRoundsMax; ++round) {
      TRY(progress_.check());
      TRY_ASSIGN(const std::uint64_t records, catch_up());
      if (records <= kNearlyThere) break;
    }
    TRY(index_->environment->sync());
    return parts_.writer.between_batches([this](LogWriter& log) { return swap(log); });
  }

  void clean_up() {
    index_.reset();
    if (const auto removed = disk_.remove(new_path_); !removed)
      log::debug("store.index.kept", {{"error", removed.error()}});
  }

 private:
  Result<> copy(const ImageInfo& image) {
    TRY_ASSIGN(const std::uint64_t free, disk_.free_bytes(parts_.options.path));
    if (free < image.index_bytes + parts_.options.disk_reserve_bytes)
      return fail(ErrorCode::kExhausted, "too little disk space for a copy of the index");
    progress_.begin("copying the index", image.index_bytes);
    const std::string from = parts_.options.path + "/" + std::string(kImageFile);
    const int descriptor = ::open(from.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return fail(errno_error("opening " + from));
    auto copied = copy_bytes(descriptor, image.index_bytes);
    ::close(descriptor);
    return copied;
  }

  Result<> copy_bytes(int from, std::uint64_t bytes) {
    TRY(disk_.remove(new_path_));
    TRY_ASSIGN(const auto file, disk_.open(new_path_));
    TRY(file->allocate(0, bytes));
    std::string buffer(kCopyBytes, '\0');
    for (std::uint64_t at = 0; at < bytes;) {
      TRY(progress_.check());
      const ssize_t count =
          ::pread(from, buffer.data(), std::min<std::uint64_t>(buffer.size(), bytes - at),
                  static_cast<off_t>(at));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return fail(errno_error("reading the image", count < 0 ? errno : EIO));
      const auto part = std::string_view(buffer).substr(0, static_cast<std::size_t>(count));
      TRY(file->write_at(at, {&part, 1}));
      at += part.size();
      progress_.add(part.size());
    }
    return file->sync();
  }

  // What was copied is the image that was meant: records are replayed from its LSN on.
  Result<> check_copy(const ImageInfo& image) const {
    TRY_ASSIGN(const ReadTxn txn, index_->environment->read());
    TRY_ASSIGN(const State state, read_state(txn, *index_));
    if (state.applied != image.lsn) return fail(ErrorCode::kInternal, "the image was replaced");
    return {};
  }

  // What the log holds by now; the number of records.
  Result<std::uint64_t> catch_up() {
    TRY_ASSIGN(const LogExtent extent,
               scan_log(log_folder(parts_.options.path), parts_.guid, applied_));
    if (extent.last <= applied_) return 0;
    Replay replay(*index_);
    TRY(read_log(extent, applied_.next(), [&](const PlacedRecord& placed) -> Result<> {
      TRY(progress_.check());
      return replay.add(placed);
    }));
    TRY(replay.commit());
    const std::uint64_t records = extent.last.value - applied_.value;
    applied_ = extent.last;
    return records;
  }

  // On the writer's thread: nothing is written meanwhile.
  Result<> swap(LogWriter& log) {
    while (parts_.checkpointer.busy()) std::this_thread::sleep_for(1ms);
    TRY(catch_up());
    if (applied_.next() != log.next_lsn())
      return fail(ErrorCode::kInternal, "the new index does not hold the whole log");
    TRY(index_->environment->sync());
    auto swapped = swap_files();
    // Half done it must not go on: what is on the disk is for recovery to say.
    if (!swapped) parts_.platform.fatal(swapped.error());
    return swapped;
  }

  Result<> swap_files() {
    const std::string& folder = parts_.options.path;
    // Without a checkpoint an index counts as lost and is made again from the image: that is the
    // way out of a crash between the two.
    TRY(disk_.remove(folder + "/" + std::string(kCheckpointFile)));
    TRY(disk_.sync_folder(folder));
    TRY(disk_.rename(new_path_, path_));
    TRY(disk_.sync_folder(folder));
    parts_.index.environment.exchange(index_->environment.get());
    return parts_.checkpointer.make(false);
  }

  const CompactedParts& parts_;
  Progress& progress_;
  Disk& disk_;
  const std::string path_;
  const std::string new_path_;
  std::unique_ptr<Index> index_;
  Lsn applied_;
};

}  // namespace

Result<> replace_index(const CompactedParts& parts, const ImageInfo& image, Progress& progress) {
  IndexReplacement replacement(parts, progress);
  auto done = replacement.run(image);
  if (!done) {
    replacement.clean_up();
    return done;
  }
  log::info("store.index.shrunk", {{"bytes", image.index_bytes}});
  return {};
}

}  // namespace hauspost::store
