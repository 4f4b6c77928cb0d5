// AuthServer: takes connections on the socket "calls" and serves them from an AuthService.
#pragma once

#include <sys/types.h>

#include <optional>
#include <vector>

#include "base/link/rpc.h"
#include "base/task_group.h"
#include "server/auth/auth_service.h"

namespace hauspost::auth {

// REQUIRES: one thread; `service` outlives it; stop() before destruction.
class AuthServer {
 public:
  AuthServer(Executor executor, AuthService& service);

  // Only processes of these users are answered (server/child/users.h). REQUIRES: before listen().
  void only_from(std::vector<uid_t> users) { users_ = std::move(users); }
  // Takes the listening descriptor.
  Result<> listen(int fd);
  // Ends every connection and waits until nobody is inside.
  Task<void> stop();

 private:
  Task<void> accept_loop();
  Task<void> serve(UnixSocket socket);

  static constexpr std::size_t kConnectionsMax = 64;  // further front-ends wait in the backlog
  std::optional<std::vector<uid_t>> users_;  // none said: everybody who gets through
  UnixAcceptor acceptor_;
  link::RpcHandler handler_;
  Condition left_;
  std::size_t connections_ = 0;
  TaskGroup tasks_;
};

}  // namespace hauspost::auth
