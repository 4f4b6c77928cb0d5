// When a child that died is started again. Pure: time is a parameter.
#pragma once

#include <chrono>
#include <deque>
#include <optional>

namespace hauspost::supervisor {

class RestartPolicy {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  struct Limits {
    Duration first_delay = std::chrono::milliseconds(100);  // of the second restart; then doubling
    Duration longest_delay = std::chrono::seconds(60);
    Duration stable = std::chrono::seconds(60);  // a life this long forgets the restarts before
    Duration quarantine_window = std::chrono::minutes(10);
    unsigned quarantine_deaths = 0;  // abnormal ones within the window; 0: never
  };

  explicit RestartPolicy(Limits limits) : limits_(limits) {}

  // The delay until the next start, zero for the first one; nullopt: do not start it again.
  std::optional<Duration> died(Time now, Duration lived, bool abnormal);
  void forget();

 private:
  Duration next_delay();

  Limits limits_;
  unsigned restarts_ = 0;
  std::deque<Time> deaths_;
};

}  // namespace hauspost::supervisor
