#include "server/frontend/login_gate.h"

#include "base/metrics.h"
#include "base/text.h"

namespace hauspost::frontend {

namespace {

metrics::CounterFamily g_logins("hauspost_logins_total",
                                "Attempts to log in, by service and outcome.",
                                {"service", "outcome"});
metrics::HistogramFamily g_login_time("hauspost_login_seconds",
                                      "Time from the credentials to the answer of auth, of logins "
                                      "that were granted.",
                                      metrics::latency_buckets());

}  // namespace

Result<> LoginGate::succeeded(const auth::Identity& identity,
                              std::chrono::steady_clock::time_point begun) {
  const ClientFacts& facts = context_.client.facts();
  Login login = login_of(identity);
  if (services_.ended_logins != nullptr &&
      services_.ended_logins->covers(login, facts.protocol, begun)) {
    log::warning("login.ended", {{"session", context_.id.to_string()},
                                 {"listener", facts.listener},
                                 {"client", facts.address},
                                 {"mailbox", identity.address}});
    return fail(ErrorCode::kUnavailable, "ended by an administrator on its way");
  }
  context_.admission.note_login(std::move(login));
  g_logins.with({facts.listener, "ok"}).add();
  g_login_time.with({}).observe(std::chrono::steady_clock::now() - begun);
  if (services_.slowdown != nullptr) services_.slowdown->succeeded(facts.address);
  log::info("login.ok", {{"session", context_.id.to_string()},
                         {"listener", facts.listener},
                         {"client", facts.address},
                         {"mailbox", identity.address},
                         {"database", identity.database},
                         {"app_password", identity.app_password}});
  return {};
}

Task<Result<>> LoginGate::failed(std::string name, bool as_oneself, Error error,
                                 std::chrono::steady_clock::time_point begun) {
  const ClientFacts& facts = context_.client.facts();
  const bool denied = error.code == ErrorCode::kDenied;
  g_logins.with({facts.listener, denied ? "denied" : "unavailable"}).add();
  log::warning("login.failed", {{"session", context_.id.to_string()},
                                {"listener", facts.listener},
                                {"client", facts.address},
                                {"name", name},
                                {"reason", denied && !as_oneself ? "acting_for_another"
                                           : denied              ? "denied"
                                                                 : "unavailable"},
                                {"cause", error}});
  if (!denied) co_return Result<>{};
  unsigned doublings = std::min(failures_, Slowdown::kStepsMax);
  if (services_.slowdown != nullptr)
    doublings = std::max(doublings, services_.slowdown->failed(facts.address));
  const Duration delay = services_.limits.bad_password_delay * (1U << doublings);
  ++failures_;
  const auto left = begun + delay - std::chrono::steady_clock::now();
  if (left > Duration::zero()) CO_TRY(co_await sleep_for(left));
  co_return Result<>{};
}

Task<Result<auth::Identity>> LoginGate::check(sasl::Credentials credentials) {
  const auto begun = std::chrono::steady_clock::now();
  const ClientFacts& facts = context_.client.facts();
  const std::string name = credentials.name;
  const bool as_oneself =
      credentials.authorization_id.empty() || iequals(credentials.authorization_id, name);
  std::vector<std::string> certificate_names;
  if (credentials.proof == sasl::Proof::kCertificate)
    certificate_names = context_.client.verified_names();
  auto identity = co_await services_.authenticator.verify(
      {std::move(credentials.name), std::move(credentials.password), facts.address, facts.protocol,
       context_.id, credentials.proof, std::move(certificate_names)});
  // Nobody may act for somebody else. Said only now, so that it takes as long and reads the same.
  if (identity && !as_oneself) identity = fail(ErrorCode::kDenied, std::string(auth::kDeniedText));
  if (identity) {
    CO_TRY(succeeded(*identity, begun));
    co_return std::move(*identity);
  }
  CO_TRY(co_await failed(name, as_oneself, identity.error(), begun));
  co_return identity;
}

Task<Result<auth::SaslAnswer>> LoginGate::carry(auth::SaslMessage message) {
  const auto begun = std::chrono::steady_clock::now();
  if (message.exchange.is_nil()) exchange_begun_ = begun;
  auto answer = co_await services_.authenticator.sasl(std::move(message));
  if (answer) {
    if (answer->identity) CO_TRY(succeeded(*answer->identity, exchange_begun_));
    co_return std::move(*answer);
  }
  if (answer.error().code != ErrorCode::kInvalid)
    CO_TRY(co_await failed({}, true, answer.error(), begun));
  co_return answer;
}

}  // namespace hauspost::frontend
