#include "store/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/text.h"
#include "store/checkpoint.h"
#include "store/disk.h"
#include "store/recovery.h"

namespace hauspost::store {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBufferBytes = 1 << 20;
constexpr std::size_t kMarkBytesMax = 4096;

// The names a database's folder has at its top.
constexpr std::string_view kOwnNames[] = {"log",  "index.mdb",  "index.mdb-lock", "index.suspect",
                                          "lock", "checkpoint", "database",       "image",
                                          "scan", "search",     "last-backup",    "copying",
                                          "transfers"};
// Behind such a name: being written, and an index that was moved aside. Anything else, like a copy
// that somebody made, is not ours to delete.
constexpr std::string_view kOwnSuffixes[] = {"", ".new", ".new-lock", ".before-rebuild",
                                             kDamagedSuffix};
// Belong to a process, not to the database.
constexpr std::string_view kNotCopied[] = {"lock", "index.mdb-lock", "copying"};

bool is_own(std::string_view name) {
  for (const std::string_view own : kOwnNames) {
    if (name.starts_with(own) &&
        std::ranges::find(kOwnSuffixes, name.substr(own.size())) != std::end(kOwnSuffixes))
      return true;
  }
  return false;
}

class Descriptor {
 public:
  static Result<Descriptor> open(const std::string& path, int flags) {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
    if (fd < 0) return fail(errno_error("opening " + path));
    return Descriptor(fd);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  explicit Descriptor(int fd) : fd_(fd) {}
  int fd_;
};

Result<std::string_view> read_some(int fd, std::span<char> buffer, const std::string& path) {
  for (;;) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count >= 0) return std::string_view(buffer.data(), static_cast<std::size_t>(count));
    if (errno != EINTR) return fail(errno_error("reading " + path));
  }
}

Result<> write_all(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(errno_error("writing " + path));
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

class FolderCopy {
 public:
  FolderCopy(std::string from, std::string to, Progress& progress)
      : from_(std::move(from)), to_(std::move(to)), progress_(progress), buffer_(kBufferBytes) {}

  Result<FileTally> run() {
    TRY_ASSIGN(const auto files, list());
    progress_.begin("copying files", bytes_);
    for (const fs::path& file : files) {
      TRY_ASSIGN(const std::uint32_t crc, copy(file));
      crcs_.push_back(crc);
    }
    for (const fs::path& folder : folders_) TRY(real_disk().sync_folder(to_ / folder));
    progress_.begin("reading the copy back", bytes_);
    for (std::size_t i = 0; i < files.size(); ++i) TRY(compare(files[i], crcs_[i]));
    return tally_;
  }

 private:
  // Relative paths of the files to copy; makes the folders they need.
  Result<std::vector<fs::path>> list() {
    std::vector<fs::path> files;
    folders_.emplace_back();
    std::error_code code;
    fs::recursive_directory_iterator entry(from_, code);
    for (const fs::recursive_directory_iterator end; !code && entry != end; entry.increment(code)) {
      const fs::path relative = entry->path().lexically_relative(from_);
      if (std::ranges::find(kNotCopied, relative.string()) != std::end(kNotCopied)) continue;
      if (entry->is_directory(code)) {
        folders_.push_back(relative);
        fs::create_directories(to_ / relative, code);
      } else if (entry->is_regular_file(code)) {
        files.push_back(relative);
        bytes_ += entry->file_size(code);
      }
    }
    if (code) return fail(errno_error("copying " + from_.string(), code.value()));
    std::ranges::sort(files);
    return files;
  }

  Result<std::uint32_t> copy(const fs::path& file) {
    const std::string from = from_ / file;
    const std::string to = to_ / file;
    TRY_ASSIGN(const Descriptor in, Descriptor::open(from, O_RDONLY));
    TRY_ASSIGN(const Descriptor out, Descriptor::open(to, O_WRONLY | O_CREAT | O_TRUNC));
    std::uint32_t crc = 0;
    for (;;) {
      TRY(progress_.check());
      TRY_ASSIGN(const std::string_view bytes, read_some(in.get(), buffer_, from));
      if (bytes.empty()) break;
      crc = crc32c(bytes, crc);
      TRY(write_all(out.get(), bytes, to));
      progress_.add(bytes.size());
      tally_.bytes += bytes.size();
    }
    ++tally_.files;
    if (::fsync(out.get()) != 0) return fail(errno_error("syncing " + to));
    return crc;
  }

  Result<> compare(const fs::path& file, std::uint32_t wanted) {
    const std::string to = to_ / file;
    TRY_ASSIGN(const Descriptor in, Descriptor::open(to, O_RDONLY));
    ::posix_fadvise(in.get(), 0, 0, POSIX_FADV_DONTNEED);  // from the disk, not from memory
    std::uint32_t crc = 0;
    for (;;) {
      TRY(progress_.check());
      TRY_ASSIGN(const std::string_view bytes, read_some(in.get(), buffer_, to));
      if (bytes.empty()) break;
      crc = crc32c(bytes, crc);
      progress_.add(bytes.size());
    }
    if (crc != wanted) return fail(ErrorCode::kCorrupt, to + " is not what was written to it");
    return {};
  }

  const fs::path from_;
  const fs::path to_;
  Progress& progress_;
  std::vector<char> buffer_;
  std::vector<fs::path> folders_;
  std::vector<std::uint32_t> crcs_;
  std::uint64_t bytes_ = 0;
  FileTally tally_;
};

// Deletes what kOwnNames names.
Result<FileTally> delete_files(const std::string& folder, std::vector<std::string>& left,
                               Progress& progress) {
  FileTally tally;
  std::error_code code;
  std::vector<fs::path> own;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end;
       entry.increment(code)) {
    const std::string name = entry->path().filename();
    if (is_own(name)) {
      own.push_back(entry->path());
    } else {
      left.push_back(name);
    }
  }
  if (code) return fail(errno_error("looking at " + folder, code.value()));
  for (const fs::path& path : own) {
    TRY(progress.check());
    if (fs::is_regular_file(path, code)) {
      tally.bytes += fs::file_size(path, code);
      ++tally.files;
      fs::remove(path, code);
    } else {
      for (fs::recursive_directory_iterator inner(path, code), end; !code && inner != end;
           inner.increment(code)) {
        if (!inner->is_regular_file(code)) continue;
        tally.bytes += inner->file_size(code);
        ++tally.files;
      }
      fs::remove_all(path, code);
    }
    if (code) return fail(errno_error("deleting " + path.string(), code.value()));
    progress.add(tally.bytes - progress.done());
  }
  if (left.empty()) {
    fs::remove(folder, code);
    // The empty folder is not ours to remove where the one above is not ours to change.
    if (code && code != std::errc::permission_denied)
      return fail(errno_error("deleting " + folder, code.value()));
  }
  return tally;
}

