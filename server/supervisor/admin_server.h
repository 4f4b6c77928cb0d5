// AdminServer: the socket run/admin.sock. Root and the user that runs the server may use it.
#pragma once

#include "server/child/unix_service.h"
#include "server/supervisor/admin_service.h"

namespace hauspost::supervisor {

// REQUIRES: the main thread; `service` outlives it; stop() before destruction.
class AdminServer {
 public:
  AdminServer(Executor executor, AdminService& service);

  Result<> listen(const std::string& path);
  // Gives replies under way a moment, then ends every connection.
  Task<void> stop();

 private:
  Task<void> serve(UnixSocket socket);

  static constexpr std::size_t kConnectionsMax = 32;
  static constexpr std::size_t kCallsMax = 16;  // under way at once on one connection
  AdminService& service_;
  child::UnixService connections_;
};

}  // namespace hauspost::supervisor
