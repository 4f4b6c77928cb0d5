// The SMTP session behind the front-end: from the first MAIL on (RFC 5321).
#pragma once

#include "base/link/session_link.h"
#include "base/stream.h"
#include "protocols/session_end.h"
#include "transport/services.h"

namespace hauspost::transport {

// Serves one client until QUIT, a 421, or the loss of the stream. The front-end has greeted the
// client, and taken EHLO, TLS and AUTH; the stream starts with a MAIL command line.
// What the client may do follows from `start`: a user may send to anybody from its own addresses;
// without one, listener "smtp" takes mail for accepted domains and any other listener takes none.
Task<SessionEnd> serve_smtp(Stream& stream, const link::SessionStart& start, Services& services);

}  // namespace hauspost::transport
