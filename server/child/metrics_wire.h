// Metrics on their way from a process to who asks, as metrics.proto.
#pragma once

#include <string>
#include <string_view>

#include "base/metrics.h"
#include "base/result.h"

namespace hauspost::child {

std::string metrics_to_wire(const metrics::Snapshot& snapshot);
// kCorrupt: it does not parse, or a histogram's buckets do not fit its bounds.
Result<metrics::Snapshot> metrics_from_wire(std::string_view bytes);

}  // namespace hauspost::child
