// certificate, listener and component verbs, and what of them a look at the server must show.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "server/child/frontend.pb.h"
#include "server/directory/frontend_settings.h"
#include "server/supervisor/acme_orders.h"
#include "server/supervisor/admin_service.h"
#include "server/supervisor/health_watch.h"

namespace hauspost::supervisor {

namespace {

constexpr Duration kFrontendTime = std::chrono::seconds(20);
constexpr Duration kStatusTime = std::chrono::seconds(2);  // a look does not wait for the busy
constexpr Duration kRestartTime = std::chrono::seconds(8);
constexpr Duration kRetryPause = std::chrono::milliseconds(50);
constexpr std::int64_t kSecondsADay = 24 * 3600;
constexpr std::int64_t kWarningDays = 14;

using directory::ComponentState;

admin::ComponentState to_wire(ComponentState state) {
  switch (state) {
    case ComponentState::kActive: return admin::COMPONENT_STATE_ACTIVE;
    case ComponentState::kDraining: return admin::COMPONENT_STATE_DRAINING;
    case ComponentState::kInactive: return admin::COMPONENT_STATE_INACTIVE;
  }
  return admin::COMPONENT_STATE_UNSPECIFIED;
}

Result<ComponentState> from_wire(admin::ComponentState state) {
  switch (state) {
    case admin::COMPONENT_STATE_ACTIVE: return ComponentState::kActive;
    case admin::COMPONENT_STATE_DRAINING: return ComponentState::kDraining;
    case admin::COMPONENT_STATE_INACTIVE: return ComponentState::kInactive;
    default: return fail(ErrorCode::kInvalid, "no such component state");
  }
}

template <class Reply>
Result<Reply> certificates_reply(const std::string& bytes) {
  child::wire::CertificatesReply answer;
  if (!answer.ParseFromString(bytes))
    return fail(ErrorCode::kCorrupt, "the front-end's answer does not parse");
  Reply reply;
  *reply.mutable_certificates() = std::move(*answer.mutable_certificates());
  return reply;
}

std::string warning_of(const child::wire::Certificate& certificate, std::int64_t now) {
  const std::string& file = certificate.certificate_file();
  if (!certificate.error().empty()) {
    return fmt::format("certificate {} as it is now is not in use: {}", file,
                       certificate.error());
  }
  const std::int64_t left = certificate.not_after_s() - now;
  if (left <= 0) return fmt::format("certificate {} has expired", file);
  if (certificate.renews_s() > now) return {};  // the next is ordered before, however short its life
  if (left >= kWarningDays * kSecondsADay) return {};
  return fmt::format("certificate {} expires in {} days", file, left / kSecondsADay);
}

std::string plain_logins_warning(std::string_view listener) {
  return fmt::format("listener {} takes passwords in the clear: whoever is on the way reads them; "
                     "end it with: hauspost listener set {} --login secure",
                     listener, listener);
}

// The component of directory::kServices whose sessions those of a listener are.
bool serves(std::string_view component, std::string_view listener) {
  return switching_service(listener) == component.substr(0, component.find('-'));
}

}  // namespace

Task<Result<std::string>> AdminService::ask_frontend(child::ControlMethod method,
                                                     Duration timeout) {
  // A front-end that is being started again, as after `service enable`, is there in a moment.
  ChildProcess& frontend = supervisor_.frontend();
  const auto until = std::chrono::steady_clock::now() + std::min(timeout, kRestartTime);
  for (;;) {
    const auto control = frontend.control();
    Result<std::string> answer = fail(
        ErrorCode::kUnavailable, "the front-end does not run; see: hauspost status");
    if (control && method == child::ControlMethod::kCertificateReload) {
      answer = co_await supervisor_.reload_certificates(timeout);
    } else if (control) {
      answer = co_await control->call(static_cast<std::uint16_t>(method), std::string_view(),
                                      timeout);
    }
    if (answer || answer.error().code != ErrorCode::kUnavailable ||
        std::chrono::steady_clock::now() >= until) {
      co_return answer;
    }
    CO_TRY(co_await sleep_for(kRetryPause));
  }
}

Task<std::uint32_t> AdminService::end_logins(Guid account, std::string app_password, bool whole,
                                             std::vector<std::string> protocols) {
  const auto control = supervisor_.frontend().control();
  if (!control) co_return 0;  // it has no sessions
  child::wire::EndLoginsRequest request;
  request.set_account(std::string(account.as_bytes()));
  request.set_app_password(std::move(app_password));
  request.set_whole(whole);
  for (std::string& protocol : protocols) request.add_protocols(std::move(protocol));
  const std::string body = request.SerializeAsString();
  const auto answer = co_await control->call(
      static_cast<std::uint16_t>(child::ControlMethod::kEndLogins), body, kFrontendTime);
  child::wire::EndLoginsReply reply;
  if (answer && reply.ParseFromString(*answer)) co_return reply.sessions();
  log::error("frontend.end_logins",
             {{"cause", answer ? Error{ErrorCode::kCorrupt, "no answer"} : answer.error()}});
  co_return 0;
}

Task<void> AdminService::note_warnings(admin::StatusReply& reply) {
  const std::int64_t now = unix_now();
  const auto bytes = co_await ask_frontend(child::ControlMethod::kCertificates, kStatusTime);
  child::wire::CertificatesReply answer;
  if (bytes && answer.ParseFromString(*bytes)) {
    note_orders(*answer.mutable_certificates());
    for (const child::wire::Certificate& certificate : answer.certificates()) {
      std::string warning = warning_of(certificate, now);
      if (!warning.empty()) reply.add_warnings(std::move(warning));
    }
  }
  for (const AcmeFacts& facts : supervisor_.acme().list().value_or(std::vector<AcmeFacts>())) {
    if (facts.state.failures > 0)
      reply.add_warnings(fmt::format("no certificate for {} could be ordered: {}; see: hauspost "
                                     "certificate acme show {}",
                                     facts.order.name(), facts.state.error, facts.order.name()));
  }
  const auto ask = directory::asking(supervisor_.directory().reader());
  for (const std::string_view listener : kListenerServices) {
    if (directory::listener_rules(ask, listener).plain_logins)
      reply.add_warnings(plain_logins_warning(listener));
  }
  for (const directory::ServiceInfo& service : directory::kServices) {
    const ComponentState state = directory::component_state(ask, service.name);
    if (state != ComponentState::kActive)
      reply.add_warnings(fmt::format("{} is {}", service.name, directory::to_string(state)));
  }
  for (const HealthState& state : supervisor_.health_watch().states()) {
    if (state.word == HealthState::Word::kUnhealthy)
      reply.add_warnings(fmt::format("{} is unhealthy: {}; see: hauspost health show",
                                     state.last.name(), state.last.text));
  }
}

Task<Result<admin::CertificateListReply>> AdminService::certificate_list(
    admin::CertificateListRequest) {
  CO_TRY_ASSIGN(const std::string bytes,
                co_await ask_frontend(child::ControlMethod::kCertificates, kFrontendTime));
  CO_TRY_ASSIGN(auto reply, certificates_reply<admin::CertificateListReply>(bytes));
  note_orders(*reply.mutable_certificates());
  co_return reply;
}

Task<Result<admin::CertificateReloadReply>> AdminService::certificate_reload(
    admin::CertificateReloadRequest) {
  CO_TRY_ASSIGN(const std::string bytes,
                co_await ask_frontend(child::ControlMethod::kCertificateReload, kFrontendTime));
  co_return certificates_reply<admin::CertificateReloadReply>(bytes);
}

Task<Result<admin::CertificateAddReply>> AdminService::certificate_add(
    admin::CertificateAddRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  directory::DirectoryWriter& writer = supervisor_.directory();
  const auto before = directory::further_certificates(directory::asking(writer.reader()));
  auto after = before;
  const auto same = [&](const directory::CertificatePaths& one) {
    return one.certificate_file == request.name();
  };
  if (request.name() == supervisor_.settings().certificate_file ||
      std::ranges::any_of(before, same)) {
    co_return fail(ErrorCode::kExists,
                   fmt::format("certificate {} is in the list already; a changed file is read "
                               "again with: hauspost certificate reload",
                               escape_for_log(request.name())));
  }
  after.push_back({request.name(), request.key_file()});
  CO_TRY(directory::set_further_certificates(writer, after));
  // The front-end says whether it can use it: nobody else reads keys.
  auto bytes = co_await ask_frontend(child::ControlMethod::kCertificateReload, kFrontendTime);
  auto reply = bytes ? certificates_reply<admin::CertificateAddReply>(*bytes)
                     : Result<admin::CertificateAddReply>(fail(std::move(bytes).error()));
  std::optional<Error> refusal;
  if (!reply) refusal = reply.error();
  for (int i = 0; reply && i < reply->certificates_size(); ++i) {
    const auto& one = reply->certificates(i);
    if (one.certificate_file() == request.name() && !one.error().empty())
      refusal = Error{ErrorCode::kInvalid, one.error() + "; nothing was changed"};
  }
  if (!refusal) co_return reply;
  CO_TRY(directory::set_further_certificates(writer, before));
  [[maybe_unused]] auto as_before =
      co_await ask_frontend(child::ControlMethod::kCertificateReload, kFrontendTime);
  co_return fail(std::move(*refusal));
}

Task<Result<admin::CertificateRemoveReply>> AdminService::certificate_remove(
    admin::CertificateRemoveRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  directory::DirectoryWriter& writer = supervisor_.directory();
  if (request.name() == supervisor_.settings().certificate_file) {
    co_return fail(ErrorCode::kDenied, fmt::format("certificate {} is the default of "
                                                   "hauspost.toml; change it there",
                                                   request.name()));
  }
  CO_TRY_ASSIGN(const auto orders, supervisor_.acme().list());
  for (const AcmeFacts& facts : orders) {
    if (facts.certificate_file != request.name()) continue;
    co_return fail(ErrorCode::kDenied,
                   fmt::format("certificate {} is ordered by the server itself; first: hauspost "
                               "certificate acme disable {}",
                               request.name(), facts.order.name()));
  }
  auto paths = directory::further_certificates(directory::asking(writer.reader()));
  const auto count = std::erase_if(paths, [&](const directory::CertificatePaths& one) {
    return one.certificate_file == request.name();
  });
  if (count == 0) {
    co_return fail(ErrorCode::kNotFound, fmt::format("no certificate {}; see: hauspost "
                                                     "certificate list",
                                                     escape_for_log(request.name())));
  }
  if (!request.dry_run()) CO_TRY(directory::set_further_certificates(writer, paths));
  const auto method = request.dry_run() ? child::ControlMethod::kCertificates
                                        : child::ControlMethod::kCertificateReload;
  CO_TRY_ASSIGN(const std::string bytes, co_await ask_frontend(method, kFrontendTime));
  co_return certificates_reply<admin::CertificateRemoveReply>(bytes);
}

namespace {

admin::ListenerLogin to_wire(const directory::ListenerRules& rules) {
  return rules.plain_logins ? admin::LISTENER_LOGIN_PLAIN : admin::LISTENER_LOGIN_SECURE;
}

admin::ListenerRules describe(const directory::AskSetting& ask, std::string_view listener,
                              const FrontendListeners& all,
                              const child::wire::FrontendStatistics& counts) {
  const directory::ListenerRules rules = directory::listener_rules(ask, listener);
  admin::ListenerRules out;
  out.set_listener(std::string(listener));
  for (const Network& network : rules.proxies) out.add_proxies(network.to_string());
  out.set_connections_max(rules.connections_max);
  out.set_per_address_max(rules.per_address_max);
  out.set_login_s(rules.login_s);
  out.set_new_per_minute_max(rules.new_per_minute_max);
  out.set_login(to_wire(rules));
  for (const FrontendListeners::Listener& one : all.all()) {
    if (one.settings.service == listener) out.add_endpoints(one.settings.endpoint());
  }
  for (const auto& count : counts.listeners()) {
    if (count.listener() != listener) continue;
    out.set_sessions(count.sessions());
    out.set_logged_in(count.logged_in());
  }
  return out;
}

Result<> apply(const admin::ListenerSetRequest& request, directory::ListenerRules& rules) {
  if (request.has_connections_max()) rules.connections_max = request.connections_max();
  if (request.has_per_address_max()) rules.per_address_max = request.per_address_max();
  if (request.has_login_s()) rules.login_s = request.login_s();
  if (request.has_new_per_minute_max()) rules.new_per_minute_max = request.new_per_minute_max();
  if (request.login() != admin::LISTENER_LOGIN_UNSPECIFIED)
    rules.plain_logins = request.login() == admin::LISTENER_LOGIN_PLAIN;
  if (!request.has_proxies()) return {};
  rules.proxies.clear();
  for (const std::string& text : request.proxies().networks()) {
    const auto network = Network::parse(text);
    if (!network) {
      return fail(ErrorCode::kInvalid, fmt::format("\"{}\" is no address and no network such as "
                                                   "192.0.2.0/24",
                                                   escape_for_log(text)));
    }
    rules.proxies.push_back(*network);
  }
  return {};
}

// Empty when the front-end does not run.
child::wire::FrontendStatistics parse_statistics(const Result<std::string>& bytes) {
  child::wire::FrontendStatistics counts;
  if (bytes && !counts.ParseFromString(*bytes)) counts.Clear();
  return counts;
}

}  // namespace

Task<Result<admin::ListenerListReply>> AdminService::listener_list(admin::ListenerListRequest) {
  const auto counts = parse_statistics(
      co_await ask_frontend(child::ControlMethod::kFrontendStatistics, kStatusTime));
  const auto ask = directory::asking(supervisor_.directory().reader());
  admin::ListenerListReply reply;
  for (const std::string_view listener : kListenerServices)
    *reply.add_listeners() = supervisor::describe(ask, listener, supervisor_.listeners(), counts);
  reply.set_accepted(counts.accepted());
  reply.set_refused(counts.refused());
  reply.set_evicted(counts.evicted());
  co_return reply;
}

Task<Result<admin::ListenerSetReply>> AdminService::listener_set(
    admin::ListenerSetRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  if (std::ranges::find(kListenerServices, request.name()) == std::end(kListenerServices)) {
    co_return fail(ErrorCode::kNotFound,
                   fmt::format("no listener \"{}\"; there are {}", escape_for_log(request.name()),
                               fmt::join(kListenerServices, ", ")));
  }
  const auto ask = directory::asking(supervisor_.directory().reader());
  auto rules = directory::listener_rules(ask, request.name());
  CO_TRY(apply(request, rules));
  CO_TRY(request.dry_run()
             ? directory::check(request.name(), rules)
             : directory::set_listener_rules(supervisor_.directory(), request.name(), rules));
  admin::ListenerSetReply reply;
  *reply.mutable_listener() = supervisor::describe(ask, request.name(), supervisor_.listeners(), {});
  if (rules.plain_logins) reply.set_warning(plain_logins_warning(request.name()));
  if (!request.dry_run()) co_return reply;
  reply.mutable_listener()->set_login(to_wire(rules));
  reply.mutable_listener()->set_connections_max(rules.connections_max);
  reply.mutable_listener()->set_per_address_max(rules.per_address_max);
  reply.mutable_listener()->set_login_s(rules.login_s);
  reply.mutable_listener()->set_new_per_minute_max(rules.new_per_minute_max);
  reply.mutable_listener()->clear_proxies();
  for (const Network& network : rules.proxies)
    reply.mutable_listener()->add_proxies(network.to_string());
  co_return reply;
}

namespace {

template <class Reply>
void list_components(const directory::AskSetting& ask,
                     const child::wire::FrontendStatistics& counts, Reply& reply) {
  for (const directory::ServiceInfo& service : directory::kServices) {
    admin::Component* out = reply.add_components();
    out->set_name(std::string(service.name));
    out->set_state(to_wire(directory::component_state(ask, service.name)));
    for (const directory::ComponentWord& word : directory::component_words(ask, service.name)) {
      admin::ComponentWord* said = out->add_words();
      said->set_requester(word.requester);
      said->set_state(to_wire(word.state));
    }
    std::uint64_t sessions = 0;
    for (const auto& count : counts.listeners()) {
      if (serves(service.name, count.listener())) sessions += count.sessions();
    }
    out->set_sessions(sessions);
  }
}

}  // namespace

Task<Result<admin::ComponentListReply>> AdminService::component_list(admin::ComponentListRequest) {
  const auto counts = parse_statistics(
      co_await ask_frontend(child::ControlMethod::kFrontendStatistics, kStatusTime));
  admin::ComponentListReply reply;
  list_components(directory::asking(supervisor_.directory().reader()), counts, reply);
  co_return reply;
}

Task<Result<admin::ComponentSetReply>> AdminService::component_set(
    admin::ComponentSetRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  CO_TRY_ASSIGN(const ComponentState state, from_wire(request.state()));
  CO_TRY(directory::set_component_state(supervisor_.directory(), request.name(),
                                        request.requester(), state));
  log::info("component.state", {{"component", request.name()},
                                {"requester", request.requester()},
                                {"state", directory::to_string(state)}});
  // A front-end that does not run has no sessions to end.
  [[maybe_unused]] auto told =
      co_await ask_frontend(child::ControlMethod::kComponentsChanged, kStatusTime);
  const auto counts = parse_statistics(
      co_await ask_frontend(child::ControlMethod::kFrontendStatistics, kStatusTime));
  admin::ComponentSetReply reply;
  list_components(directory::asking(supervisor_.directory().reader()), counts, reply);
  co_return reply;
}

}  // namespace hauspost::supervisor
