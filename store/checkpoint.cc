#include "store/checkpoint.h"

#include <unistd.h>

#include "base/bytes.h"

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
constexpr std::size_t kLastPageAt = kMetaAt + 120;
// A transaction's last pages may have been given back before they were ever written.
constexpr std::uint64_t kUnwrittenPagesMax = 1024;

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

bool metas_fit(std::string_view metas, std::uint64_t file_bytes) {
  if (metas.size() != kMetaBytes) return false;
  for (const char* page : {metas.data(), metas.data() + kPageBytes}) {
    if (load_le<std::uint32_t>(page + kMetaAt) != kLmdbMagic ||
        load_le<std::uint32_t>(page + kMetaAt + 4) != kLmdbVersion ||
        load_le<std::uint32_t>(page + kPageSizeAt) != kPageBytes)
      return false;
    const auto last_page = load_le<std::uint64_t>(page + kLastPageAt);
    if (last_page >= file_bytes / kPageBytes + kUnwrittenPagesMax) return false;
  }
  return true;
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
  TRY(index_.environment->sync());
  TRY(replace_file(*platform_.disk, folder_, std::string(kCheckpointFile), encode(pending.file)));
  // Only now may the pages of the checkpoint before be reused.
  pinned_ = std::move(pending.snapshot);
  pages_ = pending.pages;
  lsn_ = pending.file.lsn.value;
  return {};
}

Result<> Checkpointer::make(bool clean) {
  TRY_ASSIGN(Pending pending, take_snapshot(clean));
  return complete(std::move(pending));
}

Result<bool> Checkpointer::begin() {
  if (busy_.exchange(true)) return false;
  auto pending = take_snapshot(false);
  if (!pending) {
    busy_ = false;
    return fail(std::move(pending).error());
  }
  {
    const std::scoped_lock lock(mutex_);
    pending_ = std::move(*pending);
  }
  changed_.notify_all();
  return true;
}

void Checkpointer::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return pending_ || stop_; });
    if (!pending_) return;
    Pending pending = *std::exchange(pending_, std::nullopt);
    lock.unlock();
    if (const auto done = complete(std::move(pending)); !done) platform_.fatal(done.error());
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
