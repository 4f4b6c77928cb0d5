// A progress bar on a terminal's standard error: share, count, rate and time left. Silent when
// standard error is not a terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace hauspost::cli {

class Progress {
 public:
  Progress(std::size_t total, const Clock& clock);
  ~Progress();  // leaves the line clean
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(std::size_t done);

 private:
  std::size_t total_;
  const Clock& clock_;
  std::chrono::steady_clock::time_point started_;
  bool shown_;
};

// The bar of a job: its step, and bytes instead of things.
class JobProgress {
 public:
  explicit JobProgress(const Clock& clock);
  ~JobProgress();  // leaves the line clean
  JobProgress(const JobProgress&) = delete;
  JobProgress& operator=(const JobProgress&) = delete;

  void update(const std::string& step, std::uint64_t done, std::uint64_t total);

 private:
  const Clock& clock_;
  std::chrono::steady_clock::time_point started_;  // of the step
  std::string step_;
  std::uint64_t first_done_ = 0;  // when the step was first seen
  bool shown_;
};

// "copying segments  [####....] 1.2 GiB/3 GiB  100 MiB/s  18s left"; without the bar when `total`
// is 0. `moved` of `done` came within `elapsed`.
std::string job_progress_line(std::string_view step, std::uint64_t done, std::uint64_t total,
                              std::uint64_t moved, std::chrono::milliseconds elapsed,
                              std::size_t width);

// "[#######.......] 350/1000  45/s  14s left". `width` is that of the terminal.
std::string progress_line(std::size_t done, std::size_t total, std::chrono::milliseconds elapsed,
                          std::size_t width);

}  // namespace hauspost::cli
