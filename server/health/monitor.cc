#include "server/health/monitor.h"

#include <algorithm>

namespace hauspost::health {

unsigned Monitor::failures() const {
  return static_cast<unsigned>(std::ranges::count(outcomes_, false));
}

Monitor::Change Monitor::note(bool good, WallSeconds now, std::string text, MonitorRules rules) {
  if (since_ == 0) since_ = now;
  looked_ = now;
  last_good_ = good;
  good_in_row_ = good ? good_in_row_ + 1 : 0;
  if (!good) failure_ = std::move(text);
  outcomes_.push_back(good);
  while (outcomes_.size() > std::max(rules.window, rules.failures)) outcomes_.pop_front();
  if (healthy_ && failures() >= rules.failures) {
    healthy_ = false;
    since_ = now;
    return Change::kBroke;
  }
  if (!healthy_ && good_in_row_ >= rules.failures) {
    healthy_ = true;
    since_ = now;
    outcomes_.clear();
    return Change::kRecovered;
  }
  return Change::kNone;
}

}  // namespace hauspost::health
