#include "server/supervisor/admin_server.h"

#include <sys/socket.h>

#include "base/log.h"
#include "server/supervisor/sockets.h"

namespace hauspost::supervisor {

namespace {

constexpr Duration kLastReplies = std::chrono::milliseconds(50);

std::optional<Caller> caller_of(UnixSocket& socket) {
  ucred credentials{};
  socklen_t length = sizeof credentials;
  if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0)
    return std::nullopt;
  return Caller{credentials.uid, credentials.pid};
}

}  // namespace

AdminServer::AdminServer(Executor executor, AdminService& service)
    : service_(service),
      connections_(executor, "admin", kConnectionsMax,
                   [this](UnixSocket socket) { return serve(std::move(socket)); }) {}

Result<> AdminServer::listen(const std::string& path) {
  TRY_ASSIGN(UniqueFd fd, listen_unix(path));
  return connections_.listen(fd.release());
}

Task<void> AdminServer::stop() {
  connections_.close();
  if (connections_.connections() != 0) {
    [[maybe_unused]] auto waited = co_await sleep_for(kLastReplies);
  }
  co_await connections_.stop();
}

Task<void> AdminServer::serve(UnixSocket socket) {
  const auto caller = caller_of(socket);
  if (!caller || (caller->uid != 0 && caller->uid != ::geteuid())) {
    log::warning("admin.denied", {{"uid", caller ? caller->uid : static_cast<uid_t>(-1)}});
    co_return;
  }
  const link::RpcHandler handler = [this, who = *caller](std::uint16_t method, std::string body) {
    return service_.answer(who, method, std::move(body));
  };
  link::RpcLimits limits;
  limits.payload_max = link::kAdminPayloadMax;
  limits.calls_max = kCallsMax;
  const auto served = co_await link::serve_rpc(std::move(socket), handler, limits);
  if (!served && served.error().code != ErrorCode::kCancelled)
    log::warning("admin.connection", {{"uid", caller->uid}, {"cause", served.error()}});
}

}  // namespace hauspost::supervisor
