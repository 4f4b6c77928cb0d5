// Monitor: how many failures among the last probes make a fault, and what makes it well again.
// Pure: time is a parameter.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>

namespace hauspost::health {

using WallSeconds = std::int64_t;  // Unix seconds

struct MonitorRules {
  unsigned failures = 3;  // of the last `window` outcomes
  unsigned window = 5;
};

class Monitor {
 public:
  enum class Change : std::uint8_t { kNone, kBroke, kRecovered };

  // One outcome. It breaks at `failures` failures within the window, and recovers with the first
  // window that holds none of the failures that broke it: after as many good outcomes in a row as
  // it took failures.
  Change note(bool good, WallSeconds now, std::string text, MonitorRules rules);
  // Outcomes until now no longer count: what they were about has been started again. It stays
  // healthy or not.
  void forget() {
    outcomes_.clear();
    good_in_row_ = 0;
  }

  bool healthy() const { return healthy_; }
  WallSeconds since() const { return since_; }    // of this state; 0: nothing was noted yet
  WallSeconds looked() const { return looked_; }  // last outcome; 0: none
  bool last_good() const { return last_good_; }
  const std::string& failure() const { return failure_; }  // the last one's text
  unsigned failures() const;                               // in the window

 private:
  std::deque<bool> outcomes_;  // newest last
  bool healthy_ = true;
  bool last_good_ = true;
  unsigned good_in_row_ = 0;
  WallSeconds since_ = 0;
  WallSeconds looked_ = 0;
  std::string failure_;
};

}  // namespace hauspost::health
