#include "server/supervisor/acme_orders.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "server/auth/jwt.h"
#include "server/child/acme.pb.h"
#include "server/child/frontend.pb.h"
#include "server/child/web.pb.h"
#include "server/directory/frontend_settings.h"
#include "server/supervisor/supervisor.h"

namespace hauspost::supervisor {

namespace {

constexpr Duration kChildTime = std::chrono::seconds(20);  // until it answers
constexpr Duration kBeginTime = std::chrono::minutes(5);
constexpr Duration kFinishTime = std::chrono::minutes(10);
constexpr Duration kRevokeTime = std::chrono::minutes(2);
constexpr Duration kPlaceTime = std::chrono::seconds(10);
constexpr Duration kReloadTime = std::chrono::seconds(20);
constexpr Duration kChildPatience = std::chrono::seconds(2);
constexpr Duration kLongestPause = std::chrono::hours(1);  // the wall clock may be set meanwhile
constexpr Duration kDrainingPause = std::chrono::minutes(1);
constexpr unsigned kLivesMax = 3;  // of hauspost-acme in one try
constexpr std::uint32_t kUnfinishedMost =
    3;  // tries that the server's own end cut off; then it pauses
// The next certificate is ordered when this one has lived as long, and a quarter of what was left.
constexpr std::int64_t kLeastLife_s = 5;
constexpr std::int64_t kLeastShare = 4;
constexpr std::int64_t kUrgentShare = 10;  // a tenth of its life left: draining or not

using directory::AcmeChallenge;
using directory::AcmeOrder;

std::int64_t now_s() {
  return std::chrono::duration_cast<Seconds>(system_clock().now().time_since_epoch()).count();
}

double random_share() {
  constexpr std::uint64_t kSteps = 1'000'000;
  return static_cast<double>(random_u64() % kSteps) / static_cast<double>(kSteps);
}

template <class Message>
Result<Message> parsed(const std::string& bytes) {
  Message message;
  if (!message.ParseFromString(bytes))
    return fail(ErrorCode::kCorrupt, "hauspost-acme's answer does not parse");
  return message;
}

// True for as long as it lives, however its task ends.
struct Flag {
  explicit Flag(bool& of) : flag(of) { flag = true; }
  ~Flag() { flag = false; }
  Flag(const Flag&) = delete;
  Flag& operator=(const Flag&) = delete;
  bool& flag;
};

std::string_view hint(AcmeChallenge kind) {
  return kind == AcmeChallenge::kHttp01
             ? " (http-01: the server asks at port 80 of the name; hauspost-web has to be on and "
               "its "
               "listener http reachable from outside)"
             : " (tls-alpn-01: the server connects to port 443 of the name; the listener https has "
               "to "
               "be reachable from outside, and nothing before it may end TLS)";
}

}  // namespace

struct AcmeOrders::Issued {
  std::string certificate_pem;
  Secret key_pem;
  std::int64_t not_before_s = 0;
  std::int64_t not_after_s = 0;
};

struct AcmeOrders::Failed {
  std::string text;
  std::string type = {};
  std::int64_t retry_after_s = 0;
  bool child_died = false;

