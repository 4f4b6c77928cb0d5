// Which of several certificates a client is shown: the one for the name it asks for (SNI, RFC 6066
// section 3), and of those the one whose key it can check. Private to base/tls.
#pragma once

#include <openssl/ssl.h>

#include <string>
#include <vector>

namespace hauspost::tls {

struct CertificateOption {
  bssl::UniquePtr<SSL_CTX> context;
  std::vector<std::string> names;
  bool ecdsa = false;
  bool self_issued = false;
};

// What a ClientHello says that matters here.
struct ClientWish {
  std::string_view server_name;  // empty: none
  bool takes_ecdsa = true;
};

// The index of the option to use; 0, the default, when no name fits. An exact name comes before a
// wildcard, and when only the default is left, others for the same names count with it. What an
// authority has issued comes before what is signed by itself, also in the default's place when it is
// for the default's first name. REQUIRES: options is not empty.
std::size_t choose(const std::vector<CertificateOption>& options, const ClientWish& wish);

// Connections of `first` use one of `options` from then on; options[0] holds another reference to
// `first` itself, or none. False: no memory.
bool offer_certificates(SSL_CTX* first, std::vector<CertificateOption> options);

// The callback of server contexts: also answers those who want a proof (acme_challenge.h).
ssl_select_cert_result_t select_certificate(const SSL_CLIENT_HELLO* hello);

}  // namespace hauspost::tls
