// SendService: the way out of this server, by the send connectors of the directory.
#pragma once

#include "server/child/child.h"
#include "server/transport_worker/connector_source.h"
#include "server/transport_worker/transport_logs.h"
#include "server/transport_worker/worker_dns.h"
#include "transport/send/remote_carrier.h"

namespace hauspost::transport_worker {

// REQUIRES: one thread; stop() before destruction.
class SendService {
 public:
  // All of them outlive it. Reads the system's trusted authorities: some milliseconds.
  SendService(Executor executor, const child::Settings& settings,
              const directory::DirectoryReader& reader, WorkerDns& dns, TransportLogs& logs);

  const transport::ConnectorChooser& chooser() const { return chooser_; }
  transport::Carrier& carrier() { return carrier_; }

  // Closes sessions that wait for more; carry() has returned everywhere.
  Task<void> stop();

 private:
  DirectoryConnectors connectors_;
  transport::SourceChooser chooser_;
  transport::RemoteCarrier carrier_;
};

}  // namespace hauspost::transport_worker
