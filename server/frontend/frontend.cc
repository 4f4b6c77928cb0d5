#include "server/frontend/frontend.h"

#include <sys/stat.h>

#include "server/frontend/session.h"

namespace hauspost::frontend {

namespace {

constexpr std::chrono::milliseconds kAcceptPause{100};  // when descriptors have run out
constexpr std::chrono::seconds kCertificateInterval{30};
constexpr std::chrono::seconds kGoodbyeTime{5};

struct Service {
  std::string_view name;
  link::Protocol protocol;
  bool submission;
  bool implicit_tls;
};
constexpr Service kServices[] = {
    {"smtp", link::Protocol::kSmtp, false, false},
    {"submission", link::Protocol::kSmtp, true, false},
    {"submissions", link::Protocol::kSmtp, true, true},
    {"imap", link::Protocol::kImap, false, false},
    {"imaps", link::Protocol::kImap, false, true},
    {"pop3", link::Protocol::kPop3, false, false},
    {"pop3s", link::Protocol::kPop3, false, true},
};

std::int64_t change_time(const std::string& file) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) return 0;
  return status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
}

std::string_view refusal_text(const Service& service) {
  if (service.implicit_tls) return {};
  switch (service.protocol) {
    case link::Protocol::kSmtp: return "421 4.7.0 Too many connections\r\n";
    case link::Protocol::kImap: return "* BYE [LIMIT] Too many connections\r\n";
    case link::Protocol::kPop3: return "-ERR [SYS/TEMP] Too many connections\r\n";
  }
  return {};
}

}  // namespace

struct Frontend::Listener {
  Listener(Executor executor, const Service& kind) : service(kind), acceptor(executor) {}
  const Service& service;
  TcpAcceptor acceptor;
};

struct Frontend::Session {
  Session(TcpSocket socket, ClientFacts facts, std::unique_ptr<Admission> admitted,
          SocketClient::CurrentTls current_tls, Services shared)
      : services(std::move(shared)),
        admission(std::move(admitted)),
        client(std::move(socket), std::move(facts), std::move(current_tls)) {}

  Services services;  // its own: the limits are those of the moment in which it came
  std::unique_ptr<Admission> admission;
  Signal stop;
  SocketClient client;
};

// A session's place among those that a stop tells.
class Frontend::Registered {
 public:
  Registered(Frontend& frontend, Signal* stop)
      : frontend_(frontend), place_(frontend.sessions_.insert(frontend.sessions_.end(), stop)) {}
  ~Registered() {
    frontend_.sessions_.erase(place_);
    frontend_.session_ended_.notify_all();
  }
  Registered(const Registered&) = delete;
  Registered& operator=(const Registered&) = delete;

 private:
  Frontend& frontend_;
  std::list<Signal*>::iterator place_;
};

Frontend::Frontend(Executor executor, FrontendSettings settings, auth::Authenticator& authenticator,
                   Backends& backends)
    : executor_(executor),
      settings_(std::move(settings)),
      services_{settings_.hostname, settings_.message_bytes_max, authenticator, backends, buffers_,
                settings_.limits},
      connections_(system_clock()),
      session_ended_(executor),
      accepting_(executor),
      tasks_(executor) {}

Frontend::~Frontend() = default;

Result<> Frontend::load_certificate() {
  TRY_ASSIGN(tls::TlsContext loaded,
             tls::TlsContext::server_from_files(settings_.certificate_file, settings_.key_file));
  if (loaded.expires() < std::chrono::floor<std::chrono::seconds>(system_clock().now()))
    log::warning("certificate.expired", {{"file", settings_.certificate_file}});
  const bool first = tls_ == nullptr;
  tls_ = std::make_shared<const tls::TlsContext>(std::move(loaded));
  certificate_time_ =
      std::max(change_time(settings_.certificate_file), change_time(settings_.key_file));
  log::info("certificate.loaded", {{"file", settings_.certificate_file}});
  if (first) accepting_.spawn("frontend.certificate", watch_certificate());
  return {};
}

