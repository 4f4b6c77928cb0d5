#include "base/readable_edge.h"

#include <sys/epoll.h>

#include <asio/associated_cancellation_slot.hpp>
#include <asio/detail/reactor.hpp>
#include <asio/detail/reactor_op.hpp>

#include <memory>

namespace hauspost {

namespace {

using asio::detail::reactor;
using asio::detail::reactor_op;

// The reactor's view of a socket, which Asio keeps for derived classes.
template <class Socket>
struct Inside : Socket {
  static auto& implementation(Socket& socket) {
    return (socket.*(&Inside::impl_)).get_implementation();
  }
};

struct Reports : asio::detail::operation {
  static unsigned last(const asio::detail::operation& descriptor) {
    return descriptor.*(&Reports::task_result_);
  }
};

// The reactor remembers an edge that nobody waited for, and "performs" an operation that is started
// then, or when an edge comes. Saying "done and exhausted" makes it forget that edge.
template <class Handler>
class EdgeWait final : public reactor_op {
 public:
  EdgeWait(Handler handler, std::error_code& code)
      : reactor_op({}, &EdgeWait::take_edge, &EdgeWait::complete),
        handler_(std::move(handler)),
        code_(code) {
    cancellation_key_ = this;
  }

 private:
  static status take_edge(reactor_op*) { return done_and_exhausted; }
  static void complete(void* owner, asio::detail::operation* base, const std::error_code&,
                       std::size_t) {
    const std::unique_ptr<EdgeWait> self(static_cast<EdgeWait*>(base));
    Handler handler = std::move(self->handler_);
    if (owner == nullptr) return;  // the reactor ends, and with it whoever waits
    self->code_ = self->ec_;
    std::move(handler)();
  }

  Handler handler_;
  std::error_code& code_;
};

struct StartWait {
  template <class Handler, class Socket>
  void operator()(Handler handler, Socket* socket, std::error_code* code) const {
    auto& implementation = Inside<Socket>::implementation(*socket);
    auto& watcher = asio::use_service<reactor>(socket->get_executor().context());
    auto slot = asio::get_associated_cancellation_slot(handler);
    auto* const wait = new EdgeWait<Handler>(std::move(handler), *code);  // complete() deletes it
    if (slot.is_connected()) {
      slot.assign([&watcher, &implementation, wait](asio::cancellation_type) {
        watcher.cancel_ops_by_key(implementation.socket_, implementation.reactor_data_,
                                  reactor::read_op, wait);
      });
    }
    watcher.start_op(reactor::read_op, implementation.socket_, implementation.reactor_data_, wait,
                     false, true);
  }
};

}  // namespace

template <class Socket>
Task<void> wait_readable_edge(Socket& socket, std::error_code& code) {
  co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void()>(
      StartWait{}, kUseTask, &socket, &code);
}

template <class Socket>
bool hangup_reported(Socket& socket) {
  const auto* const data = Inside<Socket>::implementation(socket).reactor_data_;
  if (data == nullptr) return true;
  // A descriptor's state is an operation whose argument is the kernel's last report. The base is
  // private: only this kind of cast passes it.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wold-style-cast"
  const auto& descriptor = *(const asio::detail::operation*)(data);
#pragma clang diagnostic pop
  return (Reports::last(descriptor) & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0;
}

template Task<void> wait_readable_edge(TcpSocket&, std::error_code&);
template Task<void> wait_readable_edge(UnixSocket&, std::error_code&);
template bool hangup_reported(TcpSocket&);
template bool hangup_reported(UnixSocket&);

}  // namespace hauspost
