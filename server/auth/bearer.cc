#include "server/auth/bearer.h"

#include <nlohmann/json.hpp>

#include <algorithm>

#include "base/text.h"

namespace hauspost::auth {

namespace {

BearerVerdict refused(std::string reason) { return {.reason = std::move(reason)}; }

template <class List>
bool contains(const List& list, std::string_view wanted) {
  return std::ranges::find(list, wanted) != list.end();
}

// Empty: its times are right.
std::string_view wrong_time(const BearerSettings& settings, const Jwt& token, WallTime now) {
  if (!token.expires) return "no_expiry";
  if (now >= *token.expires + settings.leeway) return "expired";
  if (token.not_before && now < *token.not_before - settings.leeway) return "not_yet_valid";
  if (token.issued && now < *token.issued - settings.leeway) return "issued_in_future";
  return {};
}

std::string_view wrong_claims(const BearerSettings& settings, const Jwt& token, WallTime now) {
  if (token.issuer != settings.issuer) return "wrong_issuer";
  const auto ours = [&](const std::string& audience) {
    return contains(settings.audiences, audience);
  };
  if (std::ranges::none_of(token.audience, ours)) return "wrong_audience";
  if (const auto time = wrong_time(settings, token, now); !time.empty()) return time;
  if (!settings.scope.empty() && !contains(token.scopes, settings.scope))
    return "insufficient_scope";
  if (token.name.empty()) return "no_name";
  if (settings.claim == "email" && !token.email_verified.value_or(true)) return "unverified_email";
  return {};
}

}  // namespace

BearerVerdict check_bearer(const BearerSettings& settings, const KeySet& keys,
                           std::string_view token, WallTime now) {
  const auto parsed = parse_jwt(token, settings.claim);
  if (!parsed) return refused(parsed.error().text);
  const auto candidates = keys.candidates(*parsed);
  if (candidates.empty()) {
    BearerVerdict verdict = refused("unknown_key");
    verdict.unknown_key = true;
    return verdict;
  }
  const auto fits = [&](const NamedKey* key) {
    return key->key.verifies(parsed->signed_part, parsed->signature);
  };
  if (std::ranges::none_of(candidates, fits)) return refused("wrong_signature");
  if (const auto wrong = wrong_claims(settings, *parsed, now); !wrong.empty())
    return refused(std::string(wrong));
  return {.name = parsed->name};
}

std::string bearer_error_json(const BearerSettings& settings) {
  nlohmann::json error = {{"status", "invalid_token"}};
  if (!settings.scope.empty()) error["scope"] = settings.scope;
  if (!settings.openid_configuration.empty())
    error["openid-configuration"] = settings.openid_configuration;
  return error.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

}  // namespace hauspost::auth