// A renewed certificate is taken without a restart; one that does not load leaves the old in place.
Task<void> Frontend::watch_certificate() {
  while (co_await sleep_for(kCertificateInterval)) {
    const std::int64_t now =
        std::max(change_time(settings_.certificate_file), change_time(settings_.key_file));
    if (now == certificate_time_) continue;
    certificate_time_ = now;
    if (const auto loaded = load_certificate(); !loaded)
      log::error("certificate.refused", {{"cause", loaded.error()}});
  }
}

Result<> Frontend::listen(const std::string& name, int fd) {
  const auto* service = std::ranges::find(kServices, name, &Service::name);
  if (service == std::end(kServices))
    return fail(ErrorCode::kNotFound, "no service for listener " + name);
  Listener& listener = listeners_.emplace_back(executor_, *service);
  std::error_code code;
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  const bool named = ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0;
  const bool v6 = named && address.ss_family == AF_INET6;
  listener.acceptor.assign(v6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), fd, code);
  if (code) return fail(asio_error("listener " + name, code));
  accepting_.spawn("frontend.accept", accept_loop(listener));
  return {};
}

Limits Frontend::limits_now() const {
  Limits limits = settings_.limits;
  if (!settings_.limit_setting) return limits;
  const std::pair<std::string_view, std::size_t*> named[] = {
      {"frontend.connections_max", &limits.connections_max},
      {"frontend.smtp_per_address_max", &limits.smtp_per_address_max},
      {"frontend.mail_per_address_max", &limits.mail_per_address_max},
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
  return limits;
}

Task<void> Frontend::accept_loop(Listener& listener) {
  while (!accepting_.stopping()) {
    TcpSocket socket(executor_);
    std::error_code code;
    co_await listener.acceptor.async_accept(socket, asio::redirect_error(kUseTask, code));
    if (was_cancelled(co_await asio::this_coro::cancellation_state)) co_return;
    if (!code) {
      admit(listener, std::move(socket));
      continue;
    }
    if (code == asio::error::connection_aborted) continue;
    // Out of descriptors: without a pause this would spin until somebody leaves.
    log::warning("accept.failed", {{"listener", listener.service.name}, {"cause", code.message()}});
    if (!co_await sleep_for(kAcceptPause)) co_return;
  }
}

void Frontend::admit(Listener& listener, TcpSocket socket) {
  const Service& service = listener.service;
  std::error_code code;
  const auto peer = socket.remote_endpoint(code);
  if (code) return;  // gone already
  auto address = peer.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  const Limits limits = limits_now();
  std::string_view refusal;
  auto admission = connections_.admit(address.to_string(), service.protocol, limits, refusal);
  if (!admission) {
    log::warning("session.refused",
                 {{"listener", service.name}, {"client", address.to_string()}, {"limit", refusal}});
    socket.non_blocking(true, code);
    const std::string_view text = refusal_text(service);
    if (!text.empty()) socket.write_some(asio::buffer(text.data(), text.size()), code);
    return;
  }
  ClientFacts facts;
  facts.address = address.to_string();
  facts.port = peer.port();
  facts.listener = service.name;
  facts.protocol = service.protocol;
  facts.submission = service.submission;
  facts.implicit_tls = service.implicit_tls;
  Services services = services_;
  services.limits = limits;
  tasks_.spawn("frontend.session", serve(std::make_unique<Session>(
                                       std::move(socket), std::move(facts), std::move(admission),
                                       [this] { return tls_; }, std::move(services))));
}

Task<void> Frontend::serve(std::unique_ptr<Session> session) {
  Signal* const stop = &session->stop;
  session->admission->on_evicted([stop] { stop->notify(); });
  const Registered registered(*this, stop);  // also when an exception ends the session
  co_await run_session(session->services,
                       {Guid::random(), session->client, *session->admission, *stop});
}

Task<void> Frontend::stop() {
  accepting_.stop();
  std::error_code ignored;
  for (Listener& listener : listeners_) listener.acceptor.close(ignored);
  co_await accepting_.join();
  for (Signal* const session : sessions_) session->notify();
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
