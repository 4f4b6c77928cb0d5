// RemoteCarrier: takes messages from the queue to other mail servers, by the send connectors.
#pragma once

#include "base/task_group.h"
#include "transport/route/connector_chooser.h"
#include "transport/send/bad_hosts.h"
#include "transport/send/connection_pool.h"

namespace hauspost::transport {

// What it works with; outlives it.
struct SendWorld {
  const ConnectorSource& connectors;
  dns::HopFinder& hops;
  const Clock& clock;
  std::string hostname;
  dns::TlsResults* results = &dns::no_tls_results();
  ProtocolLog* protocol = nullptr;
  ConnectivityLog* connectivity = nullptr;
  std::string roots_file = tls::kSystemRootsFile;
  ClientTimeouts timeouts = {};
  Duration connect_timeout = std::chrono::seconds(30);
  PoolLimits pool = {};
};

// REQUIRES: the thread of `executor`; stop() and join() before destruction.
class RemoteCarrier final : public Carrier {
 public:
  // Reads the system's trusted authorities: some milliseconds. Without them no certificate is
  // verified, and what asks for that is not sent.
  RemoteCarrier(Executor executor, SendWorld world);
  ~RemoteCarrier() override;

  // hop.kind is kConnector. Hosts are tried in order until each recipient has an answer. What a
  // host refuses to be asked at all (8-bit contents, SMTPUTF8, size, REQUIRETLS) fails for good
  // only when every host was asked. Smart hosts that cannot be found are a fault of ours: retried.
  Task<CarryReport> carry(const NextHop& hop, const Envelope& envelope,
                          std::string_view message) override;

  // Idle connections are closed, without a word.
  void stop();
  Task<void> join();

 private:
  struct Attempt;

  Task<void> try_idle(Attempt& attempt);
  Task<void> try_hosts(Attempt& attempt);
  Task<bool> find_hosts(Attempt& attempt);
  Task<bool> find_smart_hosts(Attempt& attempt);
  Task<void> try_host(Attempt& attempt, dns::Host host);
  // True: the session is still good and was put away.
  Task<bool> transact(Attempt& attempt, std::unique_ptr<Connection> connection);
  void put_away(const Attempt& attempt, std::unique_ptr<Connection> connection);
  void close_later(std::unique_ptr<Connection> connection, std::string why);
  Task<void> watch_idle();

  SendWorld world_;
  tls::TlsContext context_;
  std::optional<tls::TrustedRoots> roots_;
  ConnectWorld connect_;
  ConnectionPool pool_;
  BadHosts bad_;
  bool watching_ = false;  // watch_idle() runs
  TaskGroup tasks_;
};

}  // namespace hauspost::transport
