#include "transport/dns/tls_results.h"

namespace hauspost::dns {

namespace {

class Nowhere final : public TlsResults {
 public:
  void record(const TlsResult&) override {}
};

}  // namespace

std::string_view to_string(TlsFailure failure) {
  switch (failure) {
    case TlsFailure::kNone: return "";
    case TlsFailure::kStarttlsNotSupported: return "starttls-not-supported";
    case TlsFailure::kCertificateHostMismatch: return "certificate-host-mismatch";
    case TlsFailure::kCertificateExpired: return "certificate-expired";
    case TlsFailure::kCertificateNotTrusted: return "certificate-not-trusted";
    case TlsFailure::kValidationFailure: return "validation-failure";
    case TlsFailure::kTlsaInvalid: return "tlsa-invalid";
    case TlsFailure::kDnssecInvalid: return "dnssec-invalid";
    case TlsFailure::kDaneRequired: return "dane-required";
    case TlsFailure::kStsPolicyFetchError: return "sts-policy-fetch-error";
    case TlsFailure::kStsPolicyInvalid: return "sts-policy-invalid";
    case TlsFailure::kStsWebpkiInvalid: return "sts-webpki-invalid";
  }
  return "validation-failure";
}

TlsResults& no_tls_results() {
  static Nowhere nowhere;
  return nowhere;
}

}  // namespace hauspost::dns
