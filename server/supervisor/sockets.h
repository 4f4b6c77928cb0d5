// Listening sockets, opened by the supervisor for its children. They outlive the children, so that
// connections wait in the backlog while one is started again.
#pragma once

#include <sys/types.h>

#include <optional>

#include "server/supervisor/settings.h"
#include "server/supervisor/unique_fd.h"

namespace hauspost::supervisor {

inline constexpr int kBacklog = 1024;

// What becomes of an address that this machine does not have.
enum class AbsentAddress : std::uint8_t {
  kRefused,  // kInvalid
  // A connector's is listened at nevertheless, from when the machine gets it: whoever could set it
  // right needs the server to run, and networks come up late.
  kAwaited,
};
// kExists: something else listens there; kDenied: a port below 1024 without the right to it. The
// text names listener, address and what to do.
Result<UniqueFd> listen_tcp(const ListenerSettings& listener,
                            AbsentAddress absent = AbsentAddress::kRefused);

// Only its owner may connect, or also `group`. A socket file left by a dead supervisor is replaced:
// REQUIRES the data root's lock. kInvalid: the path is too long for a socket.
Result<UniqueFd> listen_unix(const std::string& path, std::optional<gid_t> group = {});

}  // namespace hauspost::supervisor