  static std::unexpected<Failed> of(const Error& error) {
    return std::unexpected(Failed{.text = error.text});
  }
  static std::unexpected<Failed> of(const child::wire::AcmeFailure& failure) {
    return std::unexpected(Failed{failure.text(), failure.type(), failure.retry_after_s()});
  }
  // What a call to hauspost-acme came to.
  static std::unexpected<Failed> of_call(const Error& error) {
    return std::unexpected(Failed{.text = "hauspost-acme: " + error.text,
                                  .child_died = error.code == ErrorCode::kUnavailable});
  }
};

AcmeOrders::AcmeOrders(Executor executor, Supervisor& supervisor, ChildSpec child)
    : executor_(executor),
      supervisor_(supervisor),
      files_(supervisor.options().data_root),
      child_(executor, std::move(child)),
      pause_(executor),
      tasks_(executor) {}

void AcmeOrders::start() { tasks_.spawn("acme.orders", keep_going()); }

Task<void> AcmeOrders::stop() {
  tasks_.stop();
  pause_.cancel();
  co_await child_.stop(kChildPatience);  // what waits for its answer ends with it
  co_await tasks_.join();
}

void AcmeOrders::enter(std::string step) {
  step_ = std::move(step);
  log::info("acme.step", {{"order", under_way_}, {"step", step_}});
}

AcmeFacts AcmeOrders::facts_of(AcmeOrder order) const {
  AcmeFacts facts;
  facts.state = files_.state(order.name());
  facts.certificate_file = files_.certificate_path(order.name());
  facts.under_way = order.name() == under_way_ || asked_.contains(order.name());
  facts.step = order.name() == under_way_ ? step_ : "";
  const auto tries = tries_.find(order.name());
  facts.tries = tries == tries_.end() ? 0 : tries->second;
  facts.order = std::move(order);
  return facts;
}

Result<std::vector<AcmeFacts>> AcmeOrders::list() const {
  TRY_ASSIGN(auto orders, directory::acme_orders(supervisor_.directory().reader()));
  std::vector<AcmeFacts> out;
  for (AcmeOrder& order : orders) out.push_back(facts_of(std::move(order)));
  return out;
}

Result<AcmeFacts> AcmeOrders::show(const std::string& name) const {
  TRY_ASSIGN(auto orders, directory::acme_orders(supervisor_.directory().reader()));
  const auto found = std::ranges::find(orders, name, &AcmeOrder::name);
  if (found == orders.end()) {
    return fail(ErrorCode::kNotFound,
                fmt::format("no certificate {} is ordered; see: hauspost certificate acme show",
                            escape_for_log(name)));
  }
  return facts_of(std::move(*found));
}

std::vector<std::string> AcmeOrders::authority_files() const {
  std::vector<std::string> files;
  const auto orders = directory::acme_orders(supervisor_.directory().reader());
  if (!orders) return files;
  for (const AcmeOrder& order : *orders) {
    if (!order.ca_file.empty()) files.push_back(order.ca_file);
  }
  return files;
}

Task<Result<AcmeFacts>> AcmeOrders::enable(AcmeOrder order, Secret eab_key) {
  CO_TRY(directory::check(order));
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  directory::DirectoryWriter& writer = supervisor_.directory();
  CO_TRY_ASSIGN(auto orders, directory::acme_orders(writer.reader()));
  if (!eab_key.empty()) {
    CO_TRY(files_.keep_eab_key(order.name(), eab_key));
  } else if (!order.eab_kid.empty() && !files_.eab_key(order.name())) {
    co_return fail(ErrorCode::kNotFound,
                   "the key of the external account is missing: --eab-key-file");
  }
  const auto same = std::ranges::find(orders, order.name(), &AcmeOrder::name);
  if (same == orders.end())
    orders.push_back(order);
  else
    *same = order;
  CO_TRY(directory::set_acme_orders(writer, orders));
  asked_.insert(order.name());  // also when a try of what it was is under way
  co_return renew(order.name());
}

Result<AcmeFacts> AcmeOrders::renew(const std::string& name) {
  TRY_ASSIGN(const AcmeFacts facts, show(name));
  if (facts.order.name() != under_way_) asked_.insert(name);
  pause_.cancel();
  return show(name);
}

Task<Result<AcmeFacts>> AcmeOrders::disable(std::string name) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  CO_TRY_ASSIGN(AcmeFacts facts, show(name));
  directory::DirectoryWriter& writer = supervisor_.directory();
  CO_TRY_ASSIGN(auto orders, directory::acme_orders(writer.reader()));
  std::erase_if(orders, [&](const AcmeOrder& one) { return one.name() == name; });
  CO_TRY(directory::set_acme_orders(writer, orders));
  asked_.erase(name);
  CO_TRY(files_.forget(name));
  co_return facts;
}

// ---- When

Result<std::optional<AcmeOrders::Due>> AcmeOrders::next_due() const {
  TRY_ASSIGN(const auto orders, directory::acme_orders(supervisor_.directory().reader()));
  std::optional<Due> first;
  for (const AcmeOrder& order : orders) {
    const AcmeState state = files_.state(order.name());
    Due due{order.name(), state.next_try_s};
    if (is_draining(state)) due.at_s = std::max(due.at_s, now_s() + 60);
    if (asked_.contains(order.name())) due.at_s = 0;
    if (!first || due.at_s < first->at_s) first = std::move(due);
  }
  return first;
}

// Somebody is emptying the server: nothing new begins, unless the certificate would run out.
bool AcmeOrders::is_draining(const AcmeState& state) const {
  const std::int64_t life = state.not_after_s - state.not_before_s;
  if (state.not_after_s - now_s() < life / kUrgentShare) return false;
  const auto ask = directory::asking(supervisor_.directory().reader());
  return std::ranges::any_of(directory::kServices, [&](const directory::ServiceInfo& service) {
    return directory::component_state(ask, service.name) == directory::ComponentState::kDraining;
  });
}

