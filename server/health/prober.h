// Prober: runs the probes of one request, those of different targets at the same time.
#pragma once

#include "base/task_group.h"
#include "server/health/probes.h"

namespace hauspost::child::wire {
class HealthOrder;
class HealthProbeReply;
class HealthProbeRequest;
class HealthResult;
}  // namespace hauspost::child::wire

namespace hauspost::health {

inline constexpr int kOrdersMax = 1000;

// One probe from its beginning to its end, or until `timeout` has passed: then true.
Task<bool> run_probe(const Means& means, Duration timeout, const child::wire::HealthOrder& order,
                     child::wire::HealthResult& result);

// REQUIRES: one thread. kInvalid: the request.
Task<Result<child::wire::HealthProbeReply>> run_probes(
    const tls::TlsContext& tls, const child::wire::HealthProbeRequest& request);

}  // namespace hauspost::health
