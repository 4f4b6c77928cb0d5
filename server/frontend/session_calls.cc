#include "server/frontend/session_calls.h"

#include "base/text.h"
#include "server/child/sessions.pb.h"

namespace hauspost::frontend {

namespace {

constexpr std::uint32_t kPageMax = 2000;
constexpr int kKilledShownMax = 100;

// "imap" is also "imaps", "smtp" also what users send by.
bool is_of_service(std::string_view listener, std::string_view service) {
  if (listener == service) return true;
  if (service == "imap") return listener == "imaps";
  if (service == "pop3") return listener == "pop3s";
  if (service == "http") return listener == "https";
  return service == "smtp" && (listener.starts_with("submission") || listener == "lmtp");
}

class Filter {
 public:
  explicit Filter(const child::wire::SessionFilter& filter) : wanted_(filter) {}

  bool is_empty() const {
    return wanted_.user().empty() && wanted_.service().empty() && wanted_.database().empty() &&
           wanted_.id().empty();
  }
  bool fits(const SessionFacts& session) const {
    if (!wanted_.service().empty() && !is_of_service(session.client.listener, wanted_.service()))
      return false;
    if (!wanted_.user().empty() &&
        !(session.login && iequals(session.login->address, wanted_.user())))
      return false;
    if (!wanted_.database().empty() &&
        !(session.login && iequals(session.login->database, wanted_.database())))
      return false;
    return wanted_.id().empty() || session.id.to_string().starts_with(wanted_.id());
  }

 private:
  const child::wire::SessionFilter& wanted_;
};

// Both clocks at one moment.
struct Now {
  std::chrono::steady_clock::time_point steady = std::chrono::steady_clock::now();
  std::chrono::system_clock::time_point system = std::chrono::system_clock::now();

  std::int64_t unix_s(std::chrono::steady_clock::time_point time) const {
    const auto then = system - (steady - time);
    return std::chrono::floor<std::chrono::seconds>(then).time_since_epoch().count();
  }
};

void describe(const SessionFacts& from, const Now& now, child::wire::Session& to) {
  to.set_id(std::string(from.id.as_bytes()));
  to.set_serial(from.serial);
  to.set_service(from.client.listener);
  to.set_client(from.client.address);
  to.set_port(from.client.port);
  if (from.login) {
    to.set_user(from.login->address);
    to.set_database(from.login->database);
  }
  to.set_tls(from.client.tls_version);
  to.set_cipher(from.client.tls_cipher);
  to.set_since_s(now.unix_s(from.traffic.begun));
  to.set_idle_ms(static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(now.steady - from.traffic.last_word)
          .count()));
  to.set_bytes_in(from.traffic.bytes_in);
  to.set_bytes_out(from.traffic.bytes_out);
}

std::unexpected<Error> unparsable() {
  return fail(ErrorCode::kInvalid, "front-end: the request about sessions does not parse");
}

}  // namespace

Result<std::string> list_sessions(const Frontend& frontend, const std::string& body) {
  child::wire::SessionListRequest request;
  if (!request.ParseFromString(body)) return unparsable();
  const int page =
      static_cast<int>(request.limit() == 0 ? kPageMax : std::min(request.limit(), kPageMax));
  const Filter filter(request.filter());
  const Now now;
  child::wire::SessionListReply reply;
  reply.set_total(frontend.sessions());
  frontend.for_each_session(request.after(), [&](const SessionFacts& session) {
    if (!filter.fits(session)) return true;
    if (reply.sessions_size() == page) {
      reply.set_next(reply.sessions(page - 1).serial());
      return false;
    }
    describe(session, now, *reply.add_sessions());
    return true;
  });
  return reply.SerializeAsString();
}

Result<std::string> kill_sessions(Frontend& frontend, const std::string& body) {
  child::wire::SessionKillRequest request;
  if (!request.ParseFromString(body)) return unparsable();
  const Filter filter(request.filter());
  if (filter.is_empty())
    return fail(ErrorCode::kInvalid, "say which sessions: an id, a user, a service or a database");
  const Now now;
  child::wire::SessionKillReply reply;
  std::uint64_t count = 0;
  const auto chosen = [&](const SessionFacts& session) {
    if (!filter.fits(session)) return false;
    ++count;
    if (reply.sessions_size() < kKilledShownMax) describe(session, now, *reply.add_sessions());
    return !request.dry_run();
  };
  frontend.end_sessions(chosen);
  reply.set_count(count);
  return reply.SerializeAsString();
}

void measure(const Frontend& frontend, metrics::Snapshot& out) {
  for (const ListenerCount& count : frontend.counts()) {
    const std::vector<metrics::Label> labels = {{"service", count.listener}};
    out.gauge("hauspost_sessions", "Sessions of clients now, by service.",
              static_cast<double>(count.sessions), labels);
    out.gauge("hauspost_sessions_logged_in", "Of them, those that have come past the login.",
              static_cast<double>(count.logged_in), labels);
  }
  out.counter("hauspost_connections_evicted_total",
              "Connections closed before login to make room for others.",
              static_cast<double>(frontend.evicted()));
  for (const Certificates::Entry& entry : frontend.certificates()) {
    if (!entry.facts) continue;
    out.gauge("hauspost_certificate_expiry_timestamp_seconds",
              "When a certificate shown to clients runs out, Unix time.",
              static_cast<double>(entry.facts->not_after.time_since_epoch().count()),
              {{"file", entry.files.certificate_file}});
  }
}

}  // namespace hauspost::frontend
