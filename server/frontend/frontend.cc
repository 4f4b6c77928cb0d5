#include "server/frontend/frontend.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/deadline.h"
#include "base/metrics.h"
#include "server/frontend/proxy_header.h"
#include "server/frontend/session.h"

namespace hauspost::frontend {

namespace {

constexpr std::chrono::milliseconds kAcceptPause{100};  // when descriptors have run out
constexpr std::chrono::seconds kCertificateInterval{30};
constexpr std::chrono::seconds kGoodbyeTime{5};
constexpr std::chrono::seconds kProxyHeaderTime{5};
// Then whoever is here gets a turn. A login takes some ten turns of the loop, and each is as long
// as all that was taken in it, at every listener: a crowd is taken no faster by larger batches, but
// those who talk wait longer.
constexpr std::size_t kAcceptBatch = 4;
constexpr std::size_t kProxiedMax = 1'000;  // connections whose PROXY header is awaited

struct Service {
  std::string_view name;
  link::Protocol protocol;
  bool submission;
  bool implicit_tls;
  std::string_view component;  // of directory::kServices
  std::string_view backend;    // likewise; empty: transport or web, which have no other switch
};
constexpr Service kServices[] = {
    {"smtp", link::Protocol::kSmtp, false, false, "smtp", ""},
    {"submission", link::Protocol::kSmtp, true, false, "submission", ""},
    {"submissions", link::Protocol::kSmtp, true, true, "submission", ""},
    {"lmtp", link::Protocol::kSmtp, false, false, "smtp", ""},
    {"imap", link::Protocol::kImap, false, false, "imap", "imap-backend"},
    {"imaps", link::Protocol::kImap, false, true, "imap", "imap-backend"},
    {"pop3", link::Protocol::kPop3, false, false, "pop3", "pop3-backend"},
    {"pop3s", link::Protocol::kPop3, false, true, "pop3", "pop3-backend"},
    {"http", link::Protocol::kHttp, false, false, "web", ""},
    {"https", link::Protocol::kHttp, false, true, "web", ""},
};

const Service* find_service(std::string_view name) {
  const auto* found = std::ranges::find(kServices, name, &Service::name);
  return found == std::end(kServices) ? nullptr : found;
}

constexpr std::string_view kNoConnector = "no_connector";  // that serves this address

std::string_view refusal_text(const Service& service, std::string_view limit) {
  if (service.implicit_tls) return {};
  if (limit == kNoConnector) return "554 5.7.1 No mail is taken from your address\r\n";
  switch (service.protocol) {
    case link::Protocol::kSmtp: return "421 4.7.0 Too many connections\r\n";
    case link::Protocol::kImap: return "* BYE [LIMIT] Too many connections\r\n";
    case link::Protocol::kPop3: return "-ERR [SYS/TEMP] Too many connections\r\n";
    case link::Protocol::kHttp: return kHttpBusy;
  }
  return {};
}

void apply_rules(const directory::ListenerRules& rules, Limits& limits) {
  if (rules.per_address_max != 0)
    limits.smtp_per_address_max = limits.mail_per_address_max = limits.web_per_address_max =
        rules.per_address_max;
  if (rules.new_per_minute_max != 0) limits.new_per_minute_max = rules.new_per_minute_max;
  if (rules.login_s == 0) return;
  limits.login_time = limits.pop3_login_time = std::chrono::seconds(rules.login_s);
}

}  // namespace

// What the administrator has set for new connections of one listener.
struct Frontend::Known {
  std::optional<std::uint64_t> version;  // of the settings; nullopt: to be asked anew each time
  directory::ListenerRules rules;
  Limits limits;
  directory::ComponentState state = directory::ComponentState::kActive;
  std::vector<Network> never_blocked;
};

struct Frontend::Listener {
  Listener(Executor executor, const Service& kind, OpenListener words)
      : service(kind), said(std::move(words)), acceptor(executor) {}

  void close() {
    closed = true;
    std::error_code ignored;
    acceptor.close(ignored);
  }

