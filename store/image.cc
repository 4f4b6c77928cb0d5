#include "store/image.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "base/bytes.h"
#include "base/log.h"
#include "store/checkpoint.h"

namespace hauspost::store {

namespace {

constexpr std::string_view kMagic = "HPIMAGE1";
constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kCrcAt = 12;      // of the footer
constexpr std::size_t kCrcBegins = 16;  // of the footer
constexpr std::uint64_t kPageBytes = 4096;
constexpr std::uint64_t kMapMargin = 64ULL << 20;

std::unexpected<Error> not_an_image(const std::string& why) {
  return fail(ErrorCode::kCorrupt, "not an index image: " + why);
}

std::uint64_t blocks_of(std::uint64_t bytes) {
  return (bytes + kImageBlockBytes - 1) / kImageBlockBytes;
}

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }
  void close() {
    if (value_ >= 0) ::close(std::exchange(value_, -1));
  }

 private:
  int value_;
};

// Fills `buffer` from a file or pipe; shorter only at its end.
Result<std::size_t> read_fully(int from, std::string& buffer) {
  std::size_t have = 0;
  while (have < buffer.size()) {
    const ssize_t count = ::read(from, buffer.data() + have, buffer.size() - have);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(errno_error("reading"));
    if (count == 0) break;
    have += static_cast<std::size_t>(count);
  }
  return have;
}

}  // namespace

std::string encode(const ImageTrailer& trailer) {
  std::string table;
  for (const std::uint32_t crc : trailer.block_crcs) put_le(table, crc);
  std::string footer(kMagic);
  put_le(footer, kFormat);
  put_le(footer, std::uint32_t{0});
  footer += trailer.info.database.as_bytes();
  put_le(footer, trailer.info.lsn.value);
  put_le(footer, trailer.info.epoch);
  put_le(footer, trailer.info.created_us);
  put_le(footer, trailer.info.index_bytes);
  put_le(footer, static_cast<std::uint32_t>(kImageBlockBytes));
  put_le(footer, crc32c(table));
  const std::uint32_t crc = crc32c(std::string_view(footer).substr(kCrcBegins));
  std::memcpy(footer.data() + kCrcAt, &crc, sizeof crc);
  return table + footer;
}

namespace {

struct Footer {
  ImageInfo info;
  std::uint32_t table_crc = 0;
};

Result<Footer> decode_footer(std::string_view bytes) {
  if (bytes.size() != kImageFooterBytes) return not_an_image("cut short");
  ByteReader in(bytes);
  if (in.take(kMagic.size()) != kMagic) return not_an_image("no footer at its end");
  if (in.le<std::uint32_t>() != kFormat) return not_an_image("unknown format");
  if (in.le<std::uint32_t>() != crc32c(bytes.substr(kCrcBegins)))
    return not_an_image("its footer fails its CRC");
  Footer footer;
  footer.info.database = Guid::from_bytes(in.take(16)).value_or(Guid{});
  footer.info.lsn = Lsn(in.le<std::uint64_t>());
  footer.info.epoch = in.le<std::uint64_t>();
  footer.info.created_us = in.le<std::int64_t>();
  footer.info.index_bytes = in.le<std::uint64_t>();
  const auto block_bytes = in.le<std::uint32_t>();
  footer.table_crc = in.le<std::uint32_t>();
  if (!in.at_end() || block_bytes != kImageBlockBytes || footer.info.index_bytes < kMetaBytes ||
      footer.info.index_bytes % kPageBytes != 0 || footer.info.index_bytes > INT64_MAX)
    return not_an_image("impossible numbers in its footer");
  footer.info.bytes =
      footer.info.index_bytes + 4 * blocks_of(footer.info.index_bytes) + kImageFooterBytes;
  return footer;
}

}  // namespace

Result<ImageInfo> decode_image_footer(std::string_view bytes) {
  TRY_ASSIGN(Footer footer, decode_footer(bytes));
  return std::move(footer.info);
}

Result<ImageTrailer> decode_image_trailer(std::string_view bytes) {
  if (bytes.size() < kImageFooterBytes) return not_an_image("cut short");
  const std::string_view table = bytes.substr(0, bytes.size() - kImageFooterBytes);
  TRY_ASSIGN(const Footer footer, decode_footer(bytes.substr(table.size())));
  if (table.size() != 4 * blocks_of(footer.info.index_bytes))
    return not_an_image("its table of checksums has another length");
  if (crc32c(table) != footer.table_crc)
    return not_an_image("its table of checksums fails its CRC");
  ImageTrailer trailer{footer.info, {}};
  ByteReader in(table);
  while (!in.rest().empty()) trailer.block_crcs.push_back(in.le<std::uint32_t>());
  return trailer;
}

namespace {

// Takes what LMDB writes into a pipe block by block: so that it can be counted, held back and
// stopped, which LMDB itself has no means for.
class Copier {
 public:
  Copier(const Platform& platform, const Index& index, Throttle& throttle, Progress& progress)
      : disk_(*platform.disk), index_(index), throttle_(throttle), progress_(progress) {}

