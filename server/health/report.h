// Report: what one probe found, step by step.
#pragma once

#include <string>
#include <vector>

#include "base/async.h"
#include "base/clock.h"

namespace hauspost::health {

struct Step {
  std::string name;
  Duration time{};
};

// The last step is where a probe is, or where it failed.
class Report {
 public:
  using Time = std::chrono::steady_clock::time_point;

  void begin(std::string name, Time now) {
    end(now);
    steps_.push_back({std::move(name), {}});
    since_ = now;
    open_ = true;
  }
  // Of the step under way.
  void end(Time now) {
    if (open_) steps_.back().time = now - since_;
    open_ = false;
  }
  void heard(std::string line) { last_line_ = std::move(line); }

  const std::vector<Step>& steps() const { return steps_; }
  const std::string& last_line() const { return last_line_; }

 private:
  std::vector<Step> steps_;
  std::string last_line_;  // of what the server said
  Time since_;
  bool open_ = false;
};

}  // namespace hauspost::health
