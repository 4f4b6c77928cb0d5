#include "server/transfer/out_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "server/transfer/file.h"

namespace hauspost::transfer {

Result<OutFile> OutFile::open(const std::string& path, std::uint64_t keep) {
  OutFile file;
  file.path_ = path;
  file.fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file.fd_ < 0) return fail(file_error("writing", path, errno));
  struct stat facts{};
  if (::fstat(file.fd_, &facts) != 0) return fail(file_error("writing", path, errno));
  if (!S_ISREG(facts.st_mode) || static_cast<std::uint64_t>(facts.st_size) < keep)
    return fail(ErrorCode::kCorrupt, path + " is not what the export had written");
  if (::ftruncate(file.fd_, static_cast<off_t>(keep)) != 0 ||
      ::lseek(file.fd_, 0, SEEK_END) != static_cast<off_t>(keep))
    return fail(file_error("writing", path, errno));
  file.length_ = keep;
  return file;
}

OutFile::OutFile(OutFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      length_(other.length_),
      waiting_(std::move(other.waiting_)) {}

OutFile& OutFile::operator=(OutFile&& other) noexcept {
  if (this == &other) return *this;
  if (fd_ >= 0) ::close(fd_);
  fd_ = std::exchange(other.fd_, -1);
  path_ = std::move(other.path_);
  length_ = other.length_;
  waiting_ = std::move(other.waiting_);
  return *this;
}

OutFile::~OutFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<> OutFile::write_out() {
  std::string_view rest = waiting_;
  while (!rest.empty()) {
    const ssize_t count = ::write(fd_, rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(file_error("writing", path_, errno));
    rest.remove_prefix(static_cast<std::size_t>(count));
    length_ += static_cast<std::uint64_t>(count);
  }
  waiting_.clear();
  return {};
}

Result<> OutFile::write(std::string_view bytes) {
  waiting_ += bytes;
  return waiting_.size() < kBufferBytes ? Result<>{} : write_out();
}

Result<> OutFile::flush() {
  TRY(write_out());
  if (::fdatasync(fd_) != 0) return fail(file_error("writing", path_, errno));
  return {};
}

Result<> OutFile::close_with_time(std::int64_t time_s, bool durable) {
  TRY(write_out());
  const std::array<timespec, 2> times = {timespec{.tv_sec = 0, .tv_nsec = UTIME_OMIT},
                                         timespec{.tv_sec = time_s, .tv_nsec = 0}};
  if (::futimens(fd_, times.data()) != 0) return fail(file_error("writing", path_, errno));
  if (durable && ::fsync(fd_) != 0) return fail(file_error("writing", path_, errno));
  ::close(std::exchange(fd_, -1));
  return {};
}

}  // namespace hauspost::transfer
