#include "server/health/restarts.h"

#include <algorithm>

namespace hauspost::health {

unsigned Restarts::within_hour(const std::string& component, WallSeconds now) const {
  const auto found = times_.find(component);
  if (found == times_.end()) return 0;
  return static_cast<unsigned>(std::ranges::count_if(
      found->second, [&](WallSeconds time) { return now - time < kWindow_s && time <= now; }));
}

bool Restarts::take(const std::string& component, WallSeconds now, unsigned per_hour) {
  if (within_hour(component, now) >= per_hour) return false;
  auto& times = times_[component];
  // A clock that was set back must not lock us out.
  std::erase_if(times, [&](WallSeconds time) { return now - time >= kWindow_s || time > now; });
  times.push_back(now);
  return true;
}

}  // namespace hauspost::health
