#include "server/transport_worker/send_service.h"

namespace hauspost::transport_worker {

SendService::SendService(Executor executor, const child::Settings& settings,
                         const directory::DirectoryReader& reader, WorkerDns& dns,
                         TransportLogs& logs)
    : connectors_(reader, settings.data_root),
      chooser_(connectors_),
      carrier_(executor, {.connectors = connectors_,
                          .hops = dns.hops(),
                          .clock = system_clock(),
                          .hostname = settings.hostname,
                          .results = &dns.results(),
                          .protocol = &logs.send_log(),
                          .connectivity = &logs.connectivity_log()}) {}

Task<void> SendService::stop() {
  carrier_.stop();
  co_await carrier_.join();
}

}  // namespace hauspost::transport_worker