Task<void> AcmeOrders::pause(Duration delay) {
  pause_.expires_after(delay);
  std::error_code ignored;
  co_await pause_.async_wait(asio::redirect_error(kUseTask, ignored));
}

Task<void> AcmeOrders::keep_going() {
  while (!tasks_.stopping()) {
    const auto due = next_due();
    if (!due) log::error("acme.orders", {{"cause", due.error()}});
    if (!due || !*due) {
      co_await pause(kLongestPause);
      continue;
    }
    const std::int64_t left = (*due)->at_s - now_s();
    if (left > 0 || revoking_) {
      const Duration wait = revoking_ ? kDrainingPause : std::chrono::seconds(left);
      co_await pause(std::min<Duration>(wait, kLongestPause));
      continue;
    }
    co_await try_order((*due)->name);
  }
}

// ---- One try

Task<void> AcmeOrders::try_order(std::string name) {
  asked_.erase(name);
  const auto found = show(name);
  if (!found) co_return;
  under_way_ = name;
  enter("starting");
  AcmeState state = found->state;
  state.last_try_s = now_s();
  // A server that dies in each try must not try for ever.
  state.next_try_s =
      ++state.unfinished <= kUnfinishedMost
          ? 0
          : state.last_try_s + acme_pause_s(state.unfinished - kUnfinishedMost, random_share());
  const auto noted = files_.keep_state(name, state);
  auto outcome =
      noted ? co_await attempt(found->order) : Outcome<Issued>(Failed::of(noted.error()));
  // Nobody may have disabled it meanwhile.
  if (outcome && show(name)) {
    enter("installing");
    const auto installed = co_await install(found->order, *outcome);
    if (!installed) outcome = Failed::of(installed.error());
  }
  proofs_.answers.clear();
  [[maybe_unused]] const auto cleared = co_await send_proofs();
  co_await child_.stop(kChildPatience);
  under_way_.clear();
  // The end of the server is nobody's failure: the next one tries again at once. What is installed
  // is not ordered again.
  if (tasks_.stopping() && !outcome) co_return;
  if (show(name)) settle(name, std::move(state), outcome);
  ++tries_[name];
}

void AcmeOrders::settle(const std::string& name, AcmeState state, const Outcome<Issued>& outcome) {
  state.unfinished = 0;
  if (outcome) {
    state.issued_s = now_s();
    state.not_before_s = outcome->not_before_s;
    state.not_after_s = outcome->not_after_s;
    state.failures = 0;
    state.error.clear();
    state.error_type.clear();
    // What began long before it was issued, or by another clock, is not ordered over and over.
    state.next_try_s =
        std::max(acme_renewal_s(state.not_before_s, state.not_after_s, random_share()),
                 state.issued_s +
                     std::max(kLeastLife_s, (state.not_after_s - state.issued_s) / kLeastShare));
    log::info("acme.issued", {{"order", name}, {"until_s", state.not_after_s}});
  } else {
    const Failed& failed = outcome.error();
    ++state.failures;
    state.error = failed.text;
    state.error_type = failed.type;
    state.next_try_s =
        std::max(now_s() + acme_pause_s(state.failures, random_share()), failed.retry_after_s);
    log::error("acme.failed", {{"order", name},
                               {"cause", failed.text},
                               {"failures", state.failures},
                               {"next_try_s", state.next_try_s}});
  }
  if (const auto kept = files_.keep_state(name, state); !kept)
    log::error("acme.state", {{"order", name}, {"cause", kept.error()}});
}

// A hauspost-acme that dies costs a new order, not the try.
Task<AcmeOrders::Outcome<AcmeOrders::Issued>> AcmeOrders::attempt(const AcmeOrder& order) {
  for (unsigned life = 1;; ++life) {
    auto outcome = co_await attempt_once(order);
    if (outcome || !outcome.error().child_died || life == kLivesMax || tasks_.stopping())
      co_return outcome;
    log::warning("acme.again", {{"order", order.name()}, {"cause", outcome.error().text}});
    // Its connection may be lost before its end is known; what is awaited next is another life.
    co_await child_.stop(kChildPatience);
  }
}

Task<AcmeOrders::Outcome<std::shared_ptr<link::RpcClient>>> AcmeOrders::wake_child() {
  child_.start();
  [[maybe_unused]] const bool runs = co_await child_.wait_running(kChildTime);
  auto control = child_.control();
  if (control) co_return control;
  co_return std::unexpected(
      Failed{.text = fmt::format("hauspost-acme does not start ({}); its last log lines say why",
                                 child_.facts().last_death),
             .child_died = true});
}

