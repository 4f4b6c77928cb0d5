// LogCollector: takes the log lines of every process and gives them to the target of the settings.
// Children write to a pipe that never makes them wait: what does not fit is dropped by them,
// counted and told. They need no right to any file for it.
#pragma once

#include <asio/posix/basic_stream_descriptor.hpp>

#include <mutex>

#include "base/side_thread.h"
#include "base/task_group.h"
#include "server/supervisor/log_settings.h"
#include "server/supervisor/log_target.h"
#include "server/supervisor/unique_fd.h"

namespace hauspost::supervisor {

// REQUIRES: one thread; stop() before destruction when it was started.
class LogCollector {
 public:
  explicit LogCollector(Executor executor);
  ~LogCollector();

  // From now on our own lines, and those of children started later, go where `settings` say. With
  // standard error as the target nothing changes. The target's errors.
  Result<> start(const LogSettings& settings, const std::string& data_root);
  // What still waits in the pipe is written; our own lines go to standard error again. REQUIRES:
  // the children have ended.
  Task<void> stop();

 private:
  Result<> collect(std::unique_ptr<LogTarget> target);
  void give(std::string_view lines);  // thread-safe
  Task<void> read_pipe();
  bool read_once();
  Task<void> work_aside();

  Executor executor_;
  std::mutex mutex_;  // guards the target: our own lines come from any thread
  std::unique_ptr<LogTarget> target_;
  UniqueFd children_;  // their end of the pipe
  asio::posix::basic_stream_descriptor<Executor> pipe_;
  std::string partial_;  // a line whose end is yet to come
  std::string buffer_;
  std::vector<std::function<void()>> aside_;  // for the side thread
  SideThread side_;
  TaskGroup tasks_;
};

}  // namespace hauspost::supervisor
