// What ties a login to this TLS connection and no other.
#include <openssl/evp.h>
#include <openssl/obj.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/tls/tls_stream.h"

namespace hauspost::tls {

namespace {

constexpr std::string_view kExporterLabel = "EXPORTER-Channel-Binding";  // RFC 9266 section 3
constexpr std::size_t kExporterBytes = 32;

// The hash of the certificate's signature, SHA-256 in place of MD5 and SHA-1; null where the
// signature has none of its own (RFC 5929 section 4.1).
const EVP_MD* hash_of(const X509* certificate) {
  int digest = NID_undef;
  if (OBJ_find_sigid_algs(X509_get_signature_nid(certificate), &digest, nullptr) != 1)
    return nullptr;
  if (digest == NID_undef) return nullptr;
  if (digest == NID_md5 || digest == NID_sha1) return EVP_sha256();
  return EVP_get_digestbynid(digest);
}

}  // namespace

bool TlsStream::can_bind_channel() const {
  // RFC 9266 section 4.2: the master secret must be bound to its handshake.
  return SSL_version(ssl_.get()) == TLS1_3_VERSION || SSL_get_extms_support(ssl_.get()) == 1;
}

std::string TlsStream::exporter_binding() const {
  if (!can_bind_channel()) return {};
  std::string out(kExporterBytes, '\0');
  if (SSL_export_keying_material(ssl_.get(), reinterpret_cast<std::uint8_t*>(out.data()),
                                 out.size(), kExporterLabel.data(), kExporterLabel.size(), nullptr,
                                 0, 0) != 1) {
    return {};
  }
  return out;
}

std::string TlsStream::endpoint_binding() const {
  const X509* certificate = SSL_get_certificate(ssl_.get());
  if (certificate == nullptr) return {};
  const EVP_MD* const digest = hash_of(certificate);
  if (digest == nullptr) return {};
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned length = 0;
  if (X509_digest(certificate, digest, reinterpret_cast<std::uint8_t*>(out.data()), &length) != 1)
    return {};
  out.resize(length);
  return out;
}

}  // namespace hauspost::tls
