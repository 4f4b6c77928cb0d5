// MetricsDoor: GET /metrics on loopback addresses, for Prometheus. What it says comes from the
// supervisor's socket, which tells whoever connects everything and closes.
#pragma once

#include <list>
#include <string>

#include "base/task_group.h"
#include "server/web/web_session.h"

namespace hauspost::web {

inline constexpr std::size_t kMetricsSessionsMax = 16;
inline constexpr std::size_t kMetricsBytesMax = 16U << 20;

// REQUIRES: one thread; stop() before destruction.
class MetricsDoor {
 public:
  MetricsDoor(Executor executor, std::string socket_path)
      : executor_(executor), socket_path_(std::move(socket_path)), tasks_(executor) {}

  // Takes the listening TCP descriptor; several may be listened at.
  Result<> listen(int fd);
  Task<void> stop();

 private:
  Task<void> accept_loop(TcpAcceptor& acceptor);
  Task<void> serve(TcpSocket socket);
  Task<Response> answer(Request request) const;
  Task<Result<std::string>> collect() const;

  Executor executor_;
  std::string socket_path_;
  std::list<TcpAcceptor> acceptors_;
  std::size_t sessions_ = 0;
  TaskGroup tasks_;
};

}  // namespace hauspost::web
