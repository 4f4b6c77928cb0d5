// Connection: an open session with one host of a next hop, ready for mail, and how it is made:
// connect, greeting, STARTTLS as it is demanded, login.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/ids.h"
#include "transport/dns/tls_results.h"
#include "transport/send/client.h"
#include "transport/send/socket_tls.h"

namespace hauspost::transport {

struct Connection {
  std::unique_ptr<SmtpClient> client;
  std::string host;         // name, as reports call it
  std::string remote;       // "mx.example.org[192.0.2.1]:25", for logs
  SendConnector made_by;    // as it was then
  std::string destination;  // domain or smart host
  Guid session;
  bool lmtp = false;
  bool authenticated_tls = false;  // TlsDemand::check of a name or of DANE held
  std::uint64_t messages = 0;
  std::uint64_t recipients = 0;
  std::uint64_t bytes = 0;
  std::chrono::steady_clock::time_point opened;
  std::chrono::steady_clock::time_point idle_since;  // while nobody uses it

  SessionFacts facts() const { return {client->peer(), lmtp, authenticated_tls}; }
};

// What connections are made with; all of it outlives every one.
struct ConnectWorld {
  std::string hostname;
  const tls::TlsContext& context;  // verifies nobody: what has to hold is checked afterwards
  const tls::TrustedRoots* roots = nullptr;  // null: no certificate can be verified
  dns::TlsResults& results;
  ProtocolLog* protocol = nullptr;
  ConnectivityLog* connectivity = nullptr;
  ClientTimeouts timeouts = {};
  Duration connect_timeout = std::chrono::seconds(30);
};

struct ConnectOrder {
  const SendConnector& connector;
  const dns::Host& host;
  std::string domain;  // of the recipients; empty: a smart host's
  bool require_tls = false;
  Secret password;  // of connector.user
};

// The failure's `kind` is kLost where no connection could be made.
Task<Spoken<std::unique_ptr<Connection>>> open_connection(const ConnectWorld& world,
                                                          ConnectOrder order);
// QUIT, and the connection's last line in the log.
Task<void> close_connection(const ConnectWorld& world, std::unique_ptr<Connection> connection,
                            std::string why);

}  // namespace hauspost::transport
