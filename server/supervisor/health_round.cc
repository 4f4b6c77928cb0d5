#include "server/supervisor/health_round.h"

#include <asio/ip/address.hpp>
#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "base/network.h"
#include "base/random.h"
#include "base/text.h"
#include "server/auth/auth_client.h"
#include "server/child/control.h"
#include "server/child/frontend.pb.h"
#include "server/child/health.pb.h"
#include "server/directory/frontend_settings.h"
#include "server/supervisor/supervisor.h"

namespace hauspost::supervisor {

namespace {

namespace wire = child::wire;
using Outcome = Observation::Outcome;
using State = ChildProcess::State;

constexpr Duration kSmallCall = std::chrono::seconds(5);
constexpr std::size_t kPasswordLength = 40;
constexpr std::size_t kTokenBytes = 16;
constexpr int kProbesInARow = 5;  // of one target

std::uint16_t number(child::ControlMethod method) { return static_cast<std::uint16_t>(method); }

bool speaks_tls(std::string_view service) {
  return service == "imaps" || service == "pop3s" || service == "submissions" || service == "https";
}

// Where we reach a socket that is bound to `address`.
std::string reached_at(const std::string& address) {
  if (address == "0.0.0.0") return "127.0.0.1";
  if (address == "::") return "::1";
  return address;
}

bool begins_with_proxy_header(const directory::ListenerRules& rules, const std::string& address) {
  return std::ranges::any_of(rules.proxies,
                             [&](const Network& network) { return network.contains(address); });
}

// The doors that are open and may be used.
struct Doors {
  std::vector<wire::HealthDoor> all;

