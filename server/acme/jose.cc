#include "server/acme/jose.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/crypto/mac.h"
#include "base/text.h"

namespace hauspost::acme {

namespace {

using Json = nlohmann::ordered_json;

std::string flattened(std::string_view protected_header, std::string_view payload,
                      const auto& sign) {
  const std::string header = base64url(protected_header);
  const std::string body = base64url(payload);
  return Json{
      {"protected", header}, {"payload", body}, {"signature", base64url(sign(header + "." + body))}}
      .dump();
}

}  // namespace

std::string base64url(std::string_view bytes) {
  std::string text = base64_encode(bytes);
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) {
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  return text;
}

std::string jwk(const crypto::P256Key& key) {
  return fmt::format(R"({{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}})", base64url(key.x()),
                     base64url(key.y()));
}

std::string thumbprint(std::string_view canonical_jwk) {
  return base64url(crypto::hash(crypto::Digest::kSha256, canonical_jwk));
}

std::string signed_request(const crypto::P256Key& key, const Signing& signing,
                           std::string_view payload) {
  Json header{{"alg", "ES256"}, {"nonce", signing.nonce}, {"url", signing.url}};
  if (signing.account.empty())
    header["jwk"] = Json::parse(jwk(key));
  else
    header["kid"] = signing.account;
  return flattened(header.dump(), payload,
                   [&](const std::string& input) { return key.sign(input); });
}

std::string external_binding(const crypto::P256Key& key, std::string_view kid,
                             std::string_view hmac_key, std::string_view new_account_url) {
  const Json header{{"alg", "HS256"}, {"kid", kid}, {"url", new_account_url}};
  return flattened(header.dump(), jwk(key), [&](const std::string& input) {
    return crypto::hmac(crypto::Digest::kSha256, hmac_key, input);
  });
}

std::string key_authorization(std::string_view token, const crypto::P256Key& key) {
  return std::string(token) + "." + thumbprint(jwk(key));
}

}  // namespace hauspost::acme