Result<> AcmeOrders::fill_account(const AcmeOrder& order, child::wire::AcmeAccount& out) const {
  TRY_ASSIGN(const auto key, files_.account_key(order.directory));
  out.set_key_pem(std::string(key.to_pem().reveal()));
  out.set_directory(order.directory);
  out.set_ca_file(order.ca_file);
  out.set_terms_agreed(order.terms_agreed);
  for (const std::string& contact : order.contacts) out.add_contacts("mailto:" + contact);
  if (order.eab_kid.empty()) return {};
  TRY_ASSIGN(const Secret text, files_.eab_key(order.name()));
  auto bytes = auth::base64url_decode(text.reveal());
  if (!bytes) return fail(ErrorCode::kInvalid, "the key of the external account is not base64url");
  out.set_eab_kid(order.eab_kid);
  out.set_eab_key(std::move(*bytes));
  return {};
}

Task<AcmeOrders::Outcome<AcmeOrders::Issued>> AcmeOrders::attempt_once(const AcmeOrder& order) {
  CO_TRY_ASSIGN(const auto control, co_await wake_child());
  child::wire::AcmeBeginRequest begin;
  if (const auto filled = fill_account(order, *begin.mutable_account()); !filled)
    co_return Failed::of(filled.error());
  for (const std::string& name : order.names) begin.add_names(name);
  begin.set_challenge(order.challenge == AcmeChallenge::kHttp01
                          ? child::wire::ACME_CHALLENGE_KIND_HTTP_01
                          : child::wire::ACME_CHALLENGE_KIND_TLS_ALPN_01);
  enter("asking " + order.directory);
  const std::string begin_body = begin.SerializeAsString();
  const auto begun = co_await control->call(
      static_cast<std::uint16_t>(child::ControlMethod::kAcmeBegin), begin_body, kBeginTime);
  if (!begun) co_return Failed::of_call(begun.error());
  const auto wanted = parsed<child::wire::AcmeBeginReply>(*begun);
  if (!wanted) co_return Failed::of(wanted.error());
  if (wanted->has_failure()) co_return Failed::of(wanted->failure());
  Proofs proofs{order.challenge, {}};
  for (const child::wire::AcmeToPlace& one : wanted->challenges()) {
    const bool http = order.challenge == AcmeChallenge::kHttp01;
    proofs.answers.emplace_back(http ? one.token() : one.name(), one.key_authorization());
  }
  if (!proofs.answers.empty()) CO_TRY(co_await place(std::move(proofs)));
  enter("proving the names");
  child::wire::AcmeFinishRequest finish;
  finish.set_rsa(order.rsa);
  const std::string finish_body = finish.SerializeAsString();
  const auto ended = co_await control->call(
      static_cast<std::uint16_t>(child::ControlMethod::kAcmeFinish), finish_body, kFinishTime);
  if (!ended) co_return Failed::of_call(ended.error());
  auto issued = parsed<child::wire::AcmeFinishReply>(*ended);
  if (!issued) co_return Failed::of(issued.error());
  if (issued->has_failure()) {
    auto failed = Failed::of(issued->failure());
    if (failed.error().type != "rateLimited") failed.error().text += hint(order.challenge);
    co_return failed;
  }
  co_return Issued{std::move(*issued->mutable_certificate_pem()),
                   Secret(std::move(*issued->mutable_key_pem())), issued->not_before_s(),
                   issued->not_after_s()};
}

// ---- Proofs

Task<AcmeOrders::Outcome<int>> AcmeOrders::place(Proofs proofs) {
  enter("placing the proofs");
  proofs_ = std::move(proofs);
  const auto placed = co_await send_proofs();
  if (placed) co_return 0;
  co_return std::unexpected(Failed{.text = "placing the proofs: " + placed.error().text +
                                           std::string(hint(proofs_.kind))});
}

Task<Result<>> AcmeOrders::send_proofs() {
  const bool http = proofs_.kind == AcmeChallenge::kHttp01;
  std::string body;
  if (http) {
    child::wire::WebChallengesRequest request;
    for (const auto& [token, key_authorization] : proofs_.answers) {
      child::wire::WebChallenge* out = request.add_challenges();
      out->set_token(token);
      out->set_key_authorization(key_authorization);
    }
    body = request.SerializeAsString();
  } else {
    child::wire::AlpnChallengesRequest request;
    for (const auto& [name, key_authorization] : proofs_.answers) {
      child::wire::AlpnChallenge* out = request.add_challenges();
      out->set_name(name);
      out->set_key_authorization(key_authorization);
    }
    body = request.SerializeAsString();
  }
  const auto control = http ? supervisor_.web().control() : supervisor_.frontend().control();
  if (!control) {
    if (proofs_.answers.empty()) co_return Result<>{};  // nobody has any
    co_return fail(ErrorCode::kUnavailable,
                   http
                       ? "hauspost-web does not run; switch it on with: hauspost service enable web"
                       : "the front-end does not run; see: hauspost status");
  }
  const auto method =
      http ? child::ControlMethod::kWebChallenges : child::ControlMethod::kAlpnChallenges;
  CO_TRY(co_await control->call(static_cast<std::uint16_t>(method), body, kPlaceTime));
  co_return Result<>{};
}