  Result<ImageTrailer> copy(const std::string& path, bool compact) {
    const Environment::Size size = index_.environment->size();
    progress_.begin("copying the index", size.page_bytes * size.pages_used);
    TRY(disk_.remove(path));
    TRY_ASSIGN(const auto file, disk_.open(path));
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(errno_error("making a pipe"));
    Descriptor reading(ends[0]);
    Result<> written;
    std::thread writer([this, compact, &written, end = ends[1]] {
      const Descriptor writing(end);
      block_broken_pipe();
      written = index_.environment->copy_to(writing.get(), compact);
    });
    auto trailer = drain(reading.get(), *file);
    reading.close();  // LMDB then fails at its next write when we stopped early
    writer.join();
    if (!trailer) return trailer;
    TRY(written);
    return trailer;
  }

 private:
  static void block_broken_pipe() {
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  }

  Result<ImageTrailer> drain(int from, DiskFile& to) {
    ImageTrailer trailer;
    std::string block(kImageBlockBytes, '\0');
    while (true) {
      TRY_ASSIGN(const std::size_t count, read_fully(from, block));
      if (count == 0) return trailer;
      const std::string_view bytes = std::string_view(block).substr(0, count);
      TRY(to.write_at(trailer.info.index_bytes, {&bytes, 1}));
      trailer.block_crcs.push_back(crc32c(bytes));
      trailer.info.index_bytes += count;
      progress_.add(count);
      TRY(throttle_.spend(count, progress_));
    }
  }

  Disk& disk_;
  const Index& index_;
  Throttle& throttle_;
  Progress& progress_;
};

// Which moment the copy shows is read from the copy itself.
Result<State> state_of_copy(const std::string& path) {
  Environment::Options options;
  options.path = path;
  options.map_bytes = kMapMargin;  // LMDB takes what the file needs
  options.read_only = true;
  options.locked = false;
  TRY_ASSIGN(const auto environment, Environment::open(options));
  Index index;
  TRY_ASSIGN(index.state, environment->open_table("", false));
  TRY_ASSIGN(const ReadTxn txn, environment->read());
  return read_state(txn, index);
}

Result<ImageInfo> write_whole_image(const Platform& platform, const Index& index,
                                    const std::string& temporary, Throttle& throttle,
                                    Progress& progress) {
  Copier copier(platform, index, throttle, progress);
  auto trailer = copier.copy(temporary, true);
  if (!trailer && trailer.error().code == ErrorCode::kCorrupt) {
    log::warning("store.image.not_compact", {{"cause", trailer.error()}});
    trailer = copier.copy(temporary, false);
  }
  if (!trailer) return fail(std::move(trailer).error());
  TRY_ASSIGN(const State state, state_of_copy(temporary));
  trailer->info.database = state.database;
  trailer->info.lsn = state.applied;
  trailer->info.epoch = state.epoch;
  trailer->info.created_us = platform.clock->now().time_since_epoch().count();
  const std::string tail = encode(*trailer);
  const std::string_view part = tail;
  TRY_ASSIGN(const auto file, platform.disk->open(temporary));
  TRY(file->write_at(trailer->info.index_bytes, {&part, 1}));
  TRY(file->sync());
  trailer->info.bytes = trailer->info.index_bytes + tail.size();
  return trailer->info;
}

}  // namespace

Result<ImageInfo> write_image(const Platform& platform, const Index& index, const std::string& path,
                              Throttle& throttle, Progress& progress) {
  const std::string temporary = path + ".new";
  auto info = write_whole_image(platform, index, temporary, throttle, progress);
  if (!info) {
    // Left behind it would only cost space until the next image.
    if (const auto removed = platform.disk->remove(temporary); !removed)
      log::debug("store.image.kept", {{"error", removed.error()}});
    return fail(std::move(info).error().within("writing " + path));
  }
  TRY(platform.disk->rename(temporary, path));
  TRY(platform.disk->sync_folder(std::filesystem::absolute(path).parent_path().string()));
  return info;
}

Result<ImageInfo> write_image(const Platform& platform, const Index& index, const std::string& path,
                              Progress& progress) {
  Throttle none(0);
  return write_image(platform, index, path, none, progress);
}

