#include "transport/send/remote_carrier.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/check.h"
#include "base/log.h"

namespace hauspost::transport {

namespace {

using ResultKind = RecipientResult::Kind;
using BrokenKind = SessionBroken::Kind;

// Of one message in one attempt: what is left waits for the next.
constexpr std::size_t kHostsTriedMax = 10;
constexpr Duration kIdleLook = std::chrono::seconds(1);

tls::TlsContext unverified_context() {
  auto context = tls::TlsContext::client({});
  HP_CHECK(context.has_value());
  return std::move(*context);
}

std::optional<tls::TrustedRoots> read_roots(const std::string& file) {
  auto roots = tls::TrustedRoots::from_file(file);
  if (roots) return std::move(*roots);
  log::warning("send.no_roots", {{"file", file}, {"cause", roots.error()}});
  return std::nullopt;
}

}  // namespace

// One message on its way.
struct RemoteCarrier::Attempt {
  const NextHop& hop;
  const SendConnector& connector;
  Outgoing outgoing;
  std::vector<dns::Host> hosts = {};
  std::size_t failed = 0;            // hosts that gave no session, or broke it
  std::set<std::string> ours = {};   // names of hosts that turned out to be ourselves
  std::set<std::string> other = {};  // names of the others that failed
  std::string loop = {};             // how one of `ours` told
  std::string error = {};            // the last of those that failed
  std::string error_host = {};
  bool error_from_peer = false;
  std::string error_status = {};
  std::optional<RecipientResult> refusal = {};  // what a host could not be asked
  bool cancelled = false;
  bool begun = false;  // a host had taken MAIL when its session broke

