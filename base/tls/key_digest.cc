#include "base/tls/key_digest.h"

#include <openssl/mem.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include "base/text.h"
#include "base/tls/handles.h"

namespace hauspost::tls {

Result<std::string> key_digest(std::string_view pem) {
  const bssl::UniquePtr<BIO> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const bssl::UniquePtr<X509> certificate(
      bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr);
  if (!certificate) return fail(library_error(ErrorCode::kInvalid, "certificate"));
  const bssl::UniquePtr<EVP_PKEY> key(X509_get_pubkey(certificate.get()));
  if (!key) return fail(library_error(ErrorCode::kInvalid, "key of the certificate"));
  uint8_t* encoded = nullptr;
  const int size = i2d_PUBKEY(key.get(), &encoded);
  const bssl::UniquePtr<uint8_t> owner(encoded);
  if (size <= 0) return fail(library_error(ErrorCode::kInvalid, "key of the certificate"));
  uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA256(encoded, static_cast<std::size_t>(size), digest);
  return to_hex({reinterpret_cast<const char*>(digest), sizeof digest});
}

}  // namespace hauspost::tls
