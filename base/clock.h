// Time is a parameter: sessions and timers take a Clock, so a test can hold time still.
#pragma once

#include <chrono>

namespace hauspost {

using WallTime = std::chrono::sys_time<std::chrono::microseconds>;
using Seconds = std::chrono::seconds;
using Milliseconds = std::chrono::milliseconds;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime now() const = 0;                                  // may jump
  virtual std::chrono::steady_clock::time_point steady() const = 0;  // never goes back
};

// The machine's clock; any thread.
const Clock& system_clock();

}  // namespace hauspost
