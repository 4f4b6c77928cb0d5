// What an operator wants to know of a certificate.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace hauspost::tls {

struct CertificateFacts {
  std::string subject;             // "CN=mail.example.org"; other parts in the order they stand
  std::string issuer;              // likewise
  std::vector<std::string> names;  // DNS names and addresses it is good for, lower case
  std::chrono::sys_seconds not_before;
  std::chrono::sys_seconds not_after;
  std::string key;          // "ECDSA P-256", "RSA 2048", "Ed25519"
  std::string fingerprint;  // SHA-256 of its DER form, lower-case hex
  bool self_issued = false;
};

// Of the first certificate in PEM text. kInvalid: there is none, or it does not parse.
Result<CertificateFacts> certificate_facts(std::string_view pem);

// RFC 9525 section 6.3: `pattern` is `name`, or "*" stands for exactly its first label. Without
// regard to case.
bool name_matches(std::string_view pattern, std::string_view name);

}  // namespace hauspost::tls
