#include "base/socket_stream.h"

#include "base/readable_edge.h"
#include "base/signal.h"

namespace hauspost {

template <class Socket>
Task<Result<Wake>> wait_socket_input(Socket& socket, Signal& signal, Duration timeout) {
  if (was_cancelled(co_await asio::this_coro::cancellation_state))
    co_return fail(ErrorCode::kCancelled, "wait for input: cancelled");
  if (signal.take()) co_return Wake::kSignal;
  std::error_code ignored;
  bool timed_out = false;
  Deadline deadline(socket.get_executor(), [&] {
    timed_out = true;
    socket.cancel(ignored);
  });
  if (timeout > Duration::zero()) deadline.start(timeout);
  signal.set_waker([&] { socket.cancel(ignored); });
  std::error_code code;
  co_await wait_readable_edge(socket, code);
  signal.set_waker(nullptr);
  // The edge comes first: it is told of once, while the signal stays set for the next call.
  if (!code) co_return Wake::kInput;
  if (signal.take()) co_return Wake::kSignal;
  if (timed_out) co_return Wake::kTimeout;
  co_return fail(asio_error("wait for input", code));
}

template Task<Result<Wake>> wait_socket_input(TcpSocket&, Signal&, Duration);
template Task<Result<Wake>> wait_socket_input(UnixSocket&, Signal&, Duration);

template <class Socket>
SocketStream<Socket>::SocketStream(Socket socket)
    : socket_(std::move(socket)),
      reader_(socket_),
      read_deadline_(socket_.get_executor(), canceller()),
      write_deadline_(socket_.get_executor(), canceller()) {
  std::error_code ignored;
  if constexpr (std::is_same_v<Socket, TcpSocket>)
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

template <class Socket>
std::function<void()> SocketStream<Socket>::canceller() {
  return [this] {
    std::error_code ignored;
    socket_.cancel(ignored);
  };
}

template <class Socket>
Task<Result<std::size_t>> SocketStream<Socket>::read_some(std::span<char> into) {
  if (was_cancelled(co_await asio::this_coro::cancellation_state))
    co_return fail(ErrorCode::kCancelled, "read: cancelled");
  if (timeout_ > Duration::zero()) read_deadline_.start(timeout_);
  std::error_code code;
  const std::size_t count = co_await reader_.read(into, code);
  read_deadline_.stop();
  if (code && read_deadline_.expired()) co_return fail(ErrorCode::kTimeout, "read: timed out");
  if (code) co_return fail(asio_error("read", code));
  co_return count;
}

template <class Socket>
Task<Result<>> SocketStream<Socket>::write(std::span<const std::string_view> parts) {
  if (was_cancelled(co_await asio::this_coro::cancellation_state))
    co_return fail(ErrorCode::kCancelled, "write: cancelled");
  if (timeout_ > Duration::zero()) write_deadline_.start(timeout_);
  std::error_code code;
  co_await write_all(socket_, parts, code);
  write_deadline_.stop();
  if (code && write_deadline_.expired()) co_return fail(ErrorCode::kTimeout, "write: timed out");
  if (code) co_return fail(asio_error("write", code));
  co_return Result<>{};
}

template <class Socket>
Task<Result<Wake>> SocketStream<Socket>::wait_input(Signal& signal, Duration timeout) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    if (!socket_.is_open()) co_return fail(ErrorCode::kCancelled, "wait for input: closed");
    if (!signal.is_set() && reader_.look()) co_return Wake::kInput;
    Duration left{};
    if (timeout > Duration::zero()) {
      left = until - std::chrono::steady_clock::now();
      if (left <= Duration::zero()) co_return Wake::kTimeout;
    }
    CO_TRY_ASSIGN(const Wake wake, co_await wait_socket_input(socket_, signal, left));
    if (wake != Wake::kInput) co_return wake;
    reader_.note_edge();
  }
}

template <class Socket>
Task<Result<Input>> SocketStream<Socket>::read_input(
    Signal& signal, const std::function<std::span<char>()>& place) {
  for (;;) {
    if (!socket_.is_open()) co_return fail(ErrorCode::kCancelled, "read: closed");
    if (signal.take()) co_return Input{Wake::kSignal};
    std::error_code code;
    if (reader_.may_have_more()) {
      co_await reader_.take_turn();
      const auto count = reader_.try_read(place(), code);
      if (code) co_return fail(asio_error("read", code));
      if (count) co_return Input{Wake::kInput, *count};
    }
    CO_TRY_ASSIGN(const Wake wake, co_await wait_socket_input(socket_, signal, Duration::zero()));
    if (wake != Wake::kInput) co_return Input{wake};
    reader_.note_edge();
  }
}

template <class Socket>
void SocketStream<Socket>::close() noexcept {
  std::error_code ignored;
  socket_.close(ignored);
}

template class SocketStream<TcpSocket>;
template class SocketStream<UnixSocket>;

}  // namespace hauspost
