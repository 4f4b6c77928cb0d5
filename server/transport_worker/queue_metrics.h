// What stands in transport's queues, as numbers.
#pragma once

#include "base/metrics.h"
#include "transport/queue/queue.h"

namespace hauspost::transport_worker {

// By kind of queue and state. The age of the oldest is looked up in the first hundred queues of each
// kind.
void measure_queues(const transport::Queue& queue, WallTime now, metrics::Snapshot& out);

}  // namespace hauspost::transport_worker
