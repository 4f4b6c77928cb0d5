#include "store/recovery.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/bytes.h"
#include "base/log.h"
#include "store/image.h"
#include "store/index_check.h"
#include "store/log_writer.h"
#include "store/progress.h"
#include "store/replay.h"

namespace hauspost::store {

namespace {

constexpr std::string_view kMagic = "HPDATABS";
constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kSmallFileMax = 64 * 1024;
// A small index is looked through at every mount, a big one only when it was not closed in order.
constexpr std::uint64_t kAlwaysCheckedMax = 64ULL << 20;
constexpr std::uint64_t kReplayGrowthPages = 16'384;  // 64 MiB of index between checkpoints

std::string index_path(const std::string& folder) { return folder + "/" + std::string(kIndexFile); }

}  // namespace

std::string log_folder(const std::string& folder) { return folder + "/log"; }

Result<FolderLock> FolderLock::take(const std::string& folder) {
  const std::string path = folder + "/lock";
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return fail(errno_error("opening " + path));
  FolderLock lock(descriptor);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail(errno_error("locking " + path));
    const auto holder = read_file(path, kSmallFileMax);
    return fail(ErrorCode::kUnavailable,
                folder + " is open in process " + (holder ? *holder : std::string("(unknown)")));
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(descriptor, 0) != 0 ||
      ::pwrite(descriptor, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size()))
    return fail(errno_error("writing " + path));
  return lock;
}

