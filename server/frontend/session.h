// One client's session, from the first byte to the log line that sums it up.
#pragma once

#include "server/frontend/services.h"

namespace hauspost::frontend {

// What a client of HTTP is told that cannot be served now.
inline constexpr std::string_view kHttpBusy =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 60\r\n"
    "Connection: close\r\n\r\n";

// Greets, logs in, carries bytes, says goodbye and closes the client's stream. Logs
// session.accepted and session.ended. Never throws for anything a client does.
Task<void> run_session(const Services& services, SessionContext context);

}  // namespace hauspost::frontend
