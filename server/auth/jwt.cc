#include "server/auth/jwt.h"

#include <nlohmann/json.hpp>

#include <algorithm>

#include "base/text.h"

namespace hauspost::auth {

namespace {

using nlohmann::json;

constexpr std::size_t kListMax = 64;  // audiences or scopes of one token
// Beyond the year 9999 nobody means what is written; nor does it fit every clock.
constexpr double kSecondsMost = 253'402'300'799.0;

std::unexpected<Error> refuse(std::string_view why) {
  return fail(ErrorCode::kInvalid, "token: " + std::string(why));
}

Result<json> parse_object(std::string_view part, std::string_view what) {
  const auto text = base64url_decode(part);
  if (!text) return refuse(std::string(what) + " is not base64url");
  json object = json::parse(*text, nullptr, false);
  if (!object.is_object()) return refuse(std::string(what) + " is not a JSON object");
  return object;
}

Result<std::string> text_of(const json& object, std::string_view claim) {
  const auto found = object.find(claim);
  if (found == object.end()) return std::string();
  if (!found->is_string()) return refuse(std::string(claim) + " is not a string");
  return found->get<std::string>();
}

// NumericDate (RFC 7519 section 2); fractions are cut off.
Result<std::optional<std::chrono::sys_seconds>> time_of(const json& object,
                                                        std::string_view claim) {
  const auto found = object.find(claim);
  if (found == object.end()) return std::optional<std::chrono::sys_seconds>();
  if (!found->is_number()) return refuse(std::string(claim) + " is not a number");
  const double seconds = found->get<double>();
  if (!(seconds >= 0 && seconds <= kSecondsMost)) return refuse(std::string(claim) + " is no time");
  return std::optional(
      std::chrono::sys_seconds(std::chrono::seconds(static_cast<std::int64_t>(seconds))));
}

// A string, or a list of strings.
Result<std::vector<std::string>> texts_of(const json& object, std::string_view claim,
                                          bool spaces_separate) {
  std::vector<std::string> out;
  const auto found = object.find(claim);
  if (found == object.end()) return out;
  if (found->is_string()) {
    const auto text = found->get<std::string>();
    if (!spaces_separate) return std::vector{text};
    for (const std::string_view word : split(text, ' ')) {
      if (!word.empty()) out.emplace_back(word);
    }
  } else if (found->is_array()) {
    for (const json& item : *found) {
      if (!item.is_string()) return refuse(std::string(claim) + " is not a list of strings");
      out.push_back(item.get<std::string>());
    }
  } else {
    return refuse(std::string(claim) + " is neither a string nor a list");
  }
  if (out.size() > kListMax) return refuse(std::string(claim) + " is too long");
  return out;
}

Result<> read_header(const json& header, Jwt& token) {
  if (header.contains("crit")) return refuse("it asks for an extension (crit)");
  TRY_ASSIGN(token.algorithm, text_of(header, "alg"));
  TRY_ASSIGN(token.key_id, text_of(header, "kid"));
  return {};
}

Result<> read_claims(const json& claims, std::string_view name_claim, Jwt& token) {
  TRY_ASSIGN(token.issuer, text_of(claims, "iss"));
  TRY_ASSIGN(token.audience, texts_of(claims, "aud", false));
  TRY_ASSIGN(token.expires, time_of(claims, "exp"));
  TRY_ASSIGN(token.not_before, time_of(claims, "nbf"));
  TRY_ASSIGN(token.issued, time_of(claims, "iat"));
  TRY_ASSIGN(token.scopes, texts_of(claims, claims.contains("scope") ? "scope" : "scp", true));
  TRY_ASSIGN(token.name, text_of(claims, name_claim));
  if (const auto verified = claims.find("email_verified"); verified != claims.end()) {
    // Some issuers write it as a string.
    token.email_verified = *verified == true || *verified == "true";
  }
  return {};
}

std::optional<std::string> octets_of(const json& key, std::string_view member) {
  const auto found = key.find(member);
  if (found == key.end() || !found->is_string()) return std::nullopt;
  return base64url_decode(found->get_ref<const std::string&>());
}

bool member_is(const json& key, std::string_view member, std::string_view value) {
  const auto found = key.find(member);
  return found != key.end() && found->is_string() && found->get_ref<const std::string&>() == value;
}

Result<crypto::PublicKey> read_key(const json& key) {
  using crypto::PublicKey;
  const auto x = octets_of(key, "x");
  if (member_is(key, "kty", "RSA")) {
    const auto modulus = octets_of(key, "n");
    const auto exponent = octets_of(key, "e");
    if (modulus && exponent) return PublicKey::rsa(*modulus, *exponent);
  } else if (member_is(key, "kty", "EC") && member_is(key, "crv", "P-256")) {
    const auto y = octets_of(key, "y");
    if (x && y) return PublicKey::p256(*x, *y);
  } else if (member_is(key, "kty", "OKP") && member_is(key, "crv", "Ed25519")) {
    if (x) return PublicKey::ed25519(*x);
  }
  return fail(ErrorCode::kInvalid, "not a key that can be used");
}

bool is_for_signatures(const json& key) {
  if (!key.is_object()) return false;
  if (key.contains("use") && !member_is(key, "use", "sig")) return false;
  const auto operations = key.find("key_ops");
  return operations == key.end() ||
         (operations->is_array() && std::ranges::find(*operations, "verify") != operations->end());
}

}  // namespace

std::optional<std::string> base64url_decode(std::string_view text) {
  std::string standard;
  standard.reserve(text.size() + 3);
  for (const char c : text) {
    if (c == '+' || c == '/' || c == '=') return std::nullopt;
    standard += c == '-' ? '+' : c == '_' ? '/' : c;
  }
  while (standard.size() % 4 != 0) standard += '=';
  return base64_decode(standard);
}

Result<Jwt> parse_jwt(std::string_view token, std::string_view name_claim) {
  if (token.size() > kTokenMax) return refuse("longer than 8 KiB");
  const auto parts = split(token, '.');
  if (parts.size() != 3) return refuse("not three parts");
  Jwt out;
  TRY_ASSIGN(const json header, parse_object(parts[0], "its header"));
  TRY(read_header(header, out));
  TRY_ASSIGN(const json claims, parse_object(parts[1], "what it claims"));
  TRY(read_claims(claims, name_claim, out));
  auto signature = base64url_decode(parts[2]);
  if (!signature || signature->empty()) return refuse("no signature");
  out.signature = std::move(*signature);
  out.signed_part = token.substr(0, parts[0].size() + 1 + parts[1].size());
  return out;
}

std::string_view algorithm_of(crypto::SignatureKind kind) {
  switch (kind) {
    case crypto::SignatureKind::kRsaSha256: return "RS256";
    case crypto::SignatureKind::kEcdsaP256: return "ES256";
    case crypto::SignatureKind::kEd25519: return "EdDSA";
  }
  return "";
}

Result<KeySet> KeySet::parse(std::string_view text) {
  if (text.size() > kKeySetMax) return fail(ErrorCode::kInvalid, "key set: longer than 256 KiB");
  const json set = json::parse(text, nullptr, false);
  if (!set.is_object() || !set.contains("keys") || !set["keys"].is_array())
    return fail(ErrorCode::kInvalid, "key set: not a JSON object with a list \"keys\"");
  KeySet out;
  for (const json& key : set["keys"]) {
    if (!is_for_signatures(key)) continue;
    auto read = read_key(key);
    // An "alg" that the key cannot have says that it is for something else (RSA-OAEP, PS256).
    if (!read || (key.contains("alg") && !member_is(key, "alg", algorithm_of(read->kind()))))
      continue;
    const bool named = key.contains("kid") && key["kid"].is_string();
    out.keys_.push_back({named ? key["kid"].get<std::string>() : std::string(), *read});
    if (out.keys_.size() > kKeysMax) return fail(ErrorCode::kInvalid, "key set: more than 64 keys");
  }
  if (out.keys_.empty())
    return fail(ErrorCode::kInvalid, "key set: no key for RS256, ES256 or EdDSA in it");
  return out;
}

std::vector<const NamedKey*> KeySet::candidates(const Jwt& token) const {
  std::vector<const NamedKey*> out;
  for (const NamedKey& key : keys_) {
    if (algorithm_of(key.key.kind()) != token.algorithm) continue;
    if (!token.key_id.empty() && key.id != token.key_id) continue;
    out.push_back(&key);
  }
  return out;
}

}  // namespace hauspost::auth