FolderLock::FolderLock(FolderLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<Guid> read_database_file(const std::string& folder) {
  TRY_ASSIGN(const std::string bytes, read_file(folder + "/database", kSmallFileMax));
  ByteReader in(bytes);
  const bool known = in.take(kMagic.size()) == kMagic && in.le<std::uint32_t>() == kFormat;
  const auto guid = Guid::from_bytes(in.take(16));
  const auto crc = in.le<std::uint32_t>();
  if (!known || !guid || !in.at_end() ||
      crc32c(std::string_view(bytes).substr(0, bytes.size() - 4)) != crc)
    return fail(ErrorCode::kCorrupt, folder + "/database is damaged");
  return *guid;
}

Result<> create_database(const Platform& platform, const std::string& folder, const Guid& guid) {
  for (const std::string& path : {folder, log_folder(folder)}) {
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
      return fail(errno_error("making " + path));
  }
  TRY_ASSIGN(const auto segments, list_segments(log_folder(folder)));
  if (!segments.empty())
    return fail(ErrorCode::kExists, folder + " holds a change log, but no database file");
  TRY(sync_name(*platform.disk, folder));
  TRY(platform.disk->sync_folder(folder));
  return write_database_file(platform, folder, guid);
}

Result<> write_database_file(const Platform& platform, const std::string& folder,
                             const Guid& guid) {
  std::string bytes(kMagic);
  put_le(bytes, kFormat);
  bytes += guid.as_bytes();
  put_le(bytes, crc32c(bytes));
  return replace_file(*platform.disk, folder, "database", bytes);
}

namespace {

class Recovery {
 public:
  Recovery(const Platform& platform, const OpenOptions& options, const Guid& guid)
      : platform_(platform), options_(options), guid_(guid), path_(index_path(options.path)) {}

  Result<Recovered> run() {
    TRY(look_at_log(durable_lsn(options_.path, guid_)));
    if (options_.epoch < recovered_.log.epoch)
      return fail(ErrorCode::kInvalid, fmt::format("epoch {} is over: the log is at {}",
                                                   options_.epoch, recovered_.log.epoch));
    TRY_ASSIGN(bool usable, find_index());
    if (usable) {
      TRY_ASSIGN(usable, open_existing());
    }
    const bool derived = !usable;
    if (derived) TRY(begin_new());
    TRY(clean_tail());
    auto current = bring_up_to_date();
    if (!current && misfit_ && current.error().code == ErrorCode::kCorrupt && !derived) {
      // The log is whole, so it is the index that does not fit it.
      log::warning("store.index.rebuild", {{"reason", current.error()}});
      recovered_.checkpointer.reset();
      recovered_.index.reset();
      TRY(begin_new());
      current = bring_up_to_date();
    }
    TRY(current);
    TRY(remove_dropped_segments());
    TRY(forget_damaged_index());
    return std::move(recovered_);
  }

 private:
  // A damaged record that was durable once is not the log's end: only its own message is hurt, as
  // long as the index or its image holds what the record said.
  Result<> look_at_log(Lsn durable) {
    TRY_ASSIGN(recovered_.log, scan_log(log_folder(options_.path), guid_, durable));
    return {};
  }

  // Puts index.mdb into a state LMDB can open; false when it must be made again from the log.
  Result<bool> find_index() {
    const auto raw = read_file(options_.path + "/" + std::string(kCheckpointFile), kSmallFileMax);
    if (!raw) return rebuild_because(raw.error().text);
    const auto checkpoint = decode_checkpoint(*raw);
    if (!checkpoint) return rebuild_because(checkpoint.error().text);
    if (checkpoint->database != guid_) return rebuild_because("checkpoint of another database");
    // What a checkpoint has seen was durable in the log, so a shorter log has lost something.
    if (checkpoint->lsn > recovered_.log.last) return lost(checkpoint->lsn);
    if (::access((options_.path + "/" + std::string(kSuspectFile)).c_str(), F_OK) == 0)
      return rebuild_because("it was found damaged");
    const bool same_run = !platform_.boot_id.empty() && checkpoint->boot_id == platform_.boot_id;
    TRY_ASSIGN(const bool usable, checkpoint->clean || !same_run ? restore(*checkpoint) : fits());
    return usable ? pages_are_whole(checkpoint->clean) : false;
  }

  Result<bool> pages_are_whole(bool clean) {
    std::error_code failed;
    const auto bytes = std::filesystem::file_size(path_, failed);
    if (clean && !failed && bytes > kAlwaysCheckedMax) return true;
    const auto checked = check_index_pages(path_);
    return checked ? true : rebuild_because(checked.error().text);
  }

  std::unexpected<Error> lost(Lsn seen) const {
    return fail(ErrorCode::kCorrupt,
                fmt::format("the change log ends at record {}, but record {} was durable",
                            recovered_.log.last.value, seen.value));
  }

  Result<bool> rebuild_because(const std::string& why) const {
    if (recovered_.log.last != Lsn()) log::info("store.index.rebuild", {{"reason", why}});
    return false;
  }

  Result<bool> fits() {
    const int descriptor = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
    if (descriptor < 0) return rebuild_because(errno_error("opening " + path_).text);
    std::string metas(kMetaBytes, '\0');
    const bool fitting =
        ::pread(descriptor, metas.data(), metas.size(), 0) == static_cast<ssize_t>(metas.size()) &&
        metas_fit(metas, descriptor);
    ::close(descriptor);
    return fitting ? true : rebuild_because(path_ + " is damaged");
  }

  Result<bool> restore(const CheckpointFile& checkpoint) {
    const int descriptor = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
    if (descriptor < 0) return rebuild_because(errno_error("opening " + path_).text);
    const bool fitting = metas_fit(checkpoint.metas, descriptor);
    const bool written = fitting &&
                         ::pwrite(descriptor, checkpoint.metas.data(), kMetaBytes, 0) ==
                             static_cast<ssize_t>(kMetaBytes) &&
                         ::fsync(descriptor) == 0;
    const int error_number = errno;
    ::close(descriptor);
    if (!fitting) return rebuild_because(path_ + " is not what its checkpoint says");
    if (!written) return fail(errno_error("restoring " + path_, error_number));
    if (!checkpoint.clean) log::info("store.index.restored", {{"lsn", checkpoint.lsn.value}});
    return true;
  }

  Result<bool> open_existing() {
    ::unlink((path_ + "-lock").c_str());  // readers of a process that is gone
    auto index = Index::open(path_, options_.index_bytes_max, false);
    if (!index && index.error().code == ErrorCode::kCorrupt)
      return rebuild_because(index.error().text);
    if (!index) return fail(std::move(index).error());
    TRY_ASSIGN(const ReadTxn txn, index->environment->read());
    const auto state = read_state(txn, *index);
    if (!state) return rebuild_because(state.error().text);
    if (state->applied > recovered_.log.last) TRY(look_at_log(state->applied));
    if (state->applied > recovered_.log.last) return lost(state->applied);
    if (state->database != guid_) return rebuild_because("index of another database");
    applied_ = state->applied;
    recovered_.index = std::make_unique<Index>(std::move(*index));
    return true;
  }

  // From the image and the log behind it, or from the log alone, which must then reach back to
  // record 1.
  Result<> begin_new() {
    TRY(check_derivable());
    Disk& disk = *platform_.disk;
    // The checkpoint goes first: it must never be taken for one of the new file.
    TRY(disk.remove(options_.path + "/" + std::string(kCheckpointFile)));
    TRY(disk.sync_folder(options_.path));
    TRY(move_index_aside());
    TRY(disk.remove(path_ + "-lock"));
    TRY_ASSIGN(const bool from_image, begin_from_image());
    if (!from_image) TRY(begin_empty());
    TRY(disk.remove(options_.path + "/" + std::string(kSuspectFile)));
    return disk.sync_folder(options_.path);
  }

  // Before anything is touched: an index that cannot be made again is better than none.
  Result<> check_derivable() const {
    const auto info = read_own_image();
    if (info && info->lsn > recovered_.log.last) return lost(info->lsn);
    const auto& segments = recovered_.log.segments;
    if (segments.empty() || segments.front().first_lsn == Lsn(1)) return {};
    Progress unwatched;
    const auto whole = info ? check_image(image_path(), unwatched) : info;
    if (whole) return {};
    if (whole.error().code != ErrorCode::kCorrupt && whole.error().code != ErrorCode::kNotFound)
      return fail(whole.error());
    return fail(ErrorCode::kCorrupt,
                "the index and its image are lost and the change log has no beginning (" +
                    whole.error().text + ")");
  }

  std::string image_path() const { return options_.path + "/" + std::string(kImageFile); }

  Result<ImageInfo> read_own_image() const {
    auto info = read_image_info(image_path());
    if (info && info->database != guid_)
      return fail(ErrorCode::kCorrupt, image_path() + " is of another database");
    return info;
  }

  // Kept until the new one is whole. One that lies there already was never replaced, so what has
  // its name is only the beginning of a new one.
  Result<> move_index_aside() {
    const std::string aside = path_ + std::string(kDamagedSuffix);
    if (::access(path_.c_str(), F_OK) == 0 && ::access(aside.c_str(), F_OK) != 0) {
      TRY(platform_.disk->rename(path_, aside));
    } else {
      TRY(platform_.disk->remove(path_));
    }
    return platform_.disk->sync_folder(options_.path);
  }

  // REQUIRES: the index is up to date.
  Result<> forget_damaged_index() {
    const std::string aside = path_ + std::string(kDamagedSuffix);
    if (::access(aside.c_str(), F_OK) != 0) return {};
    TRY(recovered_.checkpointer->make(false));
    return platform_.disk->remove(aside);
  }

  Result<bool> begin_from_image() {
    const auto unusable = [&](const Error& error) {
      if (error.code != ErrorCode::kNotFound)
        log::warning("store.image.unusable", {{"error", error}});
      return false;
    };
    const auto info = read_own_image();
    if (!info) return unusable(info.error());
    Progress unwatched;
    const auto restored = restore_image(platform_, image_path(), options_.path, guid_, unwatched);
    if (!restored && restored.error().code != ErrorCode::kCorrupt) return fail(restored.error());
    if (!restored) return unusable(restored.error());
    log::info("store.index.from_image", {{"lsn", info->lsn.value}});
    return open_existing();
  }

  Result<> begin_empty() {
    Disk& disk = *platform_.disk;
    if (!recovered_.log.segments.empty() && recovered_.log.segments.front().first_lsn != Lsn(1))
      return fail(ErrorCode::kCorrupt,
                  "the index and its image are lost and the change log has no beginning");
    // An image that could not be used may have left these.
    TRY(disk.remove(options_.path + "/" + std::string(kCheckpointFile)));
    TRY(disk.remove(path_));
    TRY(disk.remove(path_ + "-lock"));
    TRY_ASSIGN(Index index, Index::open(path_, options_.index_bytes_max, false));
    recovered_.index = std::make_unique<Index>(std::move(index));
    TRY_ASSIGN(WriteTxn txn, recovered_.index->environment->write());
    State state;
    state.database = guid_;
    TRY(txn.put(recovered_.index->state, kStateKey, encode(state)));
    TRY(txn.commit());
    applied_ = Lsn();
    return {};
  }

  // Behind the log's end only zeros may remain: the rest of a torn batch could otherwise look like
  // records again once new ones lie before it. And what is about to be answered from must be
  // durable: after a process crash the last records may be in the page cache only.
  Result<> clean_tail() {
    if (recovered_.log.segments.empty()) return {};
    const SegmentFile& last = recovered_.log.segments.back();
    std::uint64_t dirty_end = 0;
    {
      TRY_ASSIGN(const auto map, SegmentMap::open(last.path));
      const std::size_t at = map->bytes().find_last_not_of('\0');
      if (at != std::string_view::npos) dirty_end = at + 1;
    }
    TRY_ASSIGN(const auto file, platform_.disk->open(last.path));
    if (dirty_end > recovered_.log.end) {
      log::warning("store.log.torn", {{"segment", last.path},
                                      {"offset", recovered_.log.end},
                                      {"bytes", dirty_end - recovered_.log.end}});
      return fill_with_zeros(*file, recovered_.log.end, dirty_end);
    }
    return file->sync();
  }

  // About: whole segments.
  std::uint64_t bytes_behind(Lsn from) const {
    std::uint64_t bytes = 0;
    for (const SegmentFile& file : recovered_.log.segments) {
      if (file.first_lsn >= from || &file == &recovered_.log.segments.back()) bytes += file.bytes;
    }
    return bytes;
  }

  Result<> bring_up_to_date() {
    recovered_.checkpointer =
        std::make_unique<Checkpointer>(platform_, options_.path, guid_, *recovered_.index);
    // Before the first commit: from here on the pages of this moment stay.
    TRY(recovered_.checkpointer->make(false));
    if (applied_ >= recovered_.log.last) return {};
    const Lsn from = applied_.next();
    if (options_.progress != nullptr)
      options_.progress->begin("replaying the change log", bytes_behind(from));
    Replay replay(*recovered_.index, [this] { return checkpoint_when_grown(); });
    TRY(read_log(recovered_.log, from, [&](const PlacedRecord& placed) -> Result<> {
      if (options_.progress != nullptr) {
        TRY(options_.progress->check());
        options_.progress->add(placed.bytes.size());
      }
      return fitting(replay.add(placed));
    }));
    TRY(fitting(replay.commit()));
    log::info("store.log.replayed", {{"first", from.value}, {"last", recovered_.log.last.value}});
    return {};
  }

  // Remembers that it was the index which refused, not the log that could not be read.
  Result<> fitting(Result<> applied) {
    if (!applied) misfit_ = true;
    return applied;
  }

  Result<> checkpoint_when_grown() {
    Checkpointer& checkpointer = *recovered_.checkpointer;
    if (recovered_.index->environment->size().pages_used <
        checkpointer.pages() + kReplayGrowthPages)
      return {};
    return checkpointer.make(false);
  }

  // Files that a compaction had dropped, but not yet removed.
  Result<> remove_dropped_segments() {
    std::vector<std::string> dropped;
    {
      TRY_ASSIGN(const ReadTxn txn, recovered_.index->environment->read());
      for (const SegmentFile& file : recovered_.log.segments) {
        TRY_ASSIGN(const auto raw,
                   txn.get(recovered_.index->segments, segment_key(file.first_lsn)));
        if (!raw || file.first_lsn == recovered_.log.segments.back().first_lsn) continue;
        TRY_ASSIGN(const SegmentRow row, decode_segment(*raw));
        if (row.dropped) dropped.push_back(file.path);
      }
    }
    if (dropped.empty()) return {};
    // From here on no replay begins before their last records.
    TRY(recovered_.checkpointer->make(false));
    for (const std::string& path : dropped) TRY(platform_.disk->remove(path));
    std::erase_if(recovered_.log.segments, [&](const SegmentFile& file) {
      return std::ranges::find(dropped, file.path) != dropped.end();
    });
    return platform_.disk->sync_folder(log_folder(options_.path));
  }

  const Platform& platform_;
  const OpenOptions& options_;
  const Guid guid_;
  const std::string path_;
  Recovered recovered_;
  Lsn applied_;
  bool misfit_ = false;  // a record did not apply to the index
};

}  // namespace

Result<Recovered> recover(const Platform& platform, const OpenOptions& options, const Guid& guid) {
  return Recovery(platform, options, guid).run();
}

}  // namespace hauspost::store
