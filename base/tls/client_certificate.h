// Certificates of clients. Private to base/tls; what a client's says is TlsStream's to tell.
#pragma once

#include <openssl/ssl.h>

#include <string_view>

#include "base/result.h"

namespace hauspost::tls {

// Makes a server's context ask each client for a certificate of an authority in `roots_pem`. A
// client that has none, or one that does not verify, is served all the same: see
// TlsStream::verified_names(). kInvalid: no certificate in it.
Result<> ask_for_certificates(SSL_CTX* context, std::string_view roots_pem);

}  // namespace hauspost::tls