  const Service& service;
  OpenListener said;
  TcpAcceptor acceptor;
  transport::ReceiveConnector::Binding local;
  bool closed = false;
  std::size_t connections = 0;
  std::optional<Known> known;
};

struct Frontend::Session {
  Session(SharedListener accepted_by, TcpSocket socket, ClientFacts facts,
          std::unique_ptr<Admission> admitted, std::optional<ConnectorCounts::Place> counted,
          SocketClient::CurrentTls current_tls, Services shared)
      : listener(std::move(accepted_by)),
        place(std::move(counted)),
        services(std::move(shared)),
        admission(std::move(admitted)),
        client(std::move(socket), std::move(facts), std::move(current_tls), &stop) {
    ++listener->connections;
  }
  ~Session() { --listener->connections; }

  SessionFacts facts() {
    return {serial, id, client.facts(), admission->login(), client.traffic()};
  }

  const Guid id = Guid::random();
  std::uint64_t serial = 0;
  const SharedListener listener;
  const std::optional<ConnectorCounts::Place> place;  // of its receive connector
  Services services;  // its own: the limits are those of the moment in which it came
  std::unique_ptr<Admission> admission;
  Signal stop;
  SocketClient client;
};

// A session's place among those that a stop tells.
class Frontend::Registered {
 public:
  Registered(Frontend& frontend, Session* session)
      : frontend_(frontend), place_(frontend.sessions_.insert(frontend.sessions_.end(), session)) {}
  ~Registered() {
    frontend_.sessions_.erase(place_);
    frontend_.session_ended_.notify_all();
  }
  Registered(const Registered&) = delete;
  Registered& operator=(const Registered&) = delete;

 private:
  Frontend& frontend_;
  std::list<Session*>::iterator place_;
};

Frontend::Frontend(Executor executor, FrontendSettings settings, auth::Authenticator& authenticator,
                   Backends& backends)
    : executor_(executor),
      settings_(std::move(settings)),
      certificates_(
          system_clock(), [this] { return certificate_list(); }, settings_.client_ca_file,
          settings_.certificate_source),
      slowdown_(system_clock()),
      ended_logins_(system_clock()),
      services_{settings_.hostname, settings_.message_bytes_max, authenticator, backends, buffers_,
                settings_.limits},
      connections_(system_clock()),
      session_ended_(executor),
      accepting_(executor),
      tasks_(executor) {
  services_.auth_settings = settings_.auth_settings;
  services_.ended_logins = &ended_logins_;
  services_.bearer_error = settings_.bearer_error;
  if (!settings_.setting) settings_.setting = [](std::string_view) { return std::string(); };
}

Frontend::~Frontend() = default;

std::vector<CertificateFiles> Frontend::certificate_list() const {
  std::vector<CertificateFiles> list;
  if (settings_.certificate_file.empty()) return list;
  list.push_back({settings_.certificate_file, settings_.key_file});
  for (auto& further : directory::further_certificates(settings_.setting))
    list.push_back({std::move(further.certificate_file), std::move(further.key_file)});
  return list;
}

Result<> Frontend::load_certificate() { return certificates_.load(); }

// A renewed certificate is taken without a restart; one that does not load leaves the old in place.
Task<void> Frontend::watch_certificate() {
  while (co_await sleep_for(kCertificateInterval)) {
    certificates_.warn_of_expiry();
    if (!certificates_.changed()) continue;
    [[maybe_unused]] auto loaded = certificates_.load();  // logs what it refuses
  }
}

Result<> Frontend::listen(OpenListener words, int fd) {
  const std::string name = words.service;
  const Service* service = find_service(name);
  if (service == nullptr)
    return fail(ErrorCode::kNotFound, "no service for listener " + name);
  const auto listener = std::make_shared<Listener>(executor_, *service, std::move(words));
  std::error_code code;
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  const bool named = ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0;
  const bool v6 = named && address.ss_family == AF_INET6;
  listener->local = local_endpoint(fd);
  listener->acceptor.assign(v6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), fd, code);
  if (code) return fail(asio_error("listener " + name, code));
  listeners_.push_back(listener);
  accepting_.spawn("frontend.accept", accept_loop(listener));
  // Also when none has loaded yet: the files may come.
  if (!settings_.certificate_file.empty() && !std::exchange(watching_, true))
    accepting_.spawn("frontend.certificate", watch_certificate());
  return {};
}

bool Frontend::listens(std::string_view name) const {
  return std::ranges::any_of(
      listeners_, [&](const SharedListener& one) { return one->said.name == name; });
}