  bool settled() const {
    return std::ranges::all_of(outgoing.results, [](const auto& one) { return one.has_value(); });
  }
  void fill(const RecipientResult& result) {
    for (auto& one : outgoing.results) {
      if (!one) one = result;
    }
  }
  void note(const SessionBroken& why, const std::string& host) {
    ++failed;
    const bool us = why.kind == BrokenKind::kLoop;
    (us ? ours : other).insert(host);
    if (us) loop = why.diagnostic;
    error = why.diagnostic;
    error_host = host;
    error_from_peer = why.from_peer;
    error_status = why.status;
    cancelled = cancelled || why.kind == BrokenKind::kCancelled;
  }
  // Whoever failed was us, at one of its addresses at least.
  bool is_loop() const { return !ours.empty() && std::ranges::includes(ours, other); }
  CarryReport report();
};

// Whether anything is known of a recipient decides which of both counts the failure: the queue as a
// whole, or this message.
CarryReport RemoteCarrier::Attempt::report() {
  CarryReport out;
  const bool none =
      std::ranges::none_of(outgoing.results, [](const auto& one) { return one.has_value(); });
  if (refusal && failed == 0) fill(*refusal);
  // A host that could not be asked for this message, or broke off in the midst of it, is no reason
  // to hold back the others.
  if (none && !settled() && !refusal && (cancelled || !begun)) {
    out.hop_failed = true;
    const bool named = error_host.empty() || error.starts_with(error_host);
    out.error = named ? error : fmt::format("{}: {}", error_host, error);
    return out;
  }
  const std::string status = error_status.empty() ? "4.4.1" : "4" + error_status.substr(1);
  fill({ResultKind::kDeferred, status, error, error_from_peer ? error_host : std::string()});
  for (auto& one : outgoing.results) out.recipients.push_back(std::move(*one));
  return out;
}

RemoteCarrier::RemoteCarrier(Executor executor, SendWorld world)
    : world_(std::move(world)),
      context_(unverified_context()),
      roots_(read_roots(world_.roots_file)),
      connect_{.hostname = world_.hostname,
               .context = context_,
               .roots = roots_ ? &*roots_ : nullptr,
               .results = *world_.results,
               .protocol = world_.protocol,
               .connectivity = world_.connectivity,
               .timeouts = world_.timeouts,
               .connect_timeout = world_.connect_timeout},
      pool_(executor, world_.pool),
      bad_(world_.clock),
      tasks_(executor) {}

RemoteCarrier::~RemoteCarrier() = default;

Task<CarryReport> RemoteCarrier::carry(const NextHop& hop, const Envelope& envelope,
                                       std::string_view message) {
  const ConnectorList connectors = world_.connectors.connectors();
  const SendConnector* const connector = find_connector(*connectors, hop.name);
  CarryReport no_way{.hop_failed = true, .error = {}, .recipients = {}};
  if (connector == nullptr || !connector->enabled) {
    no_way.error = fmt::format("send connector {} {}", hop.name,
                               connector == nullptr ? "does not exist any more" : "is disabled");
    co_return no_way;
  }
  Attempt attempt{.hop = hop,
                  .connector = *connector,
                  .outgoing = {.envelope = envelope,
                               .message = message,
                               .facts = mime::scan_content(message),
                               .now = world_.clock.now(),
                               .results = {}}};
  attempt.outgoing.results.resize(envelope.recipients.size());
  if (message.size() > connector->message_bytes_max) {
    attempt.fill({ResultKind::kFailed,
                  "5.3.4",
                  fmt::format("the message has {} octets, send connector {} takes {}",
                              message.size(), connector->name, connector->message_bytes_max),
                  {}});
    co_return attempt.report();
  }
  const auto slot = co_await pool_.take_slot(hop, connector->connections_max);
  if (!slot) {
    no_way.error = "stopped";
    co_return no_way;
  }
  co_await try_idle(attempt);
  if (!attempt.settled() && !attempt.cancelled) co_await try_hosts(attempt);
  co_return attempt.report();
}

// A session that waited may have ended meanwhile; that is no failure of the host.
Task<void> RemoteCarrier::try_idle(Attempt& attempt) {
  const bool secure = attempt.outgoing.envelope.require_tls;
  while (!attempt.settled() && !attempt.cancelled) {
    auto connection = pool_.take(attempt.hop, attempt.connector, secure);
    if (!connection) co_return;
    const std::size_t failed = attempt.failed;
    const bool good = co_await transact(attempt, std::move(connection));
    attempt.failed = failed;
    // It was asked and could not take the message: another host may.
    if (good && !attempt.settled()) co_return;
  }
}

Task<void> RemoteCarrier::try_hosts(Attempt& attempt) {
  attempt.refusal.reset();  // one host's word is not that of all
  if (!co_await find_hosts(attempt)) co_return;
  bad_.sort(attempt.hosts);
  std::size_t tried = 0;
  for (const dns::Host& host : attempt.hosts) {
    if (attempt.settled() || attempt.cancelled || tried++ == kHostsTriedMax) break;
    co_await try_host(attempt, host);
  }
  // A better host that is only down now may take it later.
  if (attempt.is_loop()) {
    const bool smart = !attempt.connector.smart_hosts.empty();
    attempt.fill({ResultKind::kFailed, smart ? "5.3.5" : "5.4.6", attempt.loop, {}});
  }
}

Task<bool> RemoteCarrier::find_hosts(Attempt& attempt) {
  if (!attempt.connector.smart_hosts.empty()) co_return co_await find_smart_hosts(attempt);
  dns::HopAnswer answer = co_await world_.hops.find(
      attempt.hop.domain, attempt.outgoing.envelope.require_tls, attempt.connector.port);
  if (answer.found()) {
    attempt.hosts = std::move(answer.hosts);
    co_return true;
  }
  attempt.error = answer.text;
  attempt.error_status = answer.status;
  if (answer.kind == dns::HopAnswer::Kind::kPermanent)
    attempt.fill({ResultKind::kFailed, answer.status, answer.text, {}});
  co_return false;
}

Task<bool> RemoteCarrier::find_smart_hosts(Attempt& attempt) {
  for (const SmartHost& smart : attempt.connector.smart_hosts) {
    const std::uint16_t port = smart.port == 0 ? attempt.connector.port : smart.port;
    if (smart.host.starts_with('/')) {
      attempt.hosts.push_back(
          {.name = world_.hostname, .address = smart.host, .port = 0, .tls = {}});
      continue;
    }
    dns::HopAnswer answer = co_await world_.hops.find_host(smart.host, port);
    if (answer.found()) {
      for (dns::Host& host : answer.hosts) attempt.hosts.push_back(std::move(host));
    } else {
      ++attempt.failed;
      attempt.other.insert(smart.host);
      attempt.error = fmt::format("smart host {}: {}", smart.host, answer.text);
      attempt.error_status = "4.4.3";
    }
  }
  co_return !attempt.hosts.empty();
}

Task<void> RemoteCarrier::try_host(Attempt& attempt, dns::Host host) {
  ConnectOrder order{.connector = attempt.connector,
                     .host = host,
                     .domain = attempt.hop.domain,
                     .require_tls = attempt.outgoing.envelope.require_tls,
                     .password = {}};
  if (attempt.connector.authenticate) {
    auto password = world_.connectors.password(attempt.connector.name);
    if (!password) {
      attempt.note({BrokenKind::kLogin, "4.7.0", password.error().text, false, false}, {});
      co_return;
    }
    order.password = std::move(*password);
  }
  auto connection = co_await open_connection(connect_, std::move(order));
  if (!connection) {
    const SessionBroken& why = connection.error();
    attempt.note(why, host.name);
    if (why.kind == BrokenKind::kCancelled) co_return;
    bad_.failed(host);
    log::info("send.connection_failed", {{"connector", attempt.connector.name},
                                         {"host", host.name},
                                         {"address", host.address},
                                         {"status", why.status},
                                         {"cause", why.diagnostic}});
    // RFC 8689 section 4.2.1: without any host that can, the message is returned.
    if (attempt.outgoing.envelope.require_tls && why.kind == BrokenKind::kTls) {
      --attempt.failed;
      attempt.refusal = RecipientResult{ResultKind::kFailed, "5.7.30", why.diagnostic, {}};
    }
    co_return;
  }
  bad_.answered(host);
  (*connection)->opened = world_.clock.steady();
  co_await transact(attempt, std::move(*connection));
}

Task<bool> RemoteCarrier::transact(Attempt& attempt, std::unique_ptr<Connection> connection) {
  Outgoing& outgoing = attempt.outgoing;
  const std::vector<std::optional<RecipientResult>> before = outgoing.results;
  const auto prepared = prepare(outgoing, connection->facts());
  Spoken<> spoken;
  if (!prepared) {
    attempt.refusal = prepared.error();
    attempt.refusal->remote_host = connection->host;
  }
  while (prepared && spoken && !attempt.settled())
    spoken = co_await connection->client->send(outgoing, *prepared);
  std::uint64_t taken = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    auto& result = outgoing.results[i];
    if (before[i] || !result) continue;
    if (result->remote_host.empty()) result->remote_host = connection->host;
    if (result->kind < ResultKind::kDeferred) ++taken;
  }
  if (taken > 0) {
    ++connection->messages;
    connection->recipients += taken;
    connection->bytes += outgoing.message.size();
  }
  if (spoken) {
    put_away(attempt, std::move(connection));
    co_return true;
  }
  attempt.note(spoken.error(), connection->host);
  attempt.begun = attempt.begun || connection->client->in_transaction();
  // A server that says 421 wants to be left alone; one that broke off hears nothing any more.
  close_later(std::move(connection), spoken.error().diagnostic);
  co_return false;
}