  // The best for a service: TLS from the first byte before STARTTLS; null: there is none.
  const wire::HealthDoor* find(std::string_view encrypted, std::string_view plain) const {
    for (const std::string_view service : {encrypted, plain}) {
      const auto found = std::ranges::find(all, service, [](const wire::HealthDoor& door) {
        return std::string_view(door.service());
      });
      if (found != all.end()) return &*found;
    }
    return nullptr;
  }
};

Doors open_doors(const FrontendListeners& listeners, const directory::AskSetting& ask) {
  Doors doors;
  for (const FrontendListeners::Listener& one : listeners.all()) {
    if (!one.fd || one.gone) continue;
    const std::string& service = one.settings.service;
    const auto state = directory::component_state(ask, switching_service(service));
    if (state != directory::ComponentState::kActive) continue;
    wire::HealthDoor door;
    door.set_service(service);
    door.set_address(reached_at(one.settings.address));
    door.set_port(one.settings.port);
    door.set_tls(speaks_tls(service));
    door.set_proxy(
        begins_with_proxy_header(directory::listener_rules(ask, service), door.address()));
    doors.all.push_back(std::move(door));
  }
  return doors;
}

bool is_web(std::string_view service) { return service == "http" || service == "https"; }

void add_listeners(const Doors& doors, wire::HealthProbeRequest& request) {
  for (const wire::HealthDoor& door : doors.all) {
    wire::HealthOrder* order = request.add_orders();
    order->set_kind(is_web(door.service()) ? wire::HEALTH_KIND_WEB : wire::HEALTH_KIND_LISTENER);
    order->set_target(fmt::format("{} {}:{}", door.service(), door.address(), door.port()));
    *order->mutable_door() = door;
  }
}

bool backend_is_active(Supervisor& supervisor, std::string_view service) {
  const auto& reader = supervisor.directory().reader();
  return reader.service_enabled(service).value_or(false) &&
         directory::component_state(directory::asking(reader), service) ==
             directory::ComponentState::kActive;
}

// What mail of one database is tried with; pointers into Doors, null: not at all.
struct Ways {
  const wire::HealthDoor* imap = nullptr;
  const wire::HealthDoor* pop3 = nullptr;
  const wire::HealthDoor* smtp = nullptr;
  const wire::HealthDoor* submission = nullptr;
  const wire::HealthDoor* reader() const { return imap != nullptr ? imap : pop3; }
};

wire::HealthOrder* add_order(wire::HealthProbeRequest& request, wire::HealthKind kind,
                             const wire::HealthDoor& door, const directory::MailboxEntry& mailbox) {
  wire::HealthOrder* order = request.add_orders();
  order->set_kind(kind);
  order->set_target(mailbox.database);
  *order->mutable_door() = door;
  order->set_user(mailbox.address);
  order->set_recipient(mailbox.aliases.front());
  return order;
}

// Submission before mail flow: what it sends is removed by the reader of the latter.
void add_mailbox(const Ways& ways, const ProbeChoice& choice,
                 const directory::MailboxEntry& mailbox, bool first,
                 wire::HealthProbeRequest& request) {
  if (choice.imap && ways.imap != nullptr)
    add_order(request, wire::HEALTH_KIND_IMAP, *ways.imap, mailbox);
  if (choice.pop3 && ways.pop3 != nullptr)
    add_order(request, wire::HEALTH_KIND_POP3, *ways.pop3, mailbox);
  const bool flows = choice.mailflow && ways.smtp != nullptr && ways.reader() != nullptr;
  if (choice.submission && ways.submission != nullptr && first) {
    auto* order = add_order(request, wire::HEALTH_KIND_SUBMISSION, *ways.submission, mailbox);
    if (flows) *order->mutable_reader() = *ways.reader();
  }
  if (choice.smtp && ways.smtp != nullptr && first)
    add_order(request, wire::HEALTH_KIND_SMTP, *ways.smtp, mailbox)->clear_target();
  if (flows) {
    auto* order = add_order(request, wire::HEALTH_KIND_MAILFLOW, *ways.smtp, mailbox);
    *order->mutable_reader() = *ways.reader();
  }
}

// The health mailbox, at the address of this start of the server.
Result<directory::MailboxEntry> health_mailbox(Supervisor& supervisor, const HealthAccess& access,
                                               const directory::DatabaseEntry& database) {
  directory::DirectoryWriter& writer = supervisor.directory();
  const std::string token =
      fmt::format("health-{}-{}", access.mail_token, database.guid.to_string().substr(0, 8));
  const std::string address = token + "@" + std::string(directory::kSystemDomain);
  TRY_ASSIGN(auto found, writer.reader().health_mailbox(database.name));
  if (found && !found->aliases.empty() && found->aliases.front() == address)
    return std::move(*found);
  const auto now = std::chrono::floor<Seconds>(system_clock().now().time_since_epoch());
  return writer.renew_health_mailbox(database.name, token, now.count());
}

// The server shows one of these; none are known when the front-end does not answer.
Task<void> add_fingerprints(Supervisor& supervisor, wire::HealthProbeRequest& request) {
  const auto control = supervisor.frontend().control();
  if (!control) co_return;
  const auto bytes = co_await control->call(number(child::ControlMethod::kCertificates),
                                            std::string_view(), kSmallCall);
  wire::CertificatesReply reply;
  if (!bytes || !reply.ParseFromString(*bytes)) co_return;
  for (const wire::Certificate& certificate : reply.certificates()) {
    if (!certificate.fingerprint().empty()) request.add_fingerprints(certificate.fingerprint());
  }
}

Task<void> tell_password(Supervisor& supervisor, const HealthAccess& access) {
  const auto control = supervisor.auth().control();
  if (!control) co_return;
  const auto told = co_await auth::set_health_password(*control, access.password);
  if (!told) log::warning("health.password", {{"cause", told.error()}});
}

Observation from_result(const wire::HealthResult& result, std::string set, std::string target) {
  Observation out;
  out.set = std::move(set);
  out.target = std::move(target);
  out.time = std::chrono::microseconds(result.time_us());
  out.answered = result.answered();
  if (result.steps_size() != 0) out.step = result.steps(result.steps_size() - 1).name();
  if (result.outcome() == wire::HEALTH_OUTCOME_GOOD) return out;
  out.outcome =
      result.outcome() == wire::HEALTH_OUTCOME_FAILED ? Outcome::kFailed : Outcome::kSkipped;
  out.text = out.step.empty() ? result.text() : out.step + ": " + result.text();
  return out;
}

// A search that finds nothing is no fault of the rest of IMAP.
void add_imap(const wire::HealthResult& result, std::vector<Observation>& out) {
  Observation imap = from_result(result, "imap", result.target());
  Observation search = from_result(result, "search", result.target());
  search.time = {};
  for (const wire::HealthStep& step : result.steps()) {
    if (step.name() == "search") search.time = std::chrono::microseconds(step.time_us());
  }
  const bool at_search = imap.step == "search";
  if (imap.outcome == Outcome::kFailed && at_search && imap.answered) {
    imap.outcome = Outcome::kGood;
    imap.text.clear();
  } else if (imap.outcome != Outcome::kGood && !at_search) {
    search.outcome = Outcome::kSkipped;
    search.text = "not tried: IMAP does not work";
  }
  out.push_back(std::move(imap));
  out.push_back(std::move(search));
}

struct Child {
  std::string set, target;
  ChildProcess* process;
};

std::vector<Child> children_of(Supervisor& supervisor) {
  std::vector<Child> all{{"auth", {}, &supervisor.auth()},
                         {"frontend", {}, &supervisor.frontend()},
                         {"transport", {}, &supervisor.transport()},
                         {"web", {}, &supervisor.web()}};
  const auto databases = supervisor.directory().reader().databases();
  if (!databases) return all;
  for (const directory::DatabaseEntry& database : *databases) {
    ChildProcess* worker = supervisor.stores().find(database.name);
    if (worker != nullptr) all.push_back({"database", database.name, worker});
  }
  return all;
}

// What its state says already; true when it can be asked.
bool judge_state(const ChildProcess::Facts& facts, Observation& seen) {
  switch (facts.state) {
    case State::kRunning: return true;
    case State::kStarting:
    case State::kStopping:
    case State::kStopped:
      seen.outcome = Outcome::kSkipped;
      seen.text = "it is starting";
      return false;
    case State::kWaiting:
      seen.text = "it has ended and will be started again: " + facts.last_death;
      break;
    case State::kQuarantined:
      seen.text = "it was put aside after it ended again and again: " + facts.last_death;
      break;
  }
  seen.outcome = Outcome::kFailed;
  seen.answered = true;  // a restart is under way, or was given up
  return false;
}

Task<void> ping(std::shared_ptr<link::RpcClient> control, Duration timeout, Observation& seen) {
  const auto begun = std::chrono::steady_clock::now();
  const auto answer =
      co_await control->call(number(child::ControlMethod::kPing), std::string_view(), timeout);
  seen.time = std::chrono::steady_clock::now() - begun;
  if (answer) co_return;
  seen.outcome = Outcome::kFailed;
  seen.text = "it does not answer the supervisor: " + answer.error().text;
}

}  // namespace

HealthAccess make_health_access() {
  std::array<std::uint8_t, kTokenBytes> token{};
  random_bytes(token);
  const std::string_view bytes(reinterpret_cast<const char*>(token.data()), token.size());
  return {.password = Secret(random_password(kPasswordLength)), .mail_token = to_hex(bytes)};
}

Task<Result<wire::HealthProbeRequest>> plan_probes(Supervisor& supervisor,
                                                   const HealthAccess& access,
                                                   const directory::HealthSettings& settings,
                                                   const ProbeChoice& choice) {
  wire::HealthProbeRequest request;
  request.set_password(std::string(access.password.reveal()));
  request.set_timeout_ms(settings.timeout_s * 1000);
  request.set_hostname(supervisor.settings().hostname);
  co_await tell_password(supervisor, access);
  co_await add_fingerprints(supervisor, request);
  const Doors doors =
      open_doors(supervisor.listeners(), directory::asking(supervisor.directory().reader()));
  if (choice.listeners) add_listeners(doors, request);
  Ways ways{.smtp = doors.find("smtp", "smtp"),
            .submission = doors.find("submissions", "submission")};
  if (backend_is_active(supervisor, "imap-backend")) ways.imap = doors.find("imaps", "imap");
  if (backend_is_active(supervisor, "pop3-backend")) ways.pop3 = doors.find("pop3s", "pop3");
  CO_TRY_ASSIGN(const auto databases, supervisor.directory().reader().databases());
  bool first = true;
  for (const directory::DatabaseEntry& database : databases) {
    ChildProcess* worker = supervisor.stores().find(database.name);
    if (worker == nullptr || worker->facts().state != State::kRunning) continue;
    if (!choice.database.empty() && !iequals(choice.database, database.name)) continue;
    CO_TRY_ASSIGN(const auto mailbox, health_mailbox(supervisor, access, database));
    add_mailbox(ways, choice, mailbox, first, request);
    first = false;
  }
  co_return request;
}

Task<Result<wire::HealthProbeReply>> make_probes(Supervisor& supervisor,
                                                 const wire::HealthProbeRequest& request) {
  const auto control = supervisor.health().control();
  if (!control) co_return fail(ErrorCode::kUnavailable, "hauspost-health does not run");
  std::string body = request.SerializeAsString();
  const Secret wiped(std::move(body));
  const Duration patience =
      std::chrono::milliseconds(request.timeout_ms()) * kProbesInARow + kSmallCall;
  CO_TRY_ASSIGN(
      const std::string bytes,
      co_await control->call(number(child::ControlMethod::kHealthProbe), wiped.reveal(), patience));
  wire::HealthProbeReply reply;
  if (!reply.ParseFromString(bytes))
    co_return fail(ErrorCode::kCorrupt, "hauspost-health's answer does not parse");
  co_return reply;
}

void read_results(const wire::HealthProbeReply& reply, std::vector<Observation>& out) {
  for (const wire::HealthResult& result : reply.results()) {
    switch (result.kind()) {
      case wire::HEALTH_KIND_LISTENER:
        out.push_back(from_result(result, "frontend", result.target()));
        break;
      case wire::HEALTH_KIND_IMAP: add_imap(result, out); break;
      case wire::HEALTH_KIND_POP3:
        out.push_back(from_result(result, "pop3", result.target()));
        break;
      case wire::HEALTH_KIND_SMTP: out.push_back(from_result(result, "smtp", {})); break;
      case wire::HEALTH_KIND_SUBMISSION:
        out.push_back(from_result(result, "submission", {}));
        break;
      case wire::HEALTH_KIND_MAILFLOW:
        out.push_back(from_result(result, "mailflow", result.target()));
        break;
      case wire::HEALTH_KIND_WEB: out.push_back(from_result(result, "web", result.target())); break;
      default: break;
    }
  }
}

void ping_children(Supervisor& supervisor, Duration timeout, TaskGroup& group,
                   std::vector<Observation>& seen) {
  std::vector<Child> children = children_of(supervisor);
  // What is not meant to run has no health.
  std::erase_if(children, [](const Child& child) {
    const State state = child.process->facts().state;
    return state == State::kStopped || state == State::kStopping;
  });
  seen.resize(children.size());
  for (std::size_t i = 0; i < children.size(); ++i) {
    seen[i].set = children[i].set;
    seen[i].target = children[i].target;
    if (judge_state(children[i].process->facts(), seen[i]))
      group.spawn("health.ping", ping(children[i].process->control(), timeout, seen[i]));
  }
}

}  // namespace hauspost::supervisor