// The target's folder with the mark in it.
Result<> begin_copy(const std::string& to, const Guid& guid) {
  TRY(check_copy_target(to, guid));
  std::error_code code;
  fs::create_directories(to, code);
  if (!code) fs::permissions(to, fs::perms::owner_all, code);
  if (code) return fail(errno_error("making folder " + escape_for_log(to), code.value()));
  TRY(sync_name(real_disk(), to));
  return replace_file(real_disk(), to, std::string(kCopyMark), guid.to_string() + "\n");
}

}  // namespace

Result<> check_copy_target(const std::string& to, const Guid& guid) {
  std::error_code code;
  if (!fs::exists(to, code)) return {};
  const auto mark = read_file(to + "/" + std::string(kCopyMark), kMarkBytesMax);
  if (mark && *mark == guid.to_string() + "\n") return {};
  if (fs::is_directory(to, code) && fs::is_empty(to, code)) return {};
  return fail(ErrorCode::kExists,
              fmt::format("folder {} is not empty; name another, or move its files away",
                          escape_for_log(to)));
}

Result<FileTally> copy_database(const std::string& from, const std::string& to, const Guid& guid,
                                Progress& progress) {
  TRY_ASSIGN(const Guid found, read_database_file(from));
  if (found != guid)
    return fail(ErrorCode::kInvalid, from + " holds database " + found.to_string());
  TRY_ASSIGN(const FolderLock lock, FolderLock::take(from));
  TRY(begin_copy(to, guid));
  auto tally = FolderCopy(from, to, progress).run();
  if (!tally) {
    std::vector<std::string> left;
    Progress undoing;
    [[maybe_unused]] auto undone = delete_files(to, left, undoing);
    return fail(std::move(tally).error());
  }
  TRY(real_disk().remove(to + "/" + std::string(kCopyMark)));
  TRY(real_disk().sync_folder(to));
  return tally;
}

Result<FileTally> delete_database(const std::string& folder, std::vector<std::string>& left,
                                  Progress& progress) {
  std::error_code code;
  if (!fs::exists(folder, code)) return FileTally{};
  std::optional<FolderLock> lock;
  if (fs::exists(folder + "/lock", code)) {
    TRY_ASSIGN(FolderLock taken, FolderLock::take(folder));
    lock.emplace(std::move(taken));
  }
  progress.begin("deleting files", 0);
  return delete_files(folder, left, progress);
}

}  // namespace hauspost::store
