// Runs one task to its end on an io_context of its own: what every asynchronous test stands on.
#pragma once

#include <catch2/catch.hpp>

#include <exception>

#include "base/task_group.h"

namespace hauspost::test {

inline constexpr std::chrono::seconds kTestPatience{20};

inline Task<void> keep_failure(Task<void> task, std::exception_ptr& failure, bool& ended) {
  try {
    co_await std::move(task);
  } catch (...) {
    failure = std::current_exception();
  }
  ended = true;
}

// Fails the test when `task` throws (a REQUIRE that does not hold) or does not end in time.
inline void run(asio::io_context& io, Task<void> task) {
  std::exception_ptr failure;
  bool ended = false;
  TaskGroup group(io.get_executor());
  group.spawn("test", keep_failure(std::move(task), failure, ended));
  const auto give_up = std::chrono::steady_clock::now() + kTestPatience;
  io.restart();
  while (group.size() > 0 && std::chrono::steady_clock::now() < give_up) {
    io.run_one_for(std::chrono::milliseconds(100));
    if (io.stopped()) io.restart();
  }
  const bool in_time = ended;
  if (!in_time) {
    group.stop();
    while (group.size() > 0 && io.run_one_for(std::chrono::seconds(1)) > 0) {
    }
  }
  if (failure) std::rethrow_exception(failure);
  REQUIRE(in_time);
}

// Two ends of a connected pair of Unix sockets.
inline std::pair<UnixSocket, UnixSocket> socket_pair(asio::io_context& io) {
  UnixSocket left(io.get_executor());
  UnixSocket right(io.get_executor());
  int fds[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
  left.assign(asio::local::stream_protocol(), fds[0]);
  right.assign(asio::local::stream_protocol(), fds[1]);
  return {std::move(left), std::move(right)};
}

}  // namespace hauspost::test
