#include "server/supervisor/log_file_target.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <filesystem>

#include "base/metrics.h"
#include "base/text.h"

namespace hauspost::supervisor {

namespace {

metrics::CounterFamily g_rotations("hauspost_log_rotations_total",
                                   "Log files put aside since the supervisor started.");
metrics::CounterFamily g_lost("hauspost_log_file_lost_bytes_total",
                              "Bytes of log lines that the file did not take.");

constexpr mode_t kFileMode = 0640;
constexpr mode_t kFolderMode = 0750;
constexpr std::int64_t kRetryAfter_s = 10;
constexpr std::size_t kCompressStep = 64 * 1024;
constexpr std::string_view kCompressed = ".gz";
constexpr std::size_t kStampLength = 15;  // "20131121-191400"

std::tm local_time(std::int64_t unix_s) {
  const std::time_t time = unix_s;
  std::tm parts{};
  ::localtime_r(&time, &parts);
  return parts;
}

std::int64_t unix_now(const Clock& clock) {
  return std::chrono::floor<std::chrono::seconds>(clock.now()).time_since_epoch().count();
}

// "-20131121-191400", "-20131121-191400-2", either with .gz behind it.
bool is_stamp(std::string_view rest) {
  if (rest.ends_with(kCompressed)) rest.remove_suffix(kCompressed.size());
  if (rest.size() < kStampLength + 1 || rest[0] != '-' || rest[9] != '-') return false;
  return std::ranges::all_of(rest, [](char c) { return is_digit(c) || c == '-'; });
}

std::string_view put_aside_as(std::string_view file) {
  if (file.ends_with(kCompressed)) file.remove_suffix(kCompressed.size());
  return file;
}

std::string free_name(const std::string& path, std::int64_t unix_s) {
  const std::tm time = local_time(unix_s);
  const std::string name =
      fmt::format("{}-{:04}{:02}{:02}-{:02}{:02}{:02}", path, time.tm_year + 1900, time.tm_mon + 1,
                  time.tm_mday, time.tm_hour, time.tm_min, time.tm_sec);
  // Behind all of this second, even when the first of them are removed already.
  const std::string start = std::filesystem::path(name).filename().string();
  std::uint64_t last = 0;
  for (const std::string& file : log_files(path)) {
    const std::string found = std::filesystem::path(file).filename().string();
    if (!found.starts_with(start)) continue;
    const std::string_view rest = put_aside_as(found).substr(start.size());
    const auto number = rest.starts_with('-') ? parse_u64(rest.substr(1)) : std::nullopt;
    last = std::max(last, number.value_or(1));
  }
  return last == 0 ? name : fmt::format("{}-{:04}", name, last + 1);
}

// What was put aside and is not compressed yet, and what is more than may be kept.
void tidy(const std::string& path, std::uint32_t keep, bool compress) {
  std::vector<std::string> files = log_files(path);
  std::erase(files, path);
  while (files.size() > keep) {
    ::unlink(files.front().c_str());
    files.erase(files.begin());
  }
  if (!compress) return;
  for (const std::string& file : files) {
    if (file.ends_with(kCompressed)) continue;
    [[maybe_unused]] auto stays = compress_log(file);  // and is tried again with the next
  }
}

Result<> copy_compressed(int from, gzFile to, const std::string& path) {
  std::array<char, kCompressStep> buffer;
  for (;;) {
    const ssize_t count = ::read(from, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(errno_error(path));
    if (count == 0) return {};
    if (::gzwrite(to, buffer.data(), static_cast<unsigned>(count)) != count)
      return fail(ErrorCode::kUnavailable, path + ": cannot be compressed");
  }
}

}  // namespace

std::vector<std::string> log_files(const std::string& path) {
  const std::filesystem::path whole(path);
  const std::string name = whole.filename().string();
  std::vector<std::string> files;
  std::error_code code;
  for (const auto& entry : std::filesystem::directory_iterator(whole.parent_path(), code)) {
    const std::string found = entry.path().filename().string();
    if (found.starts_with(name) && is_stamp(std::string_view(found).substr(name.size())))
      files.push_back(entry.path().string());
  }
  // By what they were called when they were put aside: ".gz" sorts behind "-0002".
  std::ranges::sort(files, {}, [](const std::string& file) { return put_aside_as(file); });
  if (std::filesystem::exists(whole, code)) files.push_back(path);
  return files;
}

Result<> compress_log(const std::string& path) {
  const UniqueFd from(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!from) return fail(errno_error(path));
  const std::string fresh = path + std::string(kCompressed) + "~";
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kFileMode);
  if (fd < 0) return fail(errno_error(fresh));
  gzFile to = ::gzdopen(fd, "wb6");
  if (to == nullptr) {
    ::close(fd);
    return fail(ErrorCode::kUnavailable, fresh + ": no memory");
  }
  auto copied = copy_compressed(from.get(), to, path);
  if (::gzclose(to) != Z_OK && copied)
    copied = fail(ErrorCode::kUnavailable, fresh + ": cannot be written");
  const std::string done = path + std::string(kCompressed);
  if (copied && ::rename(fresh.c_str(), done.c_str()) != 0) copied = fail(errno_error(done));
  ::unlink((copied ? path : fresh).c_str());
  return copied;
}

LogFileTarget::LogFileTarget(LogSettings settings, std::string path, const Clock& clock,
                             Aside aside)
    : settings_(std::move(settings)),
      path_(std::move(path)),
      clock_(clock),
      aside_(std::move(aside)) {}

LogFileTarget::~LogFileTarget() = default;

Result<std::unique_ptr<LogFileTarget>> LogFileTarget::open(LogSettings settings, std::string path,
                                                           const Clock& clock, Aside aside) {
  std::unique_ptr<LogFileTarget> target(
      new LogFileTarget(std::move(settings), std::move(path), clock, std::move(aside)));
  const std::string folder = std::filesystem::path(target->path_).parent_path().string();
  if (::mkdir(folder.c_str(), kFolderMode) != 0 && errno != EEXIST)
    return fail(errno_error("making folder " + folder));
  TRY(target->open_file());
  return target;
}

std::int64_t LogFileTarget::day_of(std::int64_t unix_s) const {
  const std::tm time = local_time(unix_s);
  return std::int64_t{time.tm_year} * 366 + time.tm_yday;
}

// Goes on with what is there.
Result<> LogFileTarget::open_file() {
  file_ = UniqueFd(
      ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, kFileMode));
  if (!file_) return fail(errno_error(path_));
  struct stat status{};
  if (::fstat(file_.get(), &status) != 0) return fail(errno_error(path_));
  bytes_ = static_cast<std::uint64_t>(status.st_size);
  day_ = day_of(bytes_ > 0 ? status.st_mtim.tv_sec : unix_now(clock_));
  return {};
}

