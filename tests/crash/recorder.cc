// Preloaded into a process, records everything it does to the files of one folder: what each write
// held, and between which writes each sync began and ended. Nothing is changed: every call reaches
// the kernel. Writes are recorded under the lock that performs them, so their order is the true
// one; syncs run outside it, as long as they like.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <climits>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "tests/crash/trace_format.h"

namespace {

using hauspost::crash::EventHeader;
using hauspost::crash::EventKind;

struct OpenFile {
  std::uint32_t file = 0;
  bool synchronous = false;
};

class Recorder {
 public:
  Recorder() {
    const char* folder = std::getenv(hauspost::crash::kFolderVariable);
    const char* trace = std::getenv(hauspost::crash::kTraceVariable);
    if (folder == nullptr || trace == nullptr) return;
    folder_ = folder;
    trace_ = static_cast<int>(
        syscall(SYS_openat, AT_FDCWD, trace, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    struct stat info;
    if (stat(folder, &info) == 0) inodes_[info.st_ino] = 0;
  }

  bool active() const { return trace_ >= 0; }
  std::mutex& mutex() { return mutex_; }

  // The path below the folder, or nothing when it is not ours.
  std::optional<std::string> ours(int base, const char* path) const {
    if (!active() || path == nullptr) return std::nullopt;
    std::string full = path;
    if (full.empty() || full[0] != '/') {
      char buffer[PATH_MAX];
      const std::string link = "/proc/self/fd/" + std::to_string(base);
      const ssize_t size =
          base == AT_FDCWD
              ? (getcwd(buffer, sizeof buffer) ? static_cast<ssize_t>(strlen(buffer)) : -1)
              : readlink(link.c_str(), buffer, sizeof buffer);
      if (size < 0) return std::nullopt;
      full = std::string(buffer, static_cast<std::size_t>(size)) + "/" + full;
    }
    while (full.size() > 1 && full.back() == '/') full.pop_back();
    if (full == folder_) return std::string();
    if (!full.starts_with(folder_ + "/")) return std::nullopt;
    return full.substr(folder_.size() + 1);
  }

  // REQUIRES the lock for everything below.
  void emit(EventHeader header, const void* data = nullptr, std::size_t size = 0) {
    if (data != nullptr) header.length = size;
    iovec parts[2] = {{&header, sizeof header}, {const_cast<void*>(data), size}};
    const auto whole = static_cast<ssize_t>(sizeof header + size);
    if (syscall(SYS_writev, trace_, parts, data != nullptr ? 2 : 1) != whole) {
      const char text[] = "recorder: the trace cannot be written\n";
      static_cast<void>(syscall(SYS_write, 2, text, sizeof text - 1));
      _exit(99);
    }
  }
  void emit_text(EventKind kind, std::uint32_t file, const std::string& text) {
    emit({.kind = kind, .file = file}, text.data(), text.size());
  }

  void opened(int descriptor, const std::string& path, int flags, bool existed) {
    struct stat info;
    if (fstat(descriptor, &info) != 0) return;
    if (!existed) {
      inodes_[info.st_ino] = next_file_++;
      emit_text(EventKind::kCreate, inodes_[info.st_ino], path);
    }
    const auto found = inodes_.find(info.st_ino);
    if (found == inodes_.end()) return;  // was there before the recording began
    open_[descriptor] = {found->second, (flags & (O_DSYNC | O_SYNC)) != 0};
    if (existed && (flags & O_TRUNC) != 0)
      emit({.kind = EventKind::kTruncate, .file = found->second, .offset = 0});
  }
  void made_folder(const std::string& path) {
    struct stat info;
    if (stat((folder_ + "/" + path).c_str(), &info) != 0) return;
    inodes_[info.st_ino] = next_file_++;
    emit_text(EventKind::kMakeFolder, inodes_[info.st_ino], path);
  }
  void closed(int descriptor) { open_.erase(descriptor); }
  void forget_inode(const std::string& path) {
    struct stat info;
    if (stat((folder_ + "/" + path).c_str(), &info) == 0) inodes_.erase(info.st_ino);
  }
  std::optional<OpenFile> find(int descriptor) const {
    const auto found = open_.find(descriptor);
    if (found == open_.end()) return std::nullopt;
    return found->second;
  }
  std::uint64_t next_sync() { return next_sync_++; }

 private:
  std::string folder_;
  int trace_ = -1;
  std::mutex mutex_;
  std::map<ino_t, std::uint32_t> inodes_;
  std::map<int, OpenFile> open_;
  std::uint32_t next_file_ = 1;
  std::uint64_t next_sync_ = 1;
};

Recorder& recorder() {
  static Recorder* const instance = new Recorder;  // never destroyed: calls come until the very end
  return *instance;
}

int open_at(int base, const char* path, int flags, mode_t mode) {
  const auto below = recorder().ours(base, path);
  if (!below) return static_cast<int>(syscall(SYS_openat, base, path, flags, mode));
  const std::lock_guard lock(recorder().mutex());
  const bool existed = syscall(SYS_faccessat, base, path, F_OK, 0) == 0;
  const auto descriptor = static_cast<int>(syscall(SYS_openat, base, path, flags, mode));
  const int kept = errno;
  if (descriptor >= 0) recorder().opened(descriptor, *below, flags, existed);
  errno = kept;
  return descriptor;
}

// Performs a write of `parts` at `offset` (-1: the file's own) and records what was written.
ssize_t write_parts(int descriptor, const iovec* parts, int count, off_t offset) {
  const auto perform = [&] {
    return offset < 0 ? syscall(SYS_writev, descriptor, parts, count)
                      : syscall(SYS_pwritev, descriptor, parts, count, offset, 0L);
  };
  if (!recorder().active()) return perform();
  const std::lock_guard lock(recorder().mutex());
  const auto file = recorder().find(descriptor);
  if (!file) return perform();
  const off_t at = offset < 0 ? lseek(descriptor, 0, SEEK_CUR) : offset;
  const ssize_t written = perform();
  const int kept = errno;
  std::string bytes;
  for (int i = 0; i < count && static_cast<ssize_t>(bytes.size()) < written; ++i)
    bytes.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
  if (written > 0) {
    bytes.resize(static_cast<std::size_t>(written));
    const std::uint8_t flags = file->synchronous ? hauspost::crash::kFlagSynchronous : 0;
    recorder().emit({.kind = EventKind::kWrite,
                     .flags = flags,
                     .file = file->file,
                     .offset = static_cast<std::uint64_t>(at)},
                    bytes.data(), bytes.size());
  }
  errno = kept;
  return written;
}

template <class Perform>
auto sync_file(int descriptor, Perform perform) {
  std::optional<OpenFile> file;
  std::uint64_t number = 0;
  if (recorder().active()) {
    const std::lock_guard lock(recorder().mutex());
    file = recorder().find(descriptor);
    if (file) {
      number = recorder().next_sync();
      recorder().emit({.kind = EventKind::kSyncBegin, .file = file->file, .offset = number});
    }
  }
  const auto outcome = perform();
  const int kept = errno;
  if (file && outcome == 0) {
    const std::lock_guard lock(recorder().mutex());
    recorder().emit({.kind = EventKind::kSyncEnd, .file = file->file, .offset = number});
  }
  errno = kept;
  return static_cast<int>(outcome);
}

int rename_at(int from_base, const char* from, int to_base, const char* to) {
  const auto source = recorder().ours(from_base, from);
  const auto target = recorder().ours(to_base, to);
  if (!source || !target)
    return static_cast<int>(syscall(SYS_renameat, from_base, from, to_base, to));
  const std::lock_guard lock(recorder().mutex());
  recorder().forget_inode(*target);
  const auto outcome = static_cast<int>(syscall(SYS_renameat, from_base, from, to_base, to));
  if (outcome == 0)
    recorder().emit_text(EventKind::kRename, 0, *source + std::string(1, '\0') + *target);
  return outcome;
}

int unlink_at(int base, const char* path, int flags) {
  const auto below = recorder().ours(base, path);
  if (!below) return static_cast<int>(syscall(SYS_unlinkat, base, path, flags));
  const std::lock_guard lock(recorder().mutex());
  recorder().forget_inode(*below);
  const auto outcome = static_cast<int>(syscall(SYS_unlinkat, base, path, flags));
  if (outcome == 0) recorder().emit_text(EventKind::kRemove, 0, *below);
  return outcome;
}

int make_folder_at(int base, const char* path, mode_t mode) {
  const auto below = recorder().ours(base, path);
  if (!below) return static_cast<int>(syscall(SYS_mkdirat, base, path, mode));
  const std::lock_guard lock(recorder().mutex());
  const auto outcome = static_cast<int>(syscall(SYS_mkdirat, base, path, mode));
  if (outcome == 0 && !below->empty()) recorder().made_folder(*below);
  return outcome;
}

int truncate_to(int descriptor, off_t size) {
  if (!recorder().active()) return static_cast<int>(syscall(SYS_ftruncate, descriptor, size));
  const std::lock_guard lock(recorder().mutex());
  const auto outcome = static_cast<int>(syscall(SYS_ftruncate, descriptor, size));
  const auto file = recorder().find(descriptor);
  if (outcome == 0 && file)
    recorder().emit({.kind = EventKind::kTruncate,
                     .file = file->file,
                     .offset = static_cast<std::uint64_t>(size)});
  return outcome;
}

int allocate(int descriptor, int mode, off_t offset, off_t length) {
  if (!recorder().active())
    return static_cast<int>(syscall(SYS_fallocate, descriptor, mode, offset, length));
  const std::lock_guard lock(recorder().mutex());
  const auto outcome = static_cast<int>(syscall(SYS_fallocate, descriptor, mode, offset, length));
  const auto file = recorder().find(descriptor);
  if (outcome == 0 && file && mode == 0)
    recorder().emit({.kind = EventKind::kAllocate,
                     .file = file->file,
                     .offset = static_cast<std::uint64_t>(offset),
                     .length = static_cast<std::uint64_t>(length)});
  return outcome;
}

mode_t mode_argument(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

#define HP_OPEN_ARGUMENTS(last)                       \
  va_list arguments;                                  \
  va_start(arguments, last);                          \
  const mode_t mode = mode_argument(last, arguments); \
  va_end(arguments)

extern "C" {

int open(const char* path, int flags, ...) {
  HP_OPEN_ARGUMENTS(flags);
  return open_at(AT_FDCWD, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  HP_OPEN_ARGUMENTS(flags);
  return open_at(AT_FDCWD, path, flags, mode);
}
int openat(int base, const char* path, int flags, ...) {
  HP_OPEN_ARGUMENTS(flags);
  return open_at(base, path, flags, mode);
}
int openat64(int base, const char* path, int flags, ...) {
  HP_OPEN_ARGUMENTS(flags);
  return open_at(base, path, flags, mode);
}
int __open_2(const char* path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }
int __open64_2(const char* path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }
int creat(const char* path, mode_t mode) {
  return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
int close(int descriptor) {
  if (recorder().active()) {
    const std::lock_guard lock(recorder().mutex());
    recorder().closed(descriptor);
  }
  return static_cast<int>(syscall(SYS_close, descriptor));
}

ssize_t write(int descriptor, const void* data, size_t size) {
  const iovec part{const_cast<void*>(data), size};
  return write_parts(descriptor, &part, 1, -1);
}
ssize_t writev(int descriptor, const iovec* parts, int count) {
  return write_parts(descriptor, parts, count, -1);
}
ssize_t pwrite(int descriptor, const void* data, size_t size, off_t offset) {
  const iovec part{const_cast<void*>(data), size};
  return write_parts(descriptor, &part, 1, offset);
}
ssize_t pwrite64(int descriptor, const void* data, size_t size, off64_t offset) {
  const iovec part{const_cast<void*>(data), size};
  return write_parts(descriptor, &part, 1, offset);
}
ssize_t pwritev(int descriptor, const iovec* parts, int count, off_t offset) {
  return write_parts(descriptor, parts, count, offset);
}
ssize_t pwritev64(int descriptor, const iovec* parts, int count, off64_t offset) {
  return write_parts(descriptor, parts, count, offset);
}

int ftruncate(int descriptor, off_t size) noexcept { return truncate_to(descriptor, size); }
int ftruncate64(int descriptor, off64_t size) noexcept { return truncate_to(descriptor, size); }
int fallocate(int descriptor, int mode, off_t offset, off_t length) {
  return allocate(descriptor, mode, offset, length);
}
int fallocate64(int descriptor, int mode, off64_t offset, off64_t length) {
  return allocate(descriptor, mode, offset, length);
}
int posix_fallocate(int descriptor, off_t offset, off_t length) {
  return allocate(descriptor, 0, offset, length) == 0 ? 0 : errno;
}
int posix_fallocate64(int descriptor, off64_t offset, off64_t length) {
  return allocate(descriptor, 0, offset, length) == 0 ? 0 : errno;
}

int rename(const char* from, const char* to) noexcept {
  return rename_at(AT_FDCWD, from, AT_FDCWD, to);
}
int renameat(int from_base, const char* from, int to_base, const char* to) noexcept {
  return rename_at(from_base, from, to_base, to);
}
int unlink(const char* path) noexcept { return unlink_at(AT_FDCWD, path, 0); }
int unlinkat(int base, const char* path, int flags) noexcept {
  return unlink_at(base, path, flags);
}
int rmdir(const char* path) noexcept { return unlink_at(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char* path) noexcept {
  const int outcome = unlink_at(AT_FDCWD, path, 0);
  return outcome != 0 && errno == EISDIR ? unlink_at(AT_FDCWD, path, AT_REMOVEDIR) : outcome;
}
int mkdir(const char* path, mode_t mode) noexcept { return make_folder_at(AT_FDCWD, path, mode); }
int mkdirat(int base, const char* path, mode_t mode) noexcept {
  return make_folder_at(base, path, mode);
}

int fsync(int descriptor) {
  return sync_file(descriptor, [descriptor] { return syscall(SYS_fsync, descriptor); });
}
int fdatasync(int descriptor) {
  return sync_file(descriptor, [descriptor] { return syscall(SYS_fdatasync, descriptor); });
}

void hauspost_trace_mark(const char* bytes, size_t size) {
  if (!recorder().active()) return;
  const std::lock_guard lock(recorder().mutex());
  recorder().emit({.kind = EventKind::kMark}, bytes, size);
}

}  // extern "C"
