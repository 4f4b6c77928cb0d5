#include "transport/send/connection.h"

#include <fmt/format.h>

#include "base/random.h"
#include "transport/send/dialer.h"

namespace hauspost::transport {

namespace {

using Kind = SessionBroken::Kind;
constexpr std::size_t kNonceLength = 24;
constexpr std::uint16_t kSmtpPort = 25;

std::string remote_of(const dns::Host& host) {
  if (host.address.starts_with('/')) return host.address;
  return fmt::format("{}[{}]:{}", host.name, host.address, host.port);
}

std::unexpected<SessionBroken> not_connected(const Error& error, const std::string& remote) {
  const bool stopped = error.code == ErrorCode::kCancelled;
  return std::unexpected(SessionBroken{stopped ? Kind::kCancelled : Kind::kLost, "4.4.1",
                                       fmt::format("{}: {}", remote, error.text), false, false});
}

std::unexpected<SessionBroken> no_tls(const TlsDemand& demand, std::string text) {
  std::string who = demand.source.empty() ? "the connector" : demand.source;
  if (who == "dane") who = "DANE of the domain";
  if (who == "sts") who = "the domain's MTA-STS policy";
  if (who == "message") who = "REQUIRETLS";
  return std::unexpected(SessionBroken{Kind::kTls, "4.7.5",
                                       fmt::format("{}, which {} asks for", std::move(text), who),
                                       false, false});
}

// One try at one host.
class Opening {
 public:
  Opening(const ConnectWorld& world, ConnectOrder& order)
      : world_(world),
        order_(order),
        demand_(tls_demand(order.connector, order.host, order.require_tls)),
        remote_(remote_of(order.host)) {}

  Task<Spoken<std::unique_ptr<Connection>>> run(bool with_tls) {
    session_ = Guid::random();
    tls_text_ = "no TLS";
    const bool v6 = order_.host.address.find(':') != std::string::npos;
    auto dialled =
        co_await dial({.address = order_.host.address,
                       .port = order_.host.port,
                       .source = v6 ? order_.connector.source_v6 : order_.connector.source_v4},
                      world_.connect_timeout);
    if (!dialled) co_return failed(not_connected(dialled.error(), remote_));
    own_address_ = dialled->address;
    auto client = make_client(std::move(*dialled));
    auto greeted = co_await client->greet();
    if (!greeted) co_return failed(std::unexpected(std::move(greeted).error()));
    bool checked = false;
    if (with_tls && demand_.use) {
      auto secured = co_await secure(*client);
      if (!secured) co_return failed(std::unexpected(std::move(secured).error()));
      checked = *secured;
    }
    if (order_.connector.authenticate) {
      auto in = co_await client->login(order_.connector.user, order_.password,
                                       random_password(kNonceLength));
      if (!in) co_return failed(std::unexpected(std::move(in).error()));
    }
    co_return ready(std::move(client), checked);
  }

  // A handshake that failed may be passed over where nobody asked for TLS.
  bool may_go_without() const { return handshake_failed_ && !demand_.required; }

 private:
  std::unique_ptr<SmtpClient> make_client(Dialled dialled) {
    const SendConnector& connector = order_.connector;
    ClientOptions options;
    options.fqdn = connector.fqdn.empty() ? world_.hostname : connector.fqdn;
    options.lmtp = connector.protocol == SendProtocol::kLmtp;
    // Another program of this machine, on a port of its own, may well have our name.
    if (connector.smart_hosts.empty() || order_.host.port == kSmtpPort)
      options.own_name = world_.hostname;
    options.timeouts = world_.timeouts.at_most(connector.inactivity);
    ProtocolLog* const log = connector.protocol_log ? world_.protocol : nullptr;
    ProtocolTrail trail(log, connector.name, session_, std::move(dialled.local), remote_);
    trail.connected();
    return std::make_unique<SmtpClient>(std::move(dialled.stream), std::move(options),
                                        std::move(trail));
  }

