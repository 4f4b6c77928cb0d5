#include "server/supervisor/restart_policy.h"

#include <algorithm>

namespace hauspost::supervisor {

std::optional<RestartPolicy::Duration> RestartPolicy::died(Time now, Duration lived,
                                                           bool abnormal) {
  if (abnormal && limits_.quarantine_deaths != 0) {
    deaths_.push_back(now);
    while (now - deaths_.front() > limits_.quarantine_window) deaths_.pop_front();
    if (deaths_.size() >= limits_.quarantine_deaths) return std::nullopt;
  }
  if (lived >= limits_.stable) restarts_ = 0;
  return next_delay();
}

void RestartPolicy::forget() {
  restarts_ = 0;
  deaths_.clear();
}

RestartPolicy::Duration RestartPolicy::next_delay() {
  const unsigned restart = restarts_++;
  if (restart == 0) return Duration::zero();
  Duration delay = limits_.first_delay;
  for (unsigned i = 1; i < restart && delay < limits_.longest_delay; ++i) delay *= 2;
  return std::min(delay, limits_.longest_delay);
}

}  // namespace hauspost::supervisor
