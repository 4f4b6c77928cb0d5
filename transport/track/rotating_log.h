// RotatingLog: lines in files of one folder, PREFIX-YYYYMMDD-NNNN.log (UTC), a new one each day and
// whenever one is full; old ones go by age and when all together are too big.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/condition.h"

namespace hauspost::transport {

struct LogLimits {
  std::uint64_t file_bytes_max = 10ULL << 20;
  std::uint64_t total_bytes_max = 1000ULL << 20;
  std::chrono::days age_max{30};
  auto operator<=>(const LogLimits&) const = default;
};

// Lines are gathered and written together, at the latest kGatherTime after the first of them while
// run() runs: a crash loses at most those, an orderly end none. No line is flushed to the disk.
// Never fails its callers: what cannot be written is counted and logged once.
// REQUIRES: one thread; run() has ended before destruction.
class RotatingLog {
 public:
  static constexpr Milliseconds kGatherTime{100};
  static constexpr std::size_t kGatherBytes = 64 * 1024;

  // The folder is made when the first line is written. `first_line` starts each file; may be empty.
  RotatingLog(Executor executor, std::string folder, std::string prefix, const Clock& clock,
              LogLimits limits, std::string first_line = {});
  ~RotatingLog();
  RotatingLog(const RotatingLog&) = delete;
  RotatingLog& operator=(const RotatingLog&) = delete;

  // Writers append whole lines, each with its '\n', here and then call gathered().
  std::string& buffer() { return buffer_; }
  void gathered();
  // Writes what is gathered.
  void flush();
  // Flushes in time until cancelled, and then once more.
  Task<void> run();

  void set_limits(const LogLimits& limits) { limits_ = limits; }
  const std::string& folder() const { return folder_; }
  const std::string& prefix() const { return prefix_; }
  std::uint64_t lost_bytes() const { return lost_bytes_; }

 private:
  bool open_file();
  bool continue_file(const std::filesystem::path& path);
  bool start_file(const std::filesystem::path& path);
  bool write_all(std::string_view bytes);
  void close_file();
  void prune() const;
  void lose(std::string_view doing);

  Condition filled_;
  std::string folder_;
  std::string prefix_;
  const Clock& clock_;
  LogLimits limits_;
  std::string first_line_;
  std::string buffer_;
  int fd_ = -1;
  std::uint64_t file_bytes_ = 0;
  std::chrono::sys_days day_;
  std::uint64_t lost_bytes_ = 0;
  bool failing_ = false;
};

// The files of a log, the oldest first. Empty when there is no such folder.
std::vector<std::filesystem::path> log_files(const std::string& folder, std::string_view prefix);

}  // namespace hauspost::transport