  // True: the demand's check held.
  Task<Spoken<bool>> secure(SmtpClient& client) {
    if (!client.peer().starttls) {
      report(dns::TlsFailure::kStarttlsNotSupported, client, {});
      if (demand_.required) co_return no_tls(demand_, "the host does not offer TLS");
      co_return false;
    }
    const std::string helo = client.peer().name;
    SocketTls starter(world_.context, world_.roots, asked_name(), demand_);
    auto started = co_await client.start_tls(starter);
    if (!started) {
      const bool tls = started.error().kind == Kind::kTls;
      handshake_failed_ = tls;
      if (tls) report(starter.failure(), client, started.error().diagnostic);
      if (tls && demand_.required && !started.error().from_peer)
        co_return no_tls(demand_, std::move(started.error().diagnostic));
      co_return std::unexpected(std::move(started).error());
    }
    tls_text_ = starter.text();
    if (starter.checked()) tls_text_ += ", verified";
    report(starter.failure(), client, {});
    co_return starter.checked();
  }

  // By which the server chooses its certificate: with DANE the name that has the records, which is
  // the first of the names (RFC 7672 section 8.1).
  std::string asked_name() const {
    const auto& check = demand_.check;
    const bool dane = check && check->kind == tls::ServerCheck::Kind::kDane;
    return dane && !check->names.empty() ? check->names.front() : order_.host.name;
  }

  // Reports are made about hosts that the DNS named (RFC 8460 section 1).
  void report(dns::TlsFailure failure, const SmtpClient& client, std::string_view detail) {
    if (!order_.connector.smart_hosts.empty()) return;
    world_.results.record({.recipient_domain = order_.domain,
                           .policy = order_.host.tls.facts,
                           .failure = failure,
                           .sending_address = own_address_,
                           .receiving_host = order_.host.name,
                           .receiving_address = order_.host.address,
                           .receiving_helo = client.peer().name,
                           .detail = detail});
  }

  std::string destination() const {
    return order_.domain.empty() ? order_.host.name : order_.domain;
  }

  Spoken<std::unique_ptr<Connection>> failed(std::unexpected<SessionBroken> why) {
    if (world_.connectivity != nullptr) {
      world_.connectivity->write({.event = ConnectionNote::Event::kFailed,
                                  .session = session_,
                                  .connector = order_.connector.name,
                                  .destination = destination(),
                                  .remote = remote_,
                                  .text = why.error().diagnostic});
    }
    return why;
  }

  Spoken<std::unique_ptr<Connection>> ready(std::unique_ptr<SmtpClient> client, bool checked) {
    auto connection = std::make_unique<Connection>();
    connection->client = std::move(client);
    connection->host = order_.host.name;
    connection->remote = remote_;
    connection->made_by = order_.connector;
    connection->destination = destination();
    connection->session = session_;
    connection->lmtp = order_.connector.protocol == SendProtocol::kLmtp;
    connection->authenticated_tls =
        checked && demand_.check && demand_.check->kind != tls::ServerCheck::Kind::kChain;
    if (world_.connectivity != nullptr) {
      world_.connectivity->write({.event = ConnectionNote::Event::kConnected,
                                  .session = session_,
                                  .connector = connection->made_by.name,
                                  .destination = connection->destination,
                                  .remote = remote_,
                                  .text = tls_text_});
    }
    return connection;
  }

  const ConnectWorld& world_;
  ConnectOrder& order_;
  TlsDemand demand_;
  std::string remote_;
  Guid session_;
  std::string own_address_;
  std::string tls_text_;
  bool handshake_failed_ = false;
};

}  // namespace

Task<Spoken<std::unique_ptr<Connection>>> open_connection(const ConnectWorld& world,
                                                          ConnectOrder order) {
  Opening opening(world, order);
  auto connection = co_await opening.run(true);
  // RFC 7435: what was only opportunistic must not be a reason to hold mail back.
  if (!connection && opening.may_go_without()) connection = co_await opening.run(false);
  co_return std::move(connection);
}

Task<void> close_connection(const ConnectWorld& world, std::unique_ptr<Connection> connection,
                            std::string why) {
  co_await connection->client->quit();
  if (world.connectivity == nullptr) co_return;
  world.connectivity->write({.event = ConnectionNote::Event::kClosed,
                             .session = connection->session,
                             .connector = connection->made_by.name,
                             .destination = connection->destination,
                             .remote = connection->remote,
                             .text = why,
                             .messages = connection->messages,
                             .recipients = connection->recipients,
                             .bytes = connection->bytes});
}

}  // namespace hauspost::transport
