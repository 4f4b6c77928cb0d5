#include "tools/cli/log_reader.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <ctime>

#include "base/text.h"
#include "server/supervisor/unique_fd.h"

namespace hauspost::cli {

namespace {

constexpr int kLogLookEvery_ms = 250;
constexpr std::size_t kLogReadStep = 64 * 1024;

// Cuts what comes in pieces into lines.
class LogLineCutter {
 public:
  // False: `take` has had enough.
  bool feed(std::string_view bytes, const std::function<bool(std::string_view)>& take) {
    rest_ += bytes;
    std::size_t begin = 0;
    for (std::size_t end; (end = rest_.find('\n', begin)) != std::string::npos; begin = end + 1) {
      if (!take(std::string_view(rest_).substr(begin, end - begin))) return false;
    }
    rest_.erase(0, begin);
    return true;
  }

 private:
  std::string rest_;
};

std::optional<int> log_digits(std::string_view text, std::size_t at, std::size_t count) {
  const auto number = parse_u64(text.substr(at, count));
  if (!number) return std::nullopt;
  return static_cast<int>(*number);
}

// One file that grows, from its end on, until it is no longer the one of that name.
Result<> follow_log_once(const std::string& path, bool from_end,
                         const std::function<bool(std::string_view)>& take, bool& enough) {
  const supervisor::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return errno == ENOENT ? Result<>{} : fail(errno_error(path));
  if (from_end && ::lseek(fd.get(), 0, SEEK_END) < 0) return fail(errno_error(path));
  LogLineCutter cutter;
  std::array<char, kLogReadStep> buffer;
  for (bool last_look = false;;) {
    const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count < 0 && errno != EINTR) return fail(errno_error(path));
    if (count > 0) {
      enough = !cutter.feed({buffer.data(), static_cast<std::size_t>(count)}, take);
      if (enough) return {};
      continue;
    }
    if (last_look) return {};
    struct stat now{};
    struct stat mine{};
    last_look = ::stat(path.c_str(), &now) != 0 || ::fstat(fd.get(), &mine) != 0 ||
                now.st_ino != mine.st_ino;
    if (!last_look) ::poll(nullptr, 0, kLogLookEvery_ms);
  }
}

}  // namespace

std::optional<std::int64_t> log_time(std::string_view text) {
  constexpr std::size_t kZone = 23;
  if (text.size() != kZone + 6) return std::nullopt;
  const auto year = log_digits(text, 0, 4), month = log_digits(text, 5, 2),
             day = log_digits(text, 8, 2);
  const auto hour = log_digits(text, 11, 2), minute = log_digits(text, 14, 2),
             second = log_digits(text, 17, 2);
  const auto zone_hours = log_digits(text, kZone + 1, 2),
             zone_minutes = log_digits(text, kZone + 4, 2);
  if (!year || !month || !day || !hour || !minute || !second || !zone_hours || !zone_minutes)
    return std::nullopt;
  std::tm parts{};
  parts.tm_year = *year - 1900;
  parts.tm_mon = *month - 1;
  parts.tm_mday = *day;
  parts.tm_hour = *hour;
  parts.tm_min = *minute;
  parts.tm_sec = *second;
  const std::int64_t zone = (*zone_hours * 60 + *zone_minutes) * 60;
  return ::timegm(&parts) - (text[kZone] == '-' ? -zone : zone);
}

bool LogFilter::fits(std::string_view text) const {
  const auto line = log::parse_line(text);
  if (!line) return role.empty() && event.empty() && !least && since_s == 0;
  if (least && *log::level_of(line->level) < *least) return false;
  if (!role.empty() && !iequals(line->role, role) &&
      !iequals(line->role.substr(0, line->role.find(' ')), role))
    return false;
  if (!event.empty() && line->event != event &&
      !(line->event.starts_with(event) &&
        (event.ends_with('.') || line->event[event.size()] == '.')))
    return false;
  return since_s == 0 || log_time(line->time).value_or(0) >= since_s;
}

Result<> read_log_file(const std::string& path, const std::function<bool(std::string_view)>& take) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? Result<>{} : fail(errno_error(path));
  gzFile file = ::gzdopen(fd, "rb");  // reads what is not compressed as it is
  if (file == nullptr) {
    ::close(fd);
    return fail(ErrorCode::kUnavailable, path + ": no memory");
  }
  LogLineCutter cutter;
  std::string buffer(kLogReadStep, '\0');
  int count = 0;
  while ((count = ::gzread(file, buffer.data(), static_cast<unsigned>(buffer.size()))) > 0) {
    if (!cutter.feed({buffer.data(), static_cast<std::size_t>(count)}, take)) break;
  }
  ::gzclose_r(file);
  if (count < 0) return fail(ErrorCode::kCorrupt, path + ": cannot be read to its end");
  return {};
}

Result<> follow_log_file(const std::string& path,
                         const std::function<bool(std::string_view)>& take) {
  bool from_end = true;
  for (bool enough = false; !enough; from_end = false) {
    TRY(follow_log_once(path, from_end, take, enough));
    if (!enough) ::poll(nullptr, 0, kLogLookEvery_ms);
  }
  return {};
}

}  // namespace hauspost::cli
