#include "base/crypto/mac.h"

#include <openssl/digest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>

#include "base/check.h"

namespace hauspost::crypto {

namespace {

const EVP_MD* library_digest(Digest digest) {
  return digest == Digest::kSha1 ? EVP_sha1() : EVP_sha256();
}

std::uint8_t* bytes_of(std::string& text) { return reinterpret_cast<std::uint8_t*>(text.data()); }
const std::uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

}  // namespace

std::size_t digest_bytes(Digest digest) { return EVP_MD_size(library_digest(digest)); }

std::string hash(Digest digest, std::string_view bytes) {
  std::string out(digest_bytes(digest), '\0');
  HP_CHECK(EVP_Digest(bytes.data(), bytes.size(), bytes_of(out), nullptr, library_digest(digest),
                      nullptr) == 1);
  return out;
}

std::string hmac(Digest digest, std::string_view key, std::string_view bytes) {
  std::string out(digest_bytes(digest), '\0');
  unsigned length = 0;
  HP_CHECK(HMAC(library_digest(digest), key.data(), key.size(), bytes_of(bytes), bytes.size(),
                bytes_of(out), &length) != nullptr);
  return out;
}

std::string pbkdf2(Digest digest, std::string_view password, std::string_view salt,
                   std::uint32_t iterations) {
  HP_CHECK(iterations > 0);
  std::string out(digest_bytes(digest), '\0');
  HP_CHECK(PKCS5_PBKDF2_HMAC(password.data(), password.size(), bytes_of(salt), salt.size(),
                             iterations, library_digest(digest), out.size(), bytes_of(out)) == 1);
  return out;
}

bool equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string exclusive_or(std::string_view a, std::string_view b) {
  HP_CHECK(a.size() == b.size());
  std::string out(a);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<char>(out[i] ^ b[i]);
  return out;
}

}  // namespace hauspost::crypto
