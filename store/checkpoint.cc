#include "store/checkpoint.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"

namespace hauspost::store {

namespace {

constexpr std::string_view kMagic = "HPCHKPT1";
constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kBootIdMax = 64;

// LMDB 0.9, data version 1: each meta page is a page header and an MDB_meta.
constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kMetaAt = 16;
constexpr std::uint32_t kLmdbMagic = 0xBEEFC0DE;
constexpr std::uint32_t kLmdbVersion = 1;
constexpr std::size_t kPageSizeAt = kMetaAt + 24;
constexpr std::size_t kFreeRootAt = kMetaAt + 64;
constexpr std::size_t kMainRootAt = kMetaAt + 112;
constexpr std::size_t kLastPageAt = kMetaAt + 120;
constexpr std::size_t kTransactionAt = kMetaAt + 128;
constexpr std::size_t kPageHeaderBytes = 16;
constexpr std::size_t kPageFlagsAt = 10;
constexpr std::uint16_t kBranch = 1;
constexpr std::uint16_t kLeaf = 2;
constexpr std::uint64_t kNoPage = UINT64_MAX;
// A transaction's last pages may have been given back before they were ever written.
constexpr std::uint64_t kUnwrittenPagesMax = 1024;
constexpr std::chrono::seconds kPause{5};  // after one that found no space

std::uint32_t checksum(std::string_view bytes) {
  return crc32c(bytes.substr(kMagic.size() + 4 + 4));  // all behind magic, format and CRC
}

}  // namespace

std::string encode(const CheckpointFile& file) {
  std::string out(kMagic);
  put_le(out, kFormat);
  put_le(out, std::uint32_t{0});
  out += file.database.as_bytes();
  put_le(out, file.lsn.value);
  put_le(out, static_cast<std::uint8_t>(file.clean));
  put_string(out, file.boot_id);
  put_string(out, file.metas);
  const std::uint32_t crc = checksum(out);
  std::memcpy(out.data() + kMagic.size() + 4, &crc, sizeof crc);
  return out;
}

Result<CheckpointFile> decode_checkpoint(std::string_view bytes) {
  ByteReader in(bytes);
  const bool known = in.take(kMagic.size()) == kMagic && in.le<std::uint32_t>() == kFormat;
  const auto crc = in.le<std::uint32_t>();
  if (!known || !in.ok() || checksum(bytes) != crc)
    return fail(ErrorCode::kCorrupt, "not a checkpoint");
  CheckpointFile file;
  file.database = Guid::from_bytes(in.take(16)).value_or(Guid{});
  file.lsn = Lsn(in.le<std::uint64_t>());
  file.clean = in.le<std::uint8_t>() != 0;
  file.boot_id = std::string(in.string());
  file.metas = std::string(in.string());
  if (!in.at_end() || file.metas.size() != kMetaBytes || file.boot_id.size() > kBootIdMax)
    return fail(ErrorCode::kCorrupt, "not a checkpoint");
  return file;
}

namespace {

bool is_meta(const char* page) {
  return load_le<std::uint32_t>(page + kMetaAt) == kLmdbMagic &&
         load_le<std::uint32_t>(page + kMetaAt + 4) == kLmdbVersion &&
         load_le<std::uint32_t>(page + kPageSizeAt) == kPageBytes;
}

bool is_root(int descriptor, std::uint64_t page) {
  if (page == kNoPage) return true;
  std::array<char, kPageHeaderBytes> header;
  const ssize_t count =
      ::pread(descriptor, header.data(), header.size(), static_cast<off_t>(page * kPageBytes));
  if (count != static_cast<ssize_t>(header.size())) return false;
  const auto flags = load_le<std::uint16_t>(header.data() + kPageFlagsAt);
  return load_le<std::uint64_t>(header.data()) == page && (flags == kBranch || flags == kLeaf);
}

}  // namespace

bool metas_fit(std::string_view metas, int descriptor) {
  struct stat info;
  if (metas.size() != kMetaBytes || ::fstat(descriptor, &info) != 0) return false;
  const char* const first = metas.data();
  const char* const second = metas.data() + kPageBytes;
  if (!is_meta(first) || !is_meta(second)) return false;
  const bool second_newer = load_le<std::uint64_t>(second + kTransactionAt) >
                            load_le<std::uint64_t>(first + kTransactionAt);
  const char* const newest = second_newer ? second : first;
  const std::uint64_t pages = static_cast<std::uint64_t>(info.st_size) / kPageBytes;
  const auto last_page = load_le<std::uint64_t>(newest + kLastPageAt);
  if (last_page >= pages + kUnwrittenPagesMax) return false;
  for (const std::size_t root_at : {kFreeRootAt, kMainRootAt}) {
    const auto root = load_le<std::uint64_t>(newest + root_at);
    if ((root != kNoPage && root > last_page) || !is_root(descriptor, root)) return false;
  }
  return last_page < pages ||
         ::ftruncate(descriptor, static_cast<off_t>((last_page + 1) * kPageBytes)) == 0;
}

Checkpointer::Checkpointer(const Platform& platform, std::string folder, const Guid& database,
                           const Index& index)
    : platform_(platform),
      folder_(std::move(folder)),
      database_(database),
      index_(index),
      thread_([this] { run(); }) {}

Checkpointer::~Checkpointer() { stop(); }

Result<Checkpointer::Pending> Checkpointer::take_snapshot(bool clean) {
  TRY_ASSIGN(ReadTxn snapshot, index_.environment->read());
  TRY_ASSIGN(const State state, read_state(snapshot, index_));
  CheckpointFile file;
  file.database = database_;
  file.lsn = state.applied;
  file.clean = clean;
  file.boot_id = platform_.boot_id;
  file.metas.resize(kMetaBytes);
  // LMDB writes meta pages with pwrite, so the file already has those of this snapshot.
  const ssize_t count = ::pread(index_.environment->descriptor(), file.metas.data(), kMetaBytes, 0);
  if (count != static_cast<ssize_t>(kMetaBytes))
    return fail(errno_error("reading the index's meta pages"));
  return Pending{std::move(snapshot), std::move(file), index_.environment->size().pages_used};
}

Result<> Checkpointer::complete(Pending pending) {
  if (auto synced = index_.environment->sync(); !synced) {
    // Never an error that may be tried again, whatever the system calls it.
    synced.error().code = ErrorCode::kInternal;
    return synced;
  }
  TRY(replace_file(*platform_.disk, folder_, std::string(kCheckpointFile), encode(pending.file)));
  // Only now may the pages of the checkpoint before be reused.
  pinned_ = std::move(pending.snapshot);
  pages_ = pending.pages;
  lsn_ = pending.file.lsn.value;
  // All that changed since the last one was touched and is now on the disk.
  index_.environment->let_go_of_pages();
  return {};
}

Result<> Checkpointer::make(bool clean) {
  TRY_ASSIGN(Pending pending, take_snapshot(clean));
  return complete(std::move(pending));
}

Result<bool> Checkpointer::begin() {
  if (pausing() || busy_.exchange(true)) return false;
  auto pending = take_snapshot(false);
  if (!pending) {
    busy_ = false;
    return fail(std::move(pending).error());
  }
  if (platform_.in_order) {
    complete_or_fence(*std::move(pending));
    busy_ = false;
    return true;
  }
  {
    const std::scoped_lock lock(mutex_);
    pending_ = std::move(*pending);
  }
  changed_.notify_all();
  return true;
}

bool Checkpointer::pausing() const {
  return std::chrono::steady_clock::now() < paused_until_.load();
}

void Checkpointer::complete_or_fence(Pending pending) {
  const auto done = complete(std::move(pending));
  if (done) return;
  if (done.error().code != ErrorCode::kExhausted) return platform_.fatal(done.error());
  // The last one holds; only the log behind it grows until there is space again. Each try syncs the
  // whole index, so it must not be made with every batch.
  if (!platform_.in_order) paused_until_ = std::chrono::steady_clock::now() + kPause;
  log::warning("store.checkpoint.postponed", {{"error", done.error()}});
}

Result<> Checkpointer::note_damaged_index() {
  TRY(platform_.disk->open(folder_ + "/" + std::string(kSuspectFile)));
  return platform_.disk->sync_folder(folder_);
}

void Checkpointer::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return pending_ || stop_; });
    if (!pending_) return;
    Pending pending = *std::exchange(pending_, std::nullopt);
    lock.unlock();
    complete_or_fence(std::move(pending));
    busy_ = false;
    lock.lock();
  }
}

void Checkpointer::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

}  // namespace hauspost::store