void Frontend::keep_listeners(std::span<const OpenListener> wanted) {
  std::erase_if(listeners_, [&](const SharedListener& one) {
    const auto found = std::ranges::find(wanted, one->said.name, &OpenListener::name);
    if (found != wanted.end()) {
      one->said = *found;
      return false;
    }
    one->close();
    return true;
  });
  for (Session* const session : sessions_) {
    if (session->listener->closed) session->stop.notify();
  }
}

Limits Frontend::limits_now(const directory::ListenerRules& rules) const {
  Limits limits = settings_.limits;
  if (!settings_.limit_setting) {
    apply_rules(rules, limits);
    return limits;
  }
  const std::pair<std::string_view, std::size_t*> named[] = {
      {"frontend.connections_max", &limits.connections_max},
      {"frontend.smtp_per_address_max", &limits.smtp_per_address_max},
      {"frontend.mail_per_address_max", &limits.mail_per_address_max},
      {"frontend.web_per_address_max", &limits.web_per_address_max},
      {"frontend.new_per_minute_max", &limits.new_per_minute_max},
      {"frontend.imap_per_account_max", &limits.imap_per_account_max},
      {"pop3.sessions_per_account_max", &limits.pop3_per_account_max},
      {"pop3.line_bytes_max", &limits.pop3_line_bytes_max},
  };
  for (const auto& [name, limit] : named) {
    if (const auto set = settings_.limit_setting(name)) *limit = static_cast<std::size_t>(*set);
  }
  if (const auto set = settings_.limit_setting("pop3.login_s"))
    limits.pop3_login_time = std::chrono::seconds(*set);
  apply_rules(rules, limits);
  return limits;
}

const Frontend::Known& Frontend::known(Listener& listener) const {
  const auto version =
      settings_.setting_version ? settings_.setting_version() : std::optional<std::uint64_t>();
  if (listener.known && version && listener.known->version == version) return *listener.known;
  Known fresh{.version = version,
              .rules = directory::listener_rules(settings_.setting, listener.service.name)};
  fresh.limits = limits_now(fresh.rules);
  fresh.state = state_of(listener);
  fresh.never_blocked = directory::defence_rules(settings_.setting).allowed;
  return listener.known.emplace(std::move(fresh));
}

directory::ComponentState Frontend::state_of(const Listener& listener) const {
  const Service& service = listener.service;
  const auto front = directory::component_state(settings_.setting, service.component);
  if (service.backend.empty()) return front;
  return std::max(front, directory::component_state(settings_.setting, service.backend));
}

// A few at a time, without asking the kernel each time whether somebody waits.
Task<void> Frontend::accept_loop(SharedListener listener) {
  while (!accepting_.stopping()) {
    std::error_code code;
    co_await listener->acceptor.async_wait(TcpAcceptor::wait_read,
                                           asio::redirect_error(kUseTask, code));
    if (listener->closed || was_cancelled(co_await asio::this_coro::cancellation_state)) co_return;
    bool more = !code;
    while (more) {
      for (std::size_t taken = 0; more && taken < kAcceptBatch; ++taken)
        more = accept_one(listener, code);
      if (!more) break;
      co_await yield_now();  // those who were taken begin
      if (listener->closed || was_cancelled(co_await asio::this_coro::cancellation_state))
        co_return;
    }
    if (!code) continue;
    // Out of descriptors: without a pause this would spin until somebody leaves.
    log::warning("accept.failed",
                 {{"listener", listener->service.name}, {"cause", code.message()}});
    if (!co_await sleep_for(kAcceptPause)) co_return;
  }
}

// False: nobody waits, or `code` says why nobody can be taken.
bool Frontend::accept_one(const SharedListener& listener, std::error_code& code) {
  sockaddr_storage peer{};
  socklen_t length = sizeof peer;
  const int fd = ::accept4(listener->acceptor.native_handle(), reinterpret_cast<sockaddr*>(&peer),
                           &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    const int cause = errno;
    // It went away while it waited, or the network failed it.
    constexpr int kItsOwn[] = {EINTR,      ECONNABORTED, EPROTO,      ENETDOWN,    ENOPROTOOPT,
                               EHOSTDOWN,  ENONET,       EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH};
    if (std::ranges::find(kItsOwn, cause) != std::end(kItsOwn)) return true;
    if (cause != EAGAIN) code = std::error_code(cause, std::system_category());
    return false;
  }
  TcpSocket socket(executor_);
  std::error_code failed;
  socket.assign(peer.ss_family == AF_INET6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), fd, failed);
  if (failed) {
    ::close(fd);
    return true;
  }
  asio::ip::tcp::endpoint from;
  std::memcpy(from.data(), &peer, std::min<std::size_t>(length, from.capacity()));
  from.resize(length);
  greet(listener, std::move(socket), from);
  return true;
}

