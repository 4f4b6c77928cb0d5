#include "server/auth/auth_server.h"

#include "server/auth/auth_client.h"
#include "server/child/users.h"

namespace hauspost::auth {

namespace {

constexpr std::chrono::milliseconds kAcceptPause{100};  // when descriptors have run out

}  // namespace

AuthServer::AuthServer(Executor executor, AuthService& service)
    : acceptor_(executor),
      handler_([&service](std::uint16_t method, std::string body) {
        return service.handle_call(method, std::move(body));
      }),
      left_(executor),
      tasks_(executor) {}

Result<> AuthServer::listen(int fd) {
  std::error_code code;
  acceptor_.assign(asio::local::stream_protocol(), fd, code);
  if (code) return fail(asio_error("auth socket", code));
  tasks_.spawn("auth.accept", accept_loop());
  return {};
}

Task<void> AuthServer::accept_loop() {
  const Executor executor = co_await asio::this_coro::executor;
  while (!tasks_.stopping()) {
    if (connections_ >= kConnectionsMax) {
      if (!co_await left_.wait()) co_return;
      continue;
    }
    UnixSocket socket(executor);
    std::error_code code;
    co_await acceptor_.async_accept(socket, asio::redirect_error(kUseTask, code));
    if (was_cancelled(co_await asio::this_coro::cancellation_state)) co_return;
    if (code) {
      log::warning("auth.accept_failed", {{"cause", code.message()}});
      if (!co_await sleep_for(kAcceptPause)) co_return;
      continue;
    }
    if (users_ && !child::may_call(socket.native_handle(), *users_, "auth")) continue;
    ++connections_;
    tasks_.spawn("auth.calls", serve(std::move(socket)));
  }
}

Task<void> AuthServer::serve(UnixSocket socket) {
  link::RpcLimits limits;
  limits.payload_max = AuthClient::kPayloadMax;
  auto ended = co_await link::serve_rpc(std::move(socket), handler_, limits);
  if (!ended && ended.error().code != ErrorCode::kCancelled)
    log::warning("auth.connection_failed", {{"cause", ended.error()}});
  --connections_;
  left_.notify_all();
}

Task<void> AuthServer::stop() {
  tasks_.stop();
  std::error_code ignored;
  acceptor_.close(ignored);
  co_await tasks_.join();
}

}  // namespace hauspost::auth
