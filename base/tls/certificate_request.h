// What a certificate authority is asked with (PKCS #10, RFC 2986).
#pragma once

#include <string>
#include <vector>

#include "base/log.h"
#include "base/result.h"

namespace hauspost::tls {

struct CertificateRequest {
  std::string der;
  Secret key_pem;  // PKCS #8, not encrypted
};

// A request for `names`, all of them in subjectAltName and none in the subject, under a key that is
// made for it: ECDSA P-256, or RSA of 2048 bits, which takes some hundred milliseconds. kInvalid:
// no names, or one that is not a host name. Any thread.
Result<CertificateRequest> make_certificate_request(const std::vector<std::string>& names,
                                                    bool rsa);

// kInvalid unless the first certificate of `chain_pem` is of `key_pem`.
Result<> check_key_of(std::string_view chain_pem, std::string_view key_pem);

// The DER form of the first certificate. kInvalid: there is none.
Result<std::string> certificate_der(std::string_view pem);

}  // namespace hauspost::tls