void RemoteCarrier::put_away(const Attempt& attempt, std::unique_ptr<Connection> connection) {
  std::uint64_t most = attempt.connector.messages_per_connection;
  const std::uint64_t theirs = connection->client->peer().messages_max;
  if (theirs != 0 && (most == 0 || theirs < most)) most = theirs;
  if (tasks_.stopping() || (most != 0 && connection->messages >= most)) {
    close_later(std::move(connection), "enough messages");
    return;
  }
  auto too_many = pool_.put(attempt.hop, std::move(connection), world_.clock.steady());
  if (too_many) close_later(std::move(too_many), "old, or enough wait");
  if (watching_ || pool_.idle() == 0) return;
  watching_ = true;
  tasks_.spawn("idle connections", watch_idle());
}

void RemoteCarrier::close_later(std::unique_ptr<Connection> connection, std::string why) {
  tasks_.spawn("close connection",
               close_connection(connect_, std::move(connection), std::move(why)));
}

Task<void> RemoteCarrier::watch_idle() {
  while (pool_.idle() > 0) {
    const bool slept = (co_await sleep_for(kIdleLook)).has_value();
    auto ended = slept ? pool_.take_old(world_.clock.steady()) : pool_.take_all();
    for (auto& connection : ended) close_later(std::move(connection), "idle");
    if (!slept) break;
  }
  watching_ = false;
}

void RemoteCarrier::stop() { tasks_.stop(); }

Task<void> RemoteCarrier::join() {
  co_await tasks_.join();
  pool_.take_all();
}

}  // namespace hauspost::transport
