#include "transport/send/dialer.h"

#include <asio/ip/address.hpp>
#include <fmt/format.h>

#include "base/deadline.h"
#include "base/socket_stream.h"

namespace hauspost::transport {

namespace {

std::string text_of(const asio::ip::tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return endpoint.address().is_v6() ? fmt::format("[{}]:{}", address, endpoint.port())
                                    : fmt::format("{}:{}", address, endpoint.port());
}

// Connects `socket`; the error names no address, the caller knows it.
template <class Socket>
Task<Result<>> connect(Socket& socket, typename Socket::endpoint_type endpoint, Duration timeout) {
  if (was_cancelled(co_await asio::this_coro::cancellation_state))
    co_return fail(ErrorCode::kCancelled, "connect: cancelled");
  Deadline deadline(socket.get_executor(), [&socket] {
    std::error_code ignored;
    socket.cancel(ignored);
  });
  deadline.start(timeout);
  std::error_code code;
  co_await socket.async_connect(endpoint, asio::redirect_error(kUseTask, code));
  deadline.stop();
  if (!code) co_return Result<>{};
  if (deadline.expired()) co_return fail(ErrorCode::kTimeout, "connect: timed out");
  Error error = asio_error("connect", code);
  if (error.code != ErrorCode::kCancelled) error = {ErrorCode::kUnavailable, code.message()};
  co_return fail(std::move(error));
}

Task<Result<Dialled>> dial_unix(std::string path, Duration timeout) {
  UnixSocket socket(co_await asio::this_coro::executor);
  CO_TRY(co_await connect(socket, asio::local::stream_protocol::endpoint(path), timeout));
  co_return Dialled{std::make_unique<UnixStream>(std::move(socket)), {}, {}};
}

}  // namespace

Task<Result<Dialled>> dial(DialTarget target, Duration timeout) {
  if (target.address.starts_with('/'))
    co_return co_await dial_unix(std::move(target.address), timeout);
  std::error_code code;
  const auto address = asio::ip::make_address(target.address, code);
  if (code) co_return fail(ErrorCode::kInvalid, fmt::format("{} is no address", target.address));
  TcpSocket socket(co_await asio::this_coro::executor);
  if (!target.source.empty()) {
    const auto source = asio::ip::make_address(target.source, code);
    if (!code) socket.open(address.is_v6() ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), code);
    if (!code) socket.bind({source, 0}, code);
    if (code) {
      co_return fail(ErrorCode::kInvalid, fmt::format("the source address {} cannot be used: {}",
                                                      target.source, code.message()));
    }
  }
  CO_TRY(co_await connect(socket, asio::ip::tcp::endpoint(address, target.port), timeout));
  const auto local = socket.local_endpoint(code);
  Dialled out;
  if (!code) {
    out.local = text_of(local);
    out.address = local.address().to_string();
  }
  out.stream = std::make_unique<TcpStream>(std::move(socket));
  co_return std::move(out);
}

}  // namespace hauspost::transport
