// The server's numbers of one moment, for the verbs that show them.
#pragma once

#include "base/metrics.h"
#include "tools/cli/context.h"

namespace hauspost::cli {

struct ServerMetrics {
  metrics::Snapshot snapshot;
  std::int64_t time_ms = 0;  // Unix time
};

Outcome<ServerMetrics> ask_metrics(Context& context);

}  // namespace hauspost::cli
