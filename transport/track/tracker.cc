#include "transport/track/tracker.h"

namespace hauspost::transport {

namespace {

class NoTracker final : public Tracker {
 public:
  void record(const TrackedEvent&) override {}
};

}  // namespace

Tracker& no_tracker() {
  static NoTracker tracker;
  return tracker;
}

}  // namespace hauspost::transport
