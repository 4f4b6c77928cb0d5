// What the front-end tells about its sessions: lists, ends, numbers.
#pragma once

#include <string>

#include "base/metrics.h"
#include "server/frontend/frontend.h"

namespace hauspost::frontend {

// Bodies and replies of sessions.proto. kInvalid: the request does not parse, or would end every
// session there is.
Result<std::string> list_sessions(const Frontend& frontend, const std::string& body);
Result<std::string> kill_sessions(Frontend& frontend, const std::string& body);

// Sessions by service, connections that had to make room, and when certificates run out.
void measure(const Frontend& frontend, metrics::Snapshot& out);

}  // namespace hauspost::frontend
