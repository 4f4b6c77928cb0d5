// Throttle: holds long work to a number of bytes a second, so that it never takes the disk from
// those who wait for it.
#pragma once

#include <chrono>
#include <cstdint>

#include "store/progress.h"

namespace hauspost::store {

// REQUIRES: one thread.
class Throttle {
 public:
  // 0: as fast as it goes.
  explicit Throttle(std::uint64_t bytes_per_second) : bytes_per_second_(bytes_per_second) {}

  // Counts `bytes` and sleeps for as long as they are too early; a tenth of a second of them may be
  // taken at once. kCancelled as soon as `progress` says so.
  Result<> spend(std::uint64_t bytes, const Progress& progress);

 private:
  const std::uint64_t bytes_per_second_;
  std::chrono::steady_clock::time_point due_{};  // when what was spent is paid for
};

}  // namespace hauspost::store
