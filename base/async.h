// The one spelling of Asio in this project: an io_context a thread, coroutines of type Task on it,
// and sockets bound to its executor.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/basic_waitable_timer.hpp>
#include <asio/cancellation_state.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>

#include <chrono>

#include "base/result.h"

namespace hauspost {

using Executor = asio::io_context::executor_type;

template <class T = void>
using Task = asio::awaitable<T, Executor>;

inline constexpr asio::use_awaitable_t<Executor> kUseTask;

using TcpSocket = asio::basic_stream_socket<asio::ip::tcp, Executor>;
using TcpAcceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;
using UnixSocket = asio::basic_stream_socket<asio::local::stream_protocol, Executor>;
using UnixAcceptor = asio::basic_socket_acceptor<asio::local::stream_protocol, Executor>;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;
using Duration = std::chrono::steady_clock::duration;

// Tasks of a TaskGroup never throw on cancellation: operations return kCancelled, and those of
// base/ also do so when they start after it: if (was_cancelled(co_await
// asio::this_coro::cancellation_state)) ...
inline bool was_cancelled(const asio::cancellation_state& state) {
  return state.cancelled() != asio::cancellation_type::none;
}

// Suspends for `duration`; kCancelled when the task is cancelled meanwhile.
Task<Result<>> sleep_for(Duration duration);
// Lets every other ready task of this thread run once: long work calls it between slices.
Task<void> yield_now();

// An operation's error as ours: cancelled, timeout, unavailable (peer gone) or internal.
Error asio_error(std::string_view what, const std::error_code& code);

}  // namespace hauspost