Task<void> AcmeOrders::place_again() {
  if (proofs_.answers.empty()) co_return;
  const auto placed = co_await send_proofs();
  if (!placed) log::warning("acme.proofs", {{"cause", placed.error()}});
}

// ---- What was issued

Task<Result<>> AcmeOrders::install(const AcmeOrder& order, const Issued& issued) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  const std::string file = files_.certificate_path(order.name());
  CO_TRY(files_.install(order.name(), issued.certificate_pem, issued.key_pem.reveal()));
  CO_TRY(co_await use(file));
  const auto refusal = co_await refusal_of_frontend(file);
  if (!refusal) co_return Result<>{};
  // Clients go on with what they had.
  const auto back = files_.take_back(order.name());
  if (back && !*back) {
    auto paths =
        directory::further_certificates(directory::asking(supervisor_.directory().reader()));
    std::erase_if(paths, [&](const auto& one) { return one.certificate_file == file; });
    CO_TRY(directory::set_further_certificates(supervisor_.directory(), paths));
  }
  [[maybe_unused]] auto as_before = co_await supervisor_.reload_certificates(kReloadTime);
  co_return fail(ErrorCode::kInvalid, "the front-end cannot use what was issued: " + *refusal);
}

// Puts it on the list of the front-end.
Task<Result<>> AcmeOrders::use(const std::string& file) {
  directory::DirectoryWriter& writer = supervisor_.directory();
  auto paths = directory::further_certificates(directory::asking(writer.reader()));
  const directory::CertificatePaths ours{file, file};
  if (std::ranges::find(paths, ours) != paths.end()) co_return Result<>{};
  paths.push_back(ours);
  co_return directory::set_further_certificates(writer, paths);
}

// A front-end that does not run reads it when it starts.
Task<std::optional<std::string>> AcmeOrders::refusal_of_frontend(const std::string& file) {
  const auto bytes = co_await supervisor_.reload_certificates(kReloadTime);
  child::wire::CertificatesReply reply;
  if (!bytes || !reply.ParseFromString(*bytes)) {
    log::warning("acme.reload", {{"file", file}});
    co_return std::nullopt;
  }
  for (const child::wire::Certificate& one : reply.certificates()) {
    if (one.certificate_file() == file && !one.error().empty()) co_return one.error();
  }
  co_return std::nullopt;
}

Task<Result<AcmeFacts>> AcmeOrders::revoke(std::string name, unsigned reason) {
  CO_TRY_ASSIGN(const AcmeFacts facts, show(name));
  if (!under_way_.empty() || revoking_)
    co_return fail(ErrorCode::kUnavailable, "an order is under way: try again in a moment");
  auto certificate = files_.certificate(name);
  if (!certificate) {
    co_return fail(certificate.error().code,
                   fmt::format("certificate {}: nothing was issued yet", name));
  }
  child::wire::AcmeRevokeRequest request;
  CO_TRY(fill_account(facts.order, *request.mutable_account()));
  // The key behind the certificate is nobody's business.
  const std::string_view text = certificate->reveal();
  request.set_certificate_pem(std::string(text.substr(0, text.find("-----BEGIN PRIVATE KEY"))));
  request.set_reason(reason);
  const Flag revoking(revoking_);
  const auto child = co_await wake_child();
  Result<std::string> answer = fail(ErrorCode::kUnavailable, child ? "" : child.error().text);
  const std::string body = request.SerializeAsString();
  if (child) {
    answer = co_await (*child)->call(static_cast<std::uint16_t>(child::ControlMethod::kAcmeRevoke),
                                     body, kRevokeTime);
  }
  co_await child_.stop(kChildPatience);
  CO_TRY(answer);
  CO_TRY_ASSIGN(const auto reply, parsed<child::wire::AcmeRevokeReply>(*answer));
  if (reply.has_failure()) co_return fail(ErrorCode::kDenied, reply.failure().text());
  log::warning("acme.revoked", {{"order", name}, {"reason", reason}});
  co_return renew(name);
}

}  // namespace hauspost::supervisor
