// TransportWorker: SMTP sessions, the queue and its retries.
#pragma once

#include "base/link/session_link.h"
#include "server/child/child.h"
#include "server/child/unix_service.h"
#include "server/directory/receive_connectors.h"
#include "server/transport_worker/directory_adapter.h"
#include "server/transport_worker/filter_service.h"
#include "server/transport_worker/queue_service.h"
#include "server/transport_worker/send_service.h"
#include "server/transport_worker/transport_logs.h"
#include "server/transport_worker/worker_dns.h"
#include "server/transport_worker/worker_mailauth.h"
#include "transport/queue/queue.h"
#include "transport/services.h"

namespace hauspost::transport_worker {

inline constexpr std::size_t kSessionsMax = 10'000;

// REQUIRES: one thread; stop() before destruction.
class TransportWorker {
 public:
  // Opens directory and queue: blocks.
  static Result<std::unique_ptr<TransportWorker>> open(Executor executor,
                                                       const child::Settings& settings);

  // Takes the listening descriptor of "session".
  Result<> listen(const child::NamedDescriptor& listener);
  // Lets the queue run until stop().
  void start();
  // The supervisor's calls, server/child/control.h.
  Task<Result<std::string>> handle_control(std::uint16_t method, std::string body);
  void measure(metrics::Snapshot& out) const;
  Task<void> stop();

 private:
  TransportWorker(Executor executor, const child::Settings& settings,
                  std::unique_ptr<directory::DirectoryReader> directory,
                  std::unique_ptr<transport::Queue> queue);

  Task<Result<>> submit_report(std::string from, std::string to, std::string message);
  Task<Result<std::string>> submit_health_mail(std::string body);
  Task<void> serve_session(UnixSocket socket);
  Task<void> serve_accepted(std::unique_ptr<link::FrameSocket> frames,
                            const link::SessionStart& start);

  std::unique_ptr<directory::DirectoryReader> reader_;
  std::optional<transport::Srs> srs_;
  DirectoryAdapter directory_;
  directory::ReceiveConnectors connectors_;
  transport::MessageRates rates_;
  TransportLogs logs_;
  WorkerDns dns_;
  WorkerMailauth mailauth_;
  transport::DeliveryClients deliveries_;
  std::unique_ptr<transport::Queue> queue_;
  transport::Services services_;
  SendService send_service_;
  QueueService queue_service_;
  FilterService filter_service_;
  child::UnixService sessions_;
  TaskGroup tasks_;
};

}  // namespace hauspost::transport_worker