bool LogFileTarget::is_due(std::size_t more) const {
  if (bytes_ == 0) return false;
  if (bytes_ + more > settings_.rotate_bytes) return true;
  return settings_.rotate_daily && day_of(unix_now(clock_)) != day_;
}

void LogFileTarget::rotate() {
  const std::string away = free_name(path_, unix_now(clock_));
  if (::rename(path_.c_str(), away.c_str()) != 0) return;  // it grows on
  file_ = UniqueFd();
  g_rotations.add();
  [[maybe_unused]] auto opened = open_file();  // write() tries again
  aside_([path = path_, keep = settings_.keep, compress = settings_.compress] {
    tidy(path, keep, compress);
  });
}

void LogFileTarget::write(std::string_view lines) {
  if (file_ && is_due(lines.size())) rotate();
  const std::int64_t now = unix_now(clock_);
  if (!file_ && now >= retry_at_s_) {
    retry_at_s_ = now + kRetryAfter_s;
    [[maybe_unused]] auto opened = open_file();
  }
  while (file_ && !lines.empty()) {
    const ssize_t count = ::write(file_.get(), lines.data(), lines.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    bytes_ += static_cast<std::uint64_t>(count);
    lines.remove_prefix(static_cast<std::size_t>(count));
  }
  g_lost.add(lines.size());
}

}  // namespace hauspost::supervisor
