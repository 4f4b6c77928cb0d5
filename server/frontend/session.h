// One client's session, from the first byte to the log line that sums it up.
#pragma once

#include "server/frontend/services.h"

namespace hauspost::frontend {

// Greets, logs in, carries bytes, says goodbye and closes the client's stream. Logs
// session.accepted and session.ended. Never throws for anything a client does.
Task<void> run_session(const Services& services, SessionContext context);

}  // namespace hauspost::frontend
