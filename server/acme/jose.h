// What ACME requests are signed with: JSON Web Signatures (RFC 7515) with ES256, keys as JWK
// (RFC 7517), their thumbprints (RFC 7638), and the binding to an account elsewhere (RFC 8555
// section 7.3.4).
#pragma once

#include <string>
#include <string_view>

#include "base/crypto/p256_key.h"

namespace hauspost::acme {

std::string base64url(std::string_view bytes);  // RFC 7515 section 2: without padding

// Members in the order of RFC 7638 section 3.2, no spaces: also what is hashed for the thumbprint.
std::string jwk(const crypto::P256Key& key);
// SHA-256 in base64url of a JWK in that form.
std::string thumbprint(std::string_view canonical_jwk);

// What a request says of itself, signed (RFC 8555 section 6.2).
struct Signing {
  std::string url;
  std::string nonce;
  std::string account;  // its URL, "kid"; empty: the key itself goes along, "jwk"
};
// Flattened JSON serialisation. `payload` empty: POST-as-GET (section 6.3).
std::string signed_request(const crypto::P256Key& key, const Signing& signing,
                           std::string_view payload);

// The value of externalAccountBinding: the key's JWK under HMAC-SHA-256 with `hmac_key`.
std::string external_binding(const crypto::P256Key& key, std::string_view kid,
                             std::string_view hmac_key, std::string_view new_account_url);

// RFC 8555 section 8.1.
std::string key_authorization(std::string_view token, const crypto::P256Key& key);

}  // namespace hauspost::acme
