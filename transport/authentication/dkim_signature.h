// The DKIM-Signature field (RFC 6376 section 3.5) and its cousins of ARC, as values.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "transport/authentication/canonical.h"

namespace hauspost::mailauth {

inline constexpr std::size_t kSignatureFieldBytesMax = 16 * 1024;
inline constexpr std::size_t kSignedNamesMax = 256;

enum class Algorithm : std::uint8_t { kRsaSha256, kEd25519Sha256 };
std::string_view to_string(Algorithm algorithm);  // "rsa-sha256"

struct DkimSignature {
  Algorithm algorithm = Algorithm::kRsaSha256;
  std::string signature;  // octets
  std::string body_hash;  // octets
  Canonical header_form = Canonical::kSimple;
  Canonical body_form = Canonical::kSimple;
  std::string domain;  // lower case
  std::string selector;
  std::string identity;              // of i=, as it stands; empty: not given
  std::string identity_domain;       // lower case; `domain` when not given
  std::vector<std::string> headers;  // lower case, in order
  std::optional<std::uint64_t> length;
  std::optional<std::int64_t> signed_s;  // Unix time
  std::optional<std::int64_t> expires_s;
};

// Which field it is: ARC-Message-Signature has no version and another meaning of i=.
enum class SignatureField : std::uint8_t { kDkim, kArcMessage };

// `value` is what stands behind the colon. The error says what is wrong, in a word or two.
std::expected<DkimSignature, std::string> parse_signature(std::string_view value,
                                                          SignatureField field);

// The field without the value of its b= tag and without its last line end: how it is signed
// (section 3.7).
std::string without_signature(std::string_view field);

// A key record in the DNS (section 3.6.1).
struct KeyRecord {
  Algorithm algorithm = Algorithm::kRsaSha256;
  std::string key;     // octets; empty: revoked
  bool sha256 = true;  // h= allows it
  bool email = true;   // s= allows it
  bool testing = false;
  bool strict = false;  // t=s: the domain of i= is d= itself
};
std::expected<KeyRecord, std::string> parse_key_record(std::string_view text);

// Labels of letters, digits, "-" and "_", at most 63 each and 253 together.
bool is_dns_name(std::string_view name);
// `name` is `domain` or below it. Both in lower case.
bool is_below(std::string_view name, std::string_view domain);

}  // namespace hauspost::mailauth
