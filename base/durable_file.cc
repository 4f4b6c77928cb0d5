#include "base/durable_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace hauspost {

namespace {

// A descriptor that is closed when it goes.
class File {
 public:
  File(const std::string& path, int flags, mode_t mode = 0)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }

 private:
  int fd_;
};

// 0, or the errno of what failed.
int write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count < 0 ? errno : ENOSPC;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return 0;
}

Result<> write_flushed(const std::string& path, int flags,
                       std::initializer_list<std::string_view> parts, mode_t mode) {
  const File file(path, O_WRONLY | O_CREAT | O_NOFOLLOW | flags, mode);
  if (!file.is_open()) return fail(errno_error(path));
  int failed = ::fchmod(file.fd(), mode) == 0 ? 0 : errno;
  for (const std::string_view part : parts) {
    if (failed == 0) failed = write_all(file.fd(), part);
  }
  if (failed == 0 && ::fsync(file.fd()) != 0) failed = errno;
  if (failed == 0) return {};
  ::unlink(path.c_str());
  return fail(errno_error(path, failed));
}

std::string folder_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

}  // namespace

Result<> replace_file(const std::string& path, std::initializer_list<std::string_view> parts,
                      mode_t mode) {
  const std::string fresh = path + "~";
  // Left by a crash, or put there by somebody: never written through.
  if (::unlink(fresh.c_str()) != 0 && errno != ENOENT) return fail(errno_error(fresh));
  TRY(write_flushed(fresh, O_EXCL, parts, mode));
  if (::rename(fresh.c_str(), path.c_str()) != 0) {
    const Error error = errno_error(path);
    ::unlink(fresh.c_str());
    return fail(error);
  }
  return sync_folder(folder_of(path));
}

Result<> replace_file(const std::string& path, std::string_view bytes, mode_t mode) {
  return replace_file(path, {bytes}, mode);
}

Result<> write_new_file(const std::string& path, std::string_view bytes, mode_t mode) {
  return write_flushed(path, O_EXCL, {bytes}, mode);
}

Result<> sync_folder(const std::string& folder) {
  const File file(folder, O_RDONLY | O_DIRECTORY);
  if (!file.is_open() || ::fsync(file.fd()) != 0) return fail(errno_error(folder));
  return {};
}

Result<std::string> read_small_file(const std::string& path, std::size_t bytes_max) {
  const File file(path, O_RDONLY | O_NONBLOCK);  // a pipe would make us wait for its other end
  if (!file.is_open()) return fail(errno_error(path));
  struct stat facts{};
  if (::fstat(file.fd(), &facts) != 0) return fail(errno_error(path));
  if (!S_ISREG(facts.st_mode)) return fail(ErrorCode::kCorrupt, path + ": is not a file");
  std::string bytes;
  char part[16'384];
  for (;;) {
    const ssize_t count = ::read(file.fd(), part, sizeof part);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(errno_error(path));
    if (count == 0) return bytes;
    bytes.append(part, static_cast<std::size_t>(count));
    if (bytes.size() > bytes_max) return fail(ErrorCode::kCorrupt, path + ": is too long");
  }
}

}  // namespace hauspost
