#include "server/child/unix_service.h"

#include "base/clock.h"
#include "base/log.h"
#include "server/child/users.h"

namespace hauspost::child {

namespace {

constexpr Milliseconds kAcceptPause{100};  // when descriptors have run out

}  // namespace

UnixService::UnixService(Executor executor, std::string name, std::size_t connections_max,
                         Serve serve)
    : name_(std::move(name)),
      connections_max_(connections_max),
      serve_(std::move(serve)),
      acceptor_(executor),
      left_(executor),
      accepting_(executor),
      tasks_(executor) {}

Result<> UnixService::listen(int fd) {
  std::error_code code;
  acceptor_.assign(asio::local::stream_protocol(), fd, code);
  if (code) return fail(asio_error("listening for " + name_, code));
  accepting_.spawn(name_ + ".accept", accept_loop());
  return {};
}

void UnixService::close() {
  accepting_.stop();
  std::error_code ignored;
  acceptor_.close(ignored);
}

Task<void> UnixService::stop() {
  close();
  co_await accepting_.join();
  tasks_.stop();
  co_await tasks_.join();
}

Task<void> UnixService::accept_loop() {
  const Executor executor = co_await asio::this_coro::executor;
  while (!accepting_.stopping()) {
    if (connections_ >= connections_max_) {
      if (!co_await left_.wait()) co_return;
      continue;
    }
    UnixSocket socket(executor);
    std::error_code code;
    co_await acceptor_.async_accept(socket, asio::redirect_error(kUseTask, code));
    if (accepting_.stopping()) co_return;
    if (code) {
      log::warning("accept.failed", {{"service", name_}, {"cause", code.message()}});
      if (!co_await sleep_for(kAcceptPause)) co_return;
      continue;
    }
    if (users_ && !may_call(socket.native_handle(), *users_, name_)) continue;
    ++connections_;
    tasks_.spawn(name_, run(std::move(socket)));
  }
}

Task<void> UnixService::run(UnixSocket socket) {
  struct Place {
    UnixService& service;
    ~Place() {
      --service.connections_;
      service.left_.notify_all();
    }
  };
  const Place place{*this};
  co_await serve_(std::move(socket));
}

}  // namespace hauspost::child
