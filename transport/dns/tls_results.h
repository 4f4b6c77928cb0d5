// TlsResults: what became of TLS on connections to other mail servers, for reports by RFC 8460.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hauspost::dns {

// The policy that a session was held to, as RFC 8460 section 4.4 wants it told.
struct PolicyFacts {
  enum class Kind : std::uint8_t { kNone, kTlsa, kSts };
  Kind kind = Kind::kNone;
  std::string domain;                // of the policy: recipient domain (STS), TLSA base (DANE)
  std::vector<std::string> strings;  // lines of the STS policy; TLSA records as text
  std::vector<std::string> hosts;    // mx patterns of the STS policy
};

// RFC 8460 section 4.3.
enum class TlsFailure : std::uint8_t {
  kNone,  // TLS as the policy asks for it
  kStarttlsNotSupported,
  kCertificateHostMismatch,
  kCertificateExpired,
  kCertificateNotTrusted,
  kValidationFailure,
  kTlsaInvalid,
  kDnssecInvalid,
  kDaneRequired,
  kStsPolicyFetchError,
  kStsPolicyInvalid,
  kStsWebpkiInvalid,
};
std::string_view to_string(TlsFailure failure);  // "starttls-not-supported"

struct TlsResult {
  std::string_view recipient_domain;  // whose _smtp._tls record says where reports go
  const PolicyFacts& policy;
  TlsFailure failure = TlsFailure::kNone;
  std::string_view sending_address;    // IP; may be empty
  std::string_view receiving_host;     // MX host name
  std::string_view receiving_address;  // IP
  std::string_view receiving_helo;     // of its banner or EHLO reply; may be empty
  std::string_view detail;             // failure-reason-code; may be empty
};

// REQUIRES: one thread. Costs no system call; never fails the caller.
class TlsResults {
 public:
  virtual ~TlsResults() = default;
  virtual void record(const TlsResult& result) = 0;
};

// Keeps nothing.
TlsResults& no_tls_results();

}  // namespace hauspost::dns
