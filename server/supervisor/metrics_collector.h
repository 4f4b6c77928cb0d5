// MetricsCollector: the numbers of every process in one answer, for `hauspost metrics` and for
// whoever reads run/metrics.sock.
#pragma once

#include "base/metrics.h"
#include "server/child/unix_service.h"
#include "server/supervisor/supervisor.h"

namespace hauspost::supervisor {

inline constexpr std::string_view kMetricsSocket = "metrics.sock";  // in run/

// Asks every child, each sample labelled with its role and database, and adds what the supervisor
// knows itself. A child that does not answer in three seconds is left out; hauspost_child_up tells.
Task<metrics::Snapshot> collect_metrics(Supervisor& supervisor);

// Writes Prometheus text to whoever connects, and closes. REQUIRES: as AdminServer.
class MetricsServer {
 public:
  static constexpr std::size_t kConnectionsMax = 8;

  MetricsServer(Executor executor, Supervisor& supervisor);
  // The socket may be connected to by root, whoever runs the server and hauspost-web.
  Result<> listen();
  Task<void> stop() { return connections_.stop(); }

 private:
  Task<void> serve(UnixSocket socket);

  Supervisor& supervisor_;
  child::UnixService connections_;
};

}  // namespace hauspost::supervisor