namespace {

Result<std::uint64_t> file_bytes(int descriptor, const std::string& path) {
  struct stat info;
  if (::fstat(descriptor, &info) != 0) return fail(errno_error("measuring " + path));
  return static_cast<std::uint64_t>(info.st_size);
}

Result<std::string> read_range(int descriptor, std::uint64_t from, std::uint64_t count,
                               const std::string& path) {
  std::string bytes(count, '\0');
  if (::lseek(descriptor, static_cast<off_t>(from), SEEK_SET) < 0)
    return fail(errno_error("reading " + path));
  TRY_ASSIGN(const std::size_t have, read_fully(descriptor, bytes));
  if (have != count) return not_an_image("cut short");
  return bytes;
}

Result<ImageInfo> read_footer(int descriptor, const std::string& path) {
  TRY_ASSIGN(const std::uint64_t bytes, file_bytes(descriptor, path));
  if (bytes < kImageFooterBytes) return not_an_image("cut short");
  TRY_ASSIGN(const std::string footer,
             read_range(descriptor, bytes - kImageFooterBytes, kImageFooterBytes, path));
  TRY_ASSIGN(ImageInfo info, decode_image_footer(footer));
  if (info.bytes != bytes) return not_an_image("it has another length than its footer says");
  return info;
}

// Calls `block` with each block in order, after its checksum held.
Result<ImageInfo> read_blocks(const std::string& path, Progress& progress,
                              const std::function<Result<>(std::string_view)>& block) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return fail(errno_error("opening " + path));
  TRY_ASSIGN(const ImageInfo info, read_footer(file.get(), path));
  TRY_ASSIGN(const std::string tail,
             read_range(file.get(), info.index_bytes, info.bytes - info.index_bytes, path));
  TRY_ASSIGN(const ImageTrailer trailer, decode_image_trailer(tail));
  progress.begin("reading the index image", info.index_bytes);
  std::string bytes;
  for (std::uint64_t at = 0; at < info.index_bytes; at += kImageBlockBytes) {
    TRY(progress.check());
    TRY_ASSIGN(bytes,
               read_range(file.get(), at,
                          std::min<std::uint64_t>(kImageBlockBytes, info.index_bytes - at), path));
    if (crc32c(bytes) != trailer.block_crcs[at / kImageBlockBytes])
      return fail(ErrorCode::kCorrupt, fmt::format("the block at offset {} fails its CRC", at));
    TRY(block(bytes));
    progress.add(bytes.size());
  }
  return info;
}

template <class T>
Result<T> about(const std::string& path, Result<T> result) {
  if (!result) return fail(std::move(result).error().within(path));
  return result;
}

// The index in `path` becomes that of `database`.
Result<> adopt(const std::string& path, std::uint64_t index_bytes, const Guid& database) {
  Environment::Options options;
  options.path = path;
  options.map_bytes = index_bytes + kMapMargin;
  options.locked = false;
  TRY_ASSIGN(const auto environment, Environment::open(options));
  Index index;
  TRY_ASSIGN(index.state, environment->open_table("", false));
  TRY_ASSIGN(WriteTxn txn, environment->write());
  TRY_ASSIGN(State state, read_state(txn, index));
  state.database = database;
  TRY(txn.put(index.state, kStateKey, encode(state)));
  return txn.commit();
}

Result<ImageInfo> copy_index(const Platform& platform, const std::string& path,
                             const std::string& to, Progress& progress) {
  TRY(platform.disk->remove(to));
  TRY_ASSIGN(const auto file, platform.disk->open(to));
  std::uint64_t at = 0;
  TRY_ASSIGN(const ImageInfo info,
             read_blocks(path, progress, [&](std::string_view bytes) -> Result<> {
               TRY(file->write_at(at, {&bytes, 1}));
               at += bytes.size();
               return {};
             }));
  TRY(file->sync());
  return info;
}

}  // namespace

Result<ImageInfo> read_image_info(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return fail(errno_error("opening " + path));
  return about(path, read_footer(file.get(), path));
}

Result<ImageInfo> check_image(const std::string& path, Progress& progress) {
  return about(path, read_blocks(path, progress, [](std::string_view) { return Result<>(); }));
}

Result<ImageInfo> restore_image(const Platform& platform, const std::string& path,
                                const std::string& folder, const Guid& database,
                                Progress& progress) {
  Disk& disk = *platform.disk;
  const std::string index = folder + "/" + std::string(kIndexFile);
  const std::string temporary = index + ".new";
  // The checkpoint goes first: it must never be taken for one of the new file.
  TRY(disk.remove(folder + "/" + std::string(kCheckpointFile)));
  TRY(disk.sync_folder(folder));
  TRY_ASSIGN(ImageInfo info, about(path, copy_index(platform, path, temporary, progress)));
  if (info.database != database) TRY(adopt(temporary, info.index_bytes, database));
  CheckpointFile checkpoint;
  checkpoint.database = info.database = database;
  checkpoint.lsn = info.lsn;
  checkpoint.clean = true;
  checkpoint.boot_id = platform.boot_id;
  {
    const Descriptor file(::open(temporary.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) return fail(errno_error("opening " + temporary));
    TRY_ASSIGN(checkpoint.metas, read_range(file.get(), 0, kMetaBytes, temporary));
  }
  TRY(disk.remove(index + "-lock"));
  TRY(disk.rename(temporary, index));
  TRY(replace_file(disk, folder, std::string(kCheckpointFile), encode(checkpoint)));
  return info;
}

}  // namespace hauspost::store
