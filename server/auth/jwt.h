// JSON Web Tokens (RFC 7519) in their compact form (RFC 7515 section 7.1), and the keys that sign
// them (RFC 7517). Pure: bytes in, claims out; nothing here decides who somebody is.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto/public_key.h"
#include "base/result.h"

namespace hauspost::auth {

inline constexpr std::size_t kTokenMax = 8 * 1024;     // octets of a whole token
inline constexpr std::size_t kKeySetMax = 256 * 1024;  // octets of a JSON Web Key Set
inline constexpr std::size_t kKeysMax = 64;            // of one set; further ones are refused

struct Jwt {
  std::string algorithm;         // "alg"
  std::string key_id;            // "kid"; empty: none
  std::string_view signed_part;  // what the signature covers; points into the token
  std::string signature;

  // Claims that have a meaning here; what is absent is nullopt or empty.
  std::string issuer;
  std::vector<std::string> audience;
  std::optional<std::chrono::sys_seconds> expires;
  std::optional<std::chrono::sys_seconds> not_before;
  std::optional<std::chrono::sys_seconds> issued;
  std::vector<std::string> scopes;  // of "scope" (RFC 8693 section 4.2) or "scp"
  std::string name;                 // of the claim that was asked for
  std::optional<bool> email_verified;
};

// Reads without believing: the signature is not checked. `name_claim` is the claim that names the
// user. kInvalid: too long, not three parts of base64url, not JSON objects, a claim of a wrong
// type, or "crit" (RFC 7515 section 4.1.11: we understand no extension). The text says which and
// never repeats the token. REQUIRES: `token` outlives the result.
Result<Jwt> parse_jwt(std::string_view token, std::string_view name_claim);

// The name of the algorithm that a key of this kind signs with: "RS256", "ES256", "EdDSA".
std::string_view algorithm_of(crypto::SignatureKind kind);

struct NamedKey {
  std::string id;  // "kid"; empty: none
  crypto::PublicKey key;
};

class KeySet {
 public:
  // kInvalid: not a JWK Set, or not one key in it that can be used. Keys of other kinds, for other
  // uses than signatures, or malformed, are passed over (RFC 7517 section 5).
  static Result<KeySet> parse(std::string_view json);

  // The keys that may have signed `token`: those of its algorithm with its key id, or, when it
  // names none, all of its algorithm.
  std::vector<const NamedKey*> candidates(const Jwt& token) const;
  std::size_t size() const { return keys_.size(); }

 private:
  std::vector<NamedKey> keys_;
};

// RFC 4648 section 5 without padding, strict. nullopt for anything else.
std::optional<std::string> base64url_decode(std::string_view text);

}  // namespace hauspost::auth
