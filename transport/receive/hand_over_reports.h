// What the sender hears of a message that was taken: whom it could not be given to, and of success
// where that was asked for (RFC 3461).
#pragma once

#include "transport/receive/fork_delivery.h"

namespace hauspost::transport {

// `outcomes`: of each fork's targets.
bool needs_reports(const Plan& plan, const std::vector<std::vector<TargetOutcome>>& outcomes);

// Submits one report for each fork that has something to tell and a sender to tell it. A report of
// failure that cannot be kept is an error, as its message would be lost; one of success is only
// logged.
Task<Result<>> send_reports(Services& services, const Plan& plan,
                            const std::vector<std::vector<TargetOutcome>>& outcomes,
                            std::string message);

}  // namespace hauspost::transport
