// Application-Layer Protocol Negotiation (RFC 7301). Private to base/tls.
#pragma once

#include <openssl/ssl.h>

#include <string_view>

namespace hauspost::tls {

// The one protocol a server connection speaks; kept with the connection. Empty: mail submission and
// transfer have no registered name, whatever a client offers is passed over. `protocol` must
// outlive the connection.
bool set_alpn(SSL* ssl, const std::string_view* protocol);

// The callback of server contexts: takes the connection's protocol when it is offered, and answers
// with the alert no_application_protocol when only others are (RFC 7301 section 3.2).
int select_alpn(SSL* ssl, const std::uint8_t** chosen, std::uint8_t* chosen_bytes,
                const std::uint8_t* offered, unsigned offered_bytes, void*);

}  // namespace hauspost::tls
