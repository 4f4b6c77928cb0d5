// A clock that moves when the test says so.
#pragma once

#include "base/clock.h"

namespace hauspost::test {

class FakeClock final : public Clock {
 public:
  WallTime now() const override {
    return WallTime(std::chrono::duration_cast<WallTime::duration>(steady_.time_since_epoch()));
  }
  std::chrono::steady_clock::time_point steady() const override { return steady_; }
  void advance(std::chrono::steady_clock::duration by) { steady_ += by; }

 private:
  std::chrono::steady_clock::time_point steady_{std::chrono::hours(1000)};
};

}  // namespace hauspost::test
