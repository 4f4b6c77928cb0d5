#include "server/frontend/login_gate.h"

#include "base/text.h"

namespace hauspost::frontend {

Task<Result<auth::Identity>> LoginGate::check(sasl::Credentials credentials) {
  const ClientFacts& facts = context_.client.facts();
  const std::string name = credentials.name;
  const bool as_oneself =
      credentials.authorization_id.empty() || iequals(credentials.authorization_id, name);
  auto identity = co_await services_.authenticator.verify(
      {std::move(credentials.name), std::move(credentials.password), facts.address, facts.protocol,
       context_.id});
  // Nobody may act for somebody else. Said only now, so that it takes as long and reads the same.
  if (identity && !as_oneself) identity = fail(ErrorCode::kDenied, std::string(auth::kDeniedText));
  if (identity) {
    log::info("login.ok", {{"session", context_.id.to_string()},
                           {"listener", facts.listener},
                           {"client", facts.address},
                           {"mailbox", identity->address},
                           {"database", identity->database}});
    co_return std::move(*identity);
  }
  const bool denied = identity.error().code == ErrorCode::kDenied;
  log::warning("login.failed", {{"session", context_.id.to_string()},
                                {"listener", facts.listener},
                                {"client", facts.address},
                                {"name", name},
                                {"reason", denied && !as_oneself ? "acting_for_another"
                                           : denied              ? "denied"
                                                                 : "unavailable"},
                                {"cause", identity.error()}});
  if (denied) {
    const Duration delay = services_.limits.bad_password_delay * (1U << std::min(failures_, 4U));
    ++failures_;
    CO_TRY(co_await sleep_for(delay));
  }
  co_return identity;
}

}  // namespace hauspost::frontend
