// What sessions of the front-end share, and what belongs to one of them.
#pragma once

#include "server/auth/identity.h"
#include "server/directory/auth_settings.h"
#include "server/frontend/backends.h"
#include "server/frontend/buffer_pool.h"
#include "server/frontend/client.h"
#include "server/frontend/connection_limits.h"
#include "server/frontend/limits.h"
#include "server/frontend/slowdown.h"

namespace hauspost {
class Signal;
}

namespace hauspost::frontend {

// Everything outlives every session.
struct Services {
  std::string hostname;
  std::uint64_t message_bytes_max = 50ULL << 20;
  auth::Authenticator& authenticator;
  Backends& backends;
  BufferPool& buffers;
  Limits limits;
  // What the administrator has set for logins; asked at each. Empty: PLAIN and LOGIN alone.
  std::function<directory::AuthSettings()> auth_settings = {};
  // Null: failures count by connection alone, as for addresses that are never blocked.
  Slowdown* slowdown = nullptr;
  // Told to clients whose bearer token is refused (RFC 7628 section 3.2.2); empty: no tokens here.
  std::string bearer_error = {};
  // Null: no login is ever ended on its way.
  const EndedLogins* ended_logins = nullptr;
  // The service takes no new sessions now: who comes is told so and sent away.
  bool draining = false;
};

// All of it outlives the session's coroutine.
struct SessionContext {
  Guid id;
  Client& client;
  Admission& admission;
  Signal& stop;  // set when the front-end stops or needs the place
};

// What goes to the back-end: an accepted link, and the bytes that the client has already sent
// beyond what was answered here.
struct Handover {
  std::unique_ptr<link::FrameSocket> link;
  std::string first_bytes;
};

// The facts of `context` as the session link tells them; `identity` when somebody logged in.
link::SessionStart session_start(const SessionContext& context, const auth::Identity* identity);

}  // namespace hauspost::frontend
