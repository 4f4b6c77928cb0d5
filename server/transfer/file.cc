#include "server/transfer/file.h"

#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <utility>

#include "base/text.h"

namespace hauspost::transfer {

namespace {

std::string user_name() {
  std::array<char, 4096> room{};
  passwd entry{};
  passwd* found = nullptr;
  const uid_t uid = ::geteuid();
  if (::getpwuid_r(uid, &entry, room.data(), room.size(), &found) == 0 && found != nullptr)
    return found->pw_name;
  return fmt::format("with id {}", uid);
}

}  // namespace

Error file_error(const std::string& what, const std::string& path, int number) {
  const std::string name = escape_for_log(path, 1000);
  if (number == EACCES || number == EPERM) {
    return {ErrorCode::kDenied,
            fmt::format("{} {}: user {} may not; let that user in (chown, chmod or setfacl on it "
                        "and on the folders above) and resume the request",
                        what, name, user_name())};
  }
  if (number == ELOOP) {
    return {ErrorCode::kInvalid,
            fmt::format("{} {}: it is a symbolic link, which is not followed", what, name)};
  }
  return errno_error(what + " " + name, number);
}

Result<File> File::open(const std::string& path) {
  File file;
  // Not blocking: a pipe without a writer would hold us.
  file.fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (file.fd_ < 0) return fail(file_error("opening", path, errno));
  if (::fstat(file.fd_, &file.facts_) != 0) return fail(file_error("opening", path, errno));
  if (!S_ISREG(file.facts_.st_mode))
    return fail(ErrorCode::kInvalid, escape_for_log(path, 1000) + " is no regular file");
  file.path_ = path;
  ::posix_fadvise(file.fd_, 0, 0, POSIX_FADV_SEQUENTIAL);
  return file;
}

File::File(File&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), facts_(other.facts_), path_(std::move(other.path_)) {}

File& File::operator=(File&& other) noexcept {
  if (this == &other) return *this;
  if (fd_ >= 0) ::close(fd_);
  fd_ = std::exchange(other.fd_, -1);
  facts_ = other.facts_;
  path_ = std::move(other.path_);
  return *this;
}

File::~File() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::size_t> File::read_at(std::uint64_t offset, char* to, std::size_t bytes_max) const {
  for (;;) {
    const ssize_t count = ::pread(fd_, to, bytes_max, static_cast<off_t>(offset));
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) return fail(file_error("reading", path_, errno));
  }
}

Result<std::string> File::read_whole(std::uint64_t bytes_max) const {
  if (size() > bytes_max)
    return fail(ErrorCode::kExhausted, fmt::format("{} bytes are too many", size()));
  std::string out(size() + 1, '\0');  // a byte more: it may be growing
  std::size_t filled = 0;
  for (;;) {
    TRY_ASSIGN(const std::size_t count, read_at(filled, out.data() + filled, out.size() - filled));
    filled += count;
    if (count == 0 || filled > bytes_max) break;
    if (filled == out.size()) out.resize(out.size() * 2);
  }
  if (filled > bytes_max) return fail(ErrorCode::kExhausted, "it has grown too big");
  out.resize(filled);
  return out;
}

Result<> LineReader::fill() {
  buffer_.erase(0, at_);
  at_ = 0;
  const std::size_t had = buffer_.size();
  buffer_.resize(kBufferBytes);
  TRY_ASSIGN(const std::size_t count,
             file_.read_at(offset_ + had, buffer_.data() + had, kBufferBytes - had));
  buffer_.resize(had + count);
  over_ = count == 0;
  return {};
}

Result<bool> LineReader::next(Piece& piece) {
  std::size_t searched = at_;
  for (;;) {
    const auto* found = static_cast<const char*>(
        std::memchr(buffer_.data() + searched, '\n', buffer_.size() - searched));
    std::size_t length = 0;
    std::size_t skip = 0;
    if (found != nullptr) {
      length = static_cast<std::size_t>(found - buffer_.data()) - at_;
      skip = 1;
    } else if (!over_ && buffer_.size() - at_ < kBufferBytes) {
      searched = buffer_.size() - at_;
      TRY(fill());
      continue;
    } else {
      length = buffer_.size() - at_;
      if (length == 0) return false;
      // A carriage return at the end of a piece may belong to a line end.
      if (!over_ && buffer_.back() == '\r' && length > 1) --length;
    }
    piece.text = std::string_view(buffer_).substr(at_, length);
    piece.offset = offset_;
    piece.begins = begins_;
    piece.ends = skip == 1;
    begins_ = piece.ends;
    at_ += length + skip;
    offset_ += length + skip;
    return true;
  }
}

}  // namespace hauspost::transfer
