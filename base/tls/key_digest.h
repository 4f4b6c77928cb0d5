// What DANE publishes of a certificate's key.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace hauspost::tls {

// SHA-256, lower-case hex, of the SubjectPublicKeyInfo of the first certificate in PEM text: the
// data of a TLSA record "3 1 1" (RFC 6698 section 2.1, RFC 7671 section 5.1), which stays as long
// as the key does. kInvalid: there is none, or it does not parse.
Result<std::string> key_digest(std::string_view pem);

}  // namespace hauspost::tls
