// LogFileTarget: log lines in a file that is put aside when it is big or a day old. What is put
// aside is FILE-YYYYMMDD-HHMMSS, or with .gz behind it once compressed; the oldest are removed.
#pragma once

#include <functional>

#include "base/clock.h"
#include "server/supervisor/log_settings.h"
#include "server/supervisor/log_target.h"
#include "server/supervisor/unique_fd.h"

namespace hauspost::supervisor {

class LogFileTarget final : public LogTarget {
 public:
  // `aside` runs what takes long (compressing, removing) somewhere else, or at once.
  using Aside = std::function<void(std::function<void()> work)>;

  // Makes the folder (0750) and the file (0640) when they are missing. kUnavailable, kDenied: the
  // file cannot be written.
  static Result<std::unique_ptr<LogFileTarget>> open(LogSettings settings, std::string path,
                                                     const Clock& clock, Aside aside);
  ~LogFileTarget() override;

  void write(std::string_view lines) override;

 private:
  LogFileTarget(LogSettings settings, std::string path, const Clock& clock, Aside aside);
  Result<> open_file();
  bool is_due(std::size_t more) const;
  void rotate();
  std::int64_t day_of(std::int64_t unix_s) const;

  LogSettings settings_;
  std::string path_;
  const Clock& clock_;
  Aside aside_;
  UniqueFd file_;
  std::uint64_t bytes_ = 0;
  std::int64_t day_ = 0;         // of the first line
  std::int64_t retry_at_s_ = 0;  // of a file that could not be opened
};

// Every file of the log, oldest first: what was put aside, then the one that is written. Names of
// other files beside them are passed over.
std::vector<std::string> log_files(const std::string& path);

// FILE to FILE.gz, by way of FILE.gz~; FILE is gone afterwards. kUnavailable: FILE stays. Blocks.
Result<> compress_log(const std::string& path);

}  // namespace hauspost::supervisor
