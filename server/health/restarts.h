// Restarts: how often a component may be started again because it does not answer. Pure: time is a
// parameter.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "server/health/monitor.h"

namespace hauspost::health {

class Restarts {
 public:
  static constexpr WallSeconds kWindow_s = 3600;

  // Whether one more is allowed, and counts it then.
  bool take(const std::string& component, WallSeconds now, unsigned per_hour);
  unsigned within_hour(const std::string& component, WallSeconds now) const;

 private:
  std::map<std::string, std::deque<WallSeconds>> times_;
};

}  // namespace hauspost::health
