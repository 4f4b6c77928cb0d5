// Counts what happens to messages, whether the tracking log is kept or not.
#pragma once

#include "transport/track/tracker.h"

namespace hauspost::transport {

void count_event(const TrackedEvent& event);

}  // namespace hauspost::transport