namespace {

metrics::CounterFamily g_connections("hauspost_connections_total",
                                     "Connections of clients, by service and what became of them.",
                                     {"service", "outcome"});

}  // namespace

void Frontend::greet(const SharedListener& listener, TcpSocket socket,
                     const asio::ip::tcp::endpoint& peer) {
  ++accepted_;
  auto address = peer.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  const Known& known = this->known(*listener);
  if (known.rules.proxies.empty() || !contains(known.rules.proxies, address.to_string())) {
    admit(listener, std::move(socket), address.to_string(), peer.port());
  } else if (proxied_ >= kProxiedMax) {
    refuse(*listener, socket, address.to_string(), "proxied");
  } else {
    tasks_.spawn("frontend.proxied",
                 receive_proxied(listener, std::move(socket), address.to_string()));
  }
}

// Byte for byte what the header needs: the client's own bytes, which may be a TLS handshake, stay in
// the socket.
Task<void> Frontend::receive_proxied(SharedListener listener, TcpSocket socket, std::string proxy) {
  struct Counted {
    explicit Counted(std::size_t& of) : count(of) { ++count; }
    ~Counted() { --count; }
    std::size_t& count;
  } const counted(proxied_);
  bool late = false;
  Deadline deadline(executor_, [&] {
    late = true;
    std::error_code ignored;
    socket.cancel(ignored);
  });
  deadline.start(kProxyHeaderTime);
  std::string bytes;
  ProxyParse parsed = parse_proxy_header(bytes);
  while (parsed.status == ProxyParse::Status::kNeedMore && !late) {
    const std::size_t begin = bytes.size();
    bytes.resize(parsed.bytes);
    std::error_code code;
    const std::size_t got = co_await socket.async_read_some(
        asio::buffer(bytes.data() + begin, bytes.size() - begin),
        asio::redirect_error(kUseTask, code));
    if (code || got == 0) {
      parsed = {};
      break;
    }
    bytes.resize(begin + got);
    parsed = parse_proxy_header(bytes);
  }
  deadline.stop();
  if (late || parsed.status != ProxyParse::Status::kHeader) {
    ++refused_;
    g_connections.with({listener->service.name, "refused"}).add();
    log::warning("session.refused", {{"listener", listener->service.name},
                                     {"client", proxy},
                                     {"limit", late ? "proxy_header_late" : "proxy_header"}});
    co_return;
  }
  // A proxy that speaks for itself looks whether we live.
  if (parsed.header.address.empty()) parsed.header.address = proxy;
  admit(listener, std::move(socket), std::move(parsed.header.address), parsed.header.port);
}

void Frontend::refuse(Listener& listener, TcpSocket& socket, const std::string& address,
                      std::string_view limit) {
  ++refused_;
  g_connections.with({listener.service.name, "refused"}).add();
  log::warning("session.refused",
               {{"listener", listener.service.name}, {"client", address}, {"limit", limit}});
  std::error_code code;
  socket.non_blocking(true, code);
  const std::string_view text = refusal_text(listener.service, limit);
  if (!text.empty()) socket.write_some(asio::buffer(text.data(), text.size()), code);
}

