// A progress bar on a terminal's standard error: share, count, rate and time left. Silent when
// standard error is not a terminal.
#pragma once

#include <chrono>
#include <string>

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

// "[#######.......] 350/1000  45/s  14s left". `width` is that of the terminal.
std::string progress_line(std::size_t done, std::size_t total, std::chrono::milliseconds elapsed,
                          std::size_t width);

}  // namespace hauspost::cli
