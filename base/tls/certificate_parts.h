// What certificates and requests for them are put together from. Private to base/tls.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace hauspost::tls {

// Null: the library made none; its error queue says why.
bssl::UniquePtr<EVP_PKEY> make_rsa_key();  // 2048 bits: some hundred milliseconds
bssl::UniquePtr<EVP_PKEY> make_p256_key();

// subjectAltName of RFC 5280 section 4.2.1.6. kInvalid: a name that is not a host name, or an
// address that does not parse.
Result<bssl::UniquePtr<GENERAL_NAMES>> alternative_names(const std::vector<std::string>& hosts,
                                                         const std::vector<std::string>& addresses);

// `value` is one of our own constants, never a name from outside.
bool add_extension(X509* certificate, int nid, const char* value);
bool set_random_serial(X509* certificate);
// Subject and issuer: a common name, cut where it is too long for one.
bool set_self_issued(X509* certificate, const std::string& common_name);
// From one day before `now`, so that slow clocks take it.
bool set_validity(X509* certificate, WallTime now, std::chrono::days valid_for);
// PKCS #8 in PEM, not encrypted; empty: no memory.
std::string key_pem(EVP_PKEY* key);
std::string bio_text(BIO* bio);

}  // namespace hauspost::tls