void Frontend::admit(const SharedListener& listener, TcpSocket socket, std::string address,
                     std::uint16_t port) {
  // Its PROXY header came too late to be told goodbye.
  if (accepting_.stopping() || listener->closed) return;
  const Service& service = listener->service;
  const Known& known = this->known(*listener);
  const directory::ListenerRules& rules = known.rules;
  Limits limits = known.limits;
  std::string_view refusal;
  std::size_t connections = 0;  // at all addresses on which the service listens
  for (const SharedListener& one : listeners_) {
    if (&one->service == &service) connections += one->connections;
  }
  if (rules.connections_max != 0 && connections >= rules.connections_max)
    return refuse(*listener, socket, address, "connections_of_listener");
  directory::SharedConnector connector;
  std::optional<ConnectorCounts::Place> place;
  if (service.protocol == link::Protocol::kSmtp && settings_.connectors &&
      !settings_.connectors().empty()) {
    connector = directory::match_connector(
        settings_.connectors(), {listener->said.connector, listener->local}, address);
    if (!connector) return refuse(*listener, socket, address, kNoConnector);
    apply_connector(*connector, rules, settings_.limit_setting, limits);
  }
  auto admission = connections_.admit(address, service.protocol, limits, refusal);
  if (!admission) return refuse(*listener, socket, address, refusal);
  if (connector && !(place = connectors_.enter(*connector)))
    return refuse(*listener, socket, address, "connections_of_connector");
  // Connectors of several kinds may share a port.
  const Service* const named = connector ? find_service(connector->listener) : nullptr;
  const Service& kind = named != nullptr ? *named : service;
  g_connections.with({kind.name, "accepted"}).add();
  ClientFacts facts;
  facts.address = std::move(address);
  facts.port = port;
  facts.listener = kind.name;
  facts.protocol = kind.protocol;
  facts.submission = kind.submission;
  facts.implicit_tls = kind.implicit_tls;
  facts.connector = std::move(connector);
  facts.plain_logins = rules.plain_logins;
  Services services = services_;
  services.limits = limits;
  services.draining = known.state != directory::ComponentState::kActive;
  if (!contains(known.never_blocked, facts.address)) services.slowdown = &slowdown_;
  tasks_.spawn("frontend.session",
               serve(std::make_unique<Session>(
                   listener, std::move(socket), std::move(facts), std::move(admission),
                   std::move(place),
                   [this] { return certificates_.context(); }, std::move(services))));
}

Task<void> Frontend::serve(std::unique_ptr<Session> session) {
  Signal* const stop = &session->stop;
  session->serial = ++serials_;
  session->admission->on_evicted([stop] { stop->notify(); });
  const Registered registered(*this, session.get());  // also when an exception ends the session
  co_await run_session(session->services,
                       {session->id, session->client, *session->admission, *stop});
}

std::size_t Frontend::end_logins(LoginEnd end) {
  std::size_t ended = 0;
  for (Session* const session : sessions_) {
    const std::optional<Login>& login = session->admission->login();
    if (!login || !end.covers(*login, session->listener->service.protocol)) continue;
    session->stop.notify();
    ++ended;
  }
  ended_logins_.note(std::move(end));
  return ended;
}

void Frontend::for_each_session(std::uint64_t after,
                                const std::function<bool(const SessionFacts&)>& visit) const {
  for (Session* const session : sessions_) {
    if (session->serial > after && !visit(session->facts())) return;
  }
}

void Frontend::end_sessions(const std::function<bool(const SessionFacts&)>& chosen) {
  for (Session* const session : sessions_) {
    if (chosen(session->facts())) session->stop.notify();
  }
}

void Frontend::end_inactive() {
  for (Session* const session : sessions_) {
    if (state_of(*session->listener) == directory::ComponentState::kInactive)
      session->stop.notify();
  }
}

std::vector<ListenerCount> Frontend::counts() const {
  std::vector<ListenerCount> counts;
  // A service may listen on several addresses.
  const auto count_of = [&](const Listener& listener) -> ListenerCount& {
    const auto found =
        std::ranges::find(counts, listener.service.name, &ListenerCount::listener);
    return found != counts.end() ? *found
                                 : counts.emplace_back(std::string(listener.service.name));
  };
  for (const SharedListener& listener : listeners_) count_of(*listener);
  for (const Session* session : sessions_) {
    ListenerCount& count = count_of(*session->listener);
    ++count.sessions;
    if (!session->admission->before_login()) ++count.logged_in;
  }
  return counts;
}

Task<void> Frontend::stop() {
  accepting_.stop();
  for (const SharedListener& listener : listeners_) listener->close();
  co_await accepting_.join();
  for (Session* const session : sessions_) session->stop.notify();
  bool late = false;
  Deadline deadline(executor_, [this, &late] {
    late = true;
    session_ended_.notify_all();
  });
  deadline.start(kGoodbyeTime);
  while (!sessions_.empty() && !late) {
    if (!co_await session_ended_.wait()) break;
  }
  tasks_.stop();
  co_await tasks_.join();
}

}  // namespace hauspost::frontend
