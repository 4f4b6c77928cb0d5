// Certificates that the server orders by itself from an authority that speaks ACME (RFC 8555): what
// an administrator has asked for. The supervisor keeps the orders.
#pragma once

#include <string>
#include <vector>

#include "server/directory/directory.h"

namespace hauspost::directory {

class DirectoryWriter;

// How a name is proved: by a file at port 80 (RFC 8555 section 8.3), or by a certificate at port
// 443 (RFC 8737).
enum class AcmeChallenge : std::uint8_t { kHttp01, kTlsAlpn01 };
std::string_view to_string(AcmeChallenge challenge);  // "http-01", "tls-alpn-01"
std::optional<AcmeChallenge> parse_acme_challenge(std::string_view word);

struct AcmeOrder {
  std::vector<std::string> names;          // host names, lower case; the first is the order's own
  std::string directory;                   // https URL
  std::vector<std::string> contacts = {};  // mail addresses
  bool terms_agreed = false;               // of the server's terms of service
  AcmeChallenge challenge = AcmeChallenge::kHttp01;
  bool rsa = false;  // keys of RSA 2048 instead of ECDSA P-256
  std::string ca_file =
      {};  // absolute; the only authorities that the server's own certificate may be of
  std::string eab_kid = {};  // of an external account (section 7.3.4); empty: none
  bool operator==(const AcmeOrder&) const = default;

  const std::string& name() const { return names.front(); }
};

inline constexpr std::size_t kAcmeNamesMax = 100;  // of one certificate
inline constexpr std::size_t kAcmeOrdersMax = 50;
inline constexpr std::size_t kAcmeContactsMax = 5;

// kInvalid: no names, too many, twice the same, one that is no host name that a certificate can be
// ordered for this way (a wildcard, an address, one label); a directory that is no https URL;
// contacts that are no addresses; terms that are not agreed to. Names the value.
Result<> check(const AcmeOrder& order);

// kCorrupt: what is stored does not parse.
Result<std::vector<AcmeOrder>> acme_orders(const DirectoryReader& reader);
// kInvalid as check(), or two orders of the same name, or too many.
Result<> set_acme_orders(DirectoryWriter& writer, const std::vector<AcmeOrder>& orders);

}  // namespace hauspost::directory
