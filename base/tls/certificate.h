// Self-signed certificates: what a fresh installation shows until the administrator brings a real
// one.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"

namespace hauspost::tls {

struct SelfSignedRequest {
  std::string host_name;                 // common name and first DNS name
  std::vector<std::string> other_names;  // further DNS names, for instance "autoconfig.example.org"
  std::vector<std::string> addresses;    // textual IPv4 and IPv6 addresses
  std::chrono::days valid_for{3650};     // from one day before `now`, so that slow clocks take it
  WallTime now = system_clock().now();
  bool rsa = false;  // a key of RSA 2048 instead of ECDSA P-256; takes some hundred milliseconds
};

struct CertificatePair {
  std::string certificate_pem;
  Secret key_pem;  // PKCS #8, not encrypted
};

// A certificate for serverAuth (RFC 5280), signed by its own key, not a CA. kInvalid: a name that
// is not a host name, or an address that does not parse. Takes about a millisecond; any thread.
Result<CertificatePair> make_self_signed(const SelfSignedRequest& request);

}  // namespace hauspost::tls
