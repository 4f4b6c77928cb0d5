#include "transport/track/rotating_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"

namespace hauspost::transport {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".log";
constexpr std::size_t kDateDigits = 8;

std::string date_text(std::chrono::sys_days day) {
  const std::chrono::year_month_day date(day);
  return fmt::format("{:04}{:02}{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

std::chrono::sys_days day_of(const Clock& clock) {
  return std::chrono::floor<std::chrono::days>(clock.now());
}

// "YYYYMMDD" of a file's name.
std::string_view date_in(std::string_view name, std::string_view prefix) {
  return name.substr(prefix.size() + 1, kDateDigits);
}

std::uint64_t number_in(std::string_view name, std::string_view prefix) {
  std::string_view digits = name.substr(prefix.size() + 1 + kDateDigits + 1);
  digits.remove_suffix(kSuffix.size());
  return parse_u64(digits).value_or(0);
}

bool is_log_file(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix) || !name.ends_with(kSuffix)) return false;
  if (name.size() < prefix.size() + 1 + kDateDigits + 2 + kSuffix.size()) return false;
  return name[prefix.size()] == '-' && name[prefix.size() + 1 + kDateDigits] == '-' &&
         std::ranges::all_of(date_in(name, prefix), is_digit);
}

}  // namespace

std::vector<fs::path> log_files(const std::string& folder, std::string_view prefix) {
  std::vector<fs::path> files;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    if (is_log_file(entry->path().filename().string(), prefix)) files.push_back(entry->path());
  }
  std::ranges::sort(files, [&](const fs::path& a, const fs::path& b) {
    const std::string first = a.filename().string();
    const std::string second = b.filename().string();
    const auto key = [&](std::string_view name) {
      return std::pair(date_in(name, prefix), number_in(name, prefix));
    };
    return key(first) < key(second);
  });
  return files;
}

RotatingLog::RotatingLog(Executor executor, std::string folder, std::string prefix,
                         const Clock& clock, LogLimits limits, std::string first_line)
    : filled_(executor),
      folder_(std::move(folder)),
      prefix_(std::move(prefix)),
      clock_(clock),
      limits_(limits),
      first_line_(std::move(first_line)) {}

RotatingLog::~RotatingLog() {
  flush();
  close_file();
}

void RotatingLog::gathered() {
  if (buffer_.size() >= kGatherBytes) return flush();
  filled_.notify_all();
}

Task<void> RotatingLog::run() {
  for (;;) {
    while (buffer_.empty()) {
      if (!co_await filled_.wait()) co_return flush();
    }
    if (!co_await sleep_for(kGatherTime)) co_return flush();
    flush();
  }
}

void RotatingLog::flush() {
  if (buffer_.empty()) return;
  const bool full = fd_ >= 0 && file_bytes_ + buffer_.size() > limits_.file_bytes_max &&
                    file_bytes_ > first_line_.size();
  if (fd_ >= 0 && (full || day_ != day_of(clock_))) close_file();
  if (fd_ < 0 && !open_file()) return lose("opening");
  if (!write_all(buffer_)) {
    // No line may stand there by half.
    [[maybe_unused]] const int cut = ::ftruncate(fd_, static_cast<off_t>(file_bytes_));
    lose("writing");
    return close_file();
  }
  file_bytes_ += buffer_.size();
  failing_ = false;
  buffer_.clear();
}

void RotatingLog::lose(std::string_view doing) {
  if (!failing_) {
    log::error("log.not_written", {{"folder", folder_},
                                   {"log", prefix_},
                                   {"cause", errno_error(doing)},
                                   {"bytes", buffer_.size()}});
  }
  failing_ = true;
  lost_bytes_ += buffer_.size();
  buffer_.clear();
}

bool RotatingLog::write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

void RotatingLog::close_file() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

// The newest file of today goes on when it has room. A clock that was set back leaves files of days
// to come behind.
bool RotatingLog::open_file() {
  std::error_code failed;
  fs::create_directories(folder_, failed);
  fs::permissions(folder_, fs::perms::owner_all, failed);
  day_ = day_of(clock_);
  const std::string today = date_text(day_);
  const auto files = log_files(folder_, prefix_);
  std::uint64_t number = 1;
  const auto last = std::find_if(files.rbegin(), files.rend(), [&](const fs::path& file) {
    return date_in(file.filename().string(), prefix_) == today;
  });
  if (last != files.rend()) {
    if (continue_file(*last)) return true;
    number = number_in(last->filename().string(), prefix_) + 1;
  }
  const bool opened =
      start_file(fs::path(folder_) / fmt::format("{}-{}-{:04}{}", prefix_, today, number, kSuffix));
  if (opened) prune();
  return opened;
}

bool RotatingLog::continue_file(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return false;
  struct stat status{};
  char last = '\n';
  const bool read = ::fstat(fd, &status) == 0 &&
                    (status.st_size == 0 || ::pread(fd, &last, 1, status.st_size - 1) == 1);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (!read || size + buffer_.size() > limits_.file_bytes_max) {
    ::close(fd);
    return false;
  }
  fd_ = fd;
  file_bytes_ = size;
  // What a crash left of a line must not swallow the next one.
  if (last != '\n') buffer_.insert(buffer_.begin(), '\n');
  return true;
}

bool RotatingLog::start_file(const fs::path& path) {
  fd_ = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd_ < 0) return false;
  file_bytes_ = 0;
  buffer_.insert(0, first_line_);
  return true;
}

void RotatingLog::prune() const {
  const auto files = log_files(folder_, prefix_);
  const std::string oldest_kept = date_text(day_ - limits_.age_max);
  std::uint64_t total = 0;
  std::error_code failed;
  for (auto file = files.rbegin(); file != files.rend(); ++file) {
    const std::string name = file->filename().string();
    const auto bytes = fs::file_size(*file, failed);
    total += failed ? 0 : bytes;
    if (file == files.rbegin()) continue;  // it is being written
    if (total + limits_.file_bytes_max > limits_.total_bytes_max ||
        date_in(name, prefix_) < oldest_kept)
      fs::remove(*file, failed);
  }
}

}  // namespace hauspost::transport
