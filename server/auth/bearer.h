// BearerCheck: whether a bearer token of the configured issuer names somebody.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "server/auth/jwt.h"

namespace hauspost::auth {

struct BearerSettings {
  std::string issuer;                  // must equal "iss"
  std::vector<std::string> audiences;  // one of them must stand in "aud"
  std::string jwks_file;               // of the issuer's keys; this or the next
  std::string jwks_url;                // https, or http on loopback
  std::string jwks_ca_file;            // trusted for jwks_url; empty: the system's
  std::string claim = "email";         // names the mailbox
  std::string scope;                   // must be granted; empty: none is asked for
  std::chrono::seconds leeway{60};     // of clocks that differ
  std::string openid_configuration;    // URL told to clients that were refused; may be empty

  bool enabled() const { return !issuer.empty(); }
};

// Why a token is refused; for the log alone.
struct BearerVerdict {
  std::string name;          // what the claim says; empty: refused
  std::string reason;        // "expired", "unknown_key", ...; empty: accepted
  bool unknown_key = false;  // a fresher key set may know it
};

// Pure. Checks in this order: grammar, algorithm and key, signature, issuer, audience, times,
// scope, name. A token without "exp" is refused: it would be good for ever. So is an address that
// its issuer says is not verified.
BearerVerdict check_bearer(const BearerSettings& settings, const KeySet& keys,
                           std::string_view token, WallTime now);

// The JSON that RFC 7628 section 3.2.2 asks for when a token is refused. The same for every cause.
std::string bearer_error_json(const BearerSettings& settings);

}  // namespace hauspost::auth
