#include "server/transfer/report_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "base/text.h"

namespace hauspost::transfer {

namespace {

constexpr std::size_t kLineMax = 2000;
constexpr std::string_view kFull = "and more, which this list has no room for\n";

}  // namespace

Result<ReportFile> ReportFile::open(const std::string& path, std::uint64_t length) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return fail(errno_error("opening " + path));
  ReportFile file(fd, path, length);
  const off_t there = ::lseek(fd, 0, SEEK_END);
  // After a loss of power it may be shorter than noted: the counts hold, lines are missing.
  if (there < static_cast<off_t>(length)) file.length_ = static_cast<std::uint64_t>(there);
  if (::ftruncate(fd, static_cast<off_t>(file.length_)) != 0 ||
      ::lseek(fd, 0, SEEK_END) != static_cast<off_t>(file.length_))
    return fail(errno_error("opening " + path));
  return file;
}

ReportFile::ReportFile(ReportFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      length_(other.length_),
      waiting_(std::move(other.waiting_)) {}

ReportFile::~ReportFile() {
  if (fd_ >= 0) ::close(fd_);
}

void ReportFile::add(std::string_view line) {
  if (length() >= kReportBytesMax) return;
  waiting_ += escape_for_log(line, kLineMax) + "\n";
  if (length() >= kReportBytesMax) waiting_ += kFull;
}

Result<> ReportFile::flush() {
  if (waiting_.empty()) return {};
  std::string_view rest = waiting_;
  while (!rest.empty()) {
    const ssize_t count = ::write(fd_, rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(errno_error("writing " + path_));
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  if (::fdatasync(fd_) != 0) return fail(errno_error("writing " + path_));
  length_ += waiting_.size();
  waiting_.clear();
  return {};
}

}  // namespace hauspost::transfer
