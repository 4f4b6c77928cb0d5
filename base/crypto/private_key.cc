#include "base/crypto/private_key.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/bytestring.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/check.h"

namespace hauspost::crypto {

namespace {

constexpr int kUsableRsaBitsLeast = 1024;  // RFC 8301 section 3.2: of keys that exist already
constexpr std::size_t kEd25519Bytes = 32;

const std::uint8_t* octets(std::string_view bytes) {
  return reinterpret_cast<const std::uint8_t*>(bytes.data());
}

std::string taken(std::uint8_t* bytes, std::size_t count) {
  const bssl::UniquePtr<std::uint8_t> owner(bytes);
  return std::string(reinterpret_cast<const char*>(bytes), count);
}

}  // namespace

Result<PrivateKey> PrivateKey::wrap(evp_pkey_st* key) {
  std::shared_ptr<evp_pkey_st> owner(key, EVP_PKEY_free);
  ERR_clear_error();
  if (key == nullptr) return fail(ErrorCode::kInvalid, "not a private key");
  const int type = EVP_PKEY_id(key);
  if (type == EVP_PKEY_ED25519) return PrivateKey(SignatureKind::kEd25519, std::move(owner));
  if (type != EVP_PKEY_RSA) return fail(ErrorCode::kInvalid, "neither an RSA nor an Ed25519 key");
  const int bits = EVP_PKEY_bits(key);
  if (bits < kUsableRsaBitsLeast || bits > static_cast<int>(kRsaBitsMost)) {
    return fail(ErrorCode::kInvalid, fmt::format("an RSA key of {} bits; {} to {} can be used",
                                                 bits, kUsableRsaBitsLeast, kRsaBitsMost));
  }
  return PrivateKey(SignatureKind::kRsaSha256, std::move(owner));
}

Result<PrivateKey> PrivateKey::make_rsa(unsigned bits) {
  if (bits < kRsaBitsLeast || bits > kRsaBitsMost) {
    return fail(ErrorCode::kInvalid,
                fmt::format("{} bits: must be from {} to {}", bits, kRsaBitsLeast, kRsaBitsMost));
  }
  bssl::UniquePtr<BIGNUM> exponent(BN_new());
  bssl::UniquePtr<RSA> rsa(RSA_new());
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  HP_CHECK(exponent && rsa && key && BN_set_word(exponent.get(), RSA_F4) == 1);
  if (RSA_generate_key_ex(rsa.get(), static_cast<int>(bits), exponent.get(), nullptr) != 1 ||
      EVP_PKEY_set1_RSA(key.get(), rsa.get()) != 1) {
    return fail(ErrorCode::kInternal, "the library made no RSA key");
  }
  return wrap(key.release());
}

Result<PrivateKey> PrivateKey::make_ed25519() {
  bssl::UniquePtr<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, nullptr));
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_keygen_init(context.get()) != 1 ||
      EVP_PKEY_keygen(context.get(), &key) != 1) {
    return fail(ErrorCode::kInternal, "the library made no Ed25519 key");
  }
  return wrap(key);
}

Result<PrivateKey> PrivateKey::from_pkcs8(std::string_view der) {
  CBS bytes;
  CBS_init(&bytes, octets(der), der.size());
  EVP_PKEY* key = EVP_parse_private_key(&bytes);
  if (key != nullptr && CBS_len(&bytes) != 0) {
    EVP_PKEY_free(key);
    key = nullptr;
  }
  return wrap(key);
}

Result<PrivateKey> PrivateKey::from_pem(std::string_view pem) {
  bssl::UniquePtr<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  HP_CHECK(bio != nullptr);
  // Without a callback that knows no password the library would ask on the terminal.
  const auto no_password = +[](char*, int, int, void*) { return -1; };
  return wrap(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
}

unsigned PrivateKey::bits() const { return static_cast<unsigned>(EVP_PKEY_bits(key_.get())); }

std::string PrivateKey::to_pkcs8() const {
  bssl::ScopedCBB out;
  std::uint8_t* bytes = nullptr;
  std::size_t count = 0;
  HP_CHECK(CBB_init(out.get(), 0) == 1 && EVP_marshal_private_key(out.get(), key_.get()) == 1 &&
           CBB_finish(out.get(), &bytes, &count) == 1);
  return taken(bytes, count);
}

std::string PrivateKey::public_bytes() const {
  if (kind_ == SignatureKind::kEd25519) {
    std::string raw(kEd25519Bytes, '\0');
    std::size_t count = raw.size();
    HP_CHECK(EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<std::uint8_t*>(raw.data()),
                                         &count) == 1);
    return raw;
  }
  bssl::ScopedCBB out;
  std::uint8_t* bytes = nullptr;
  std::size_t count = 0;
  HP_CHECK(CBB_init(out.get(), 0) == 1 && EVP_marshal_public_key(out.get(), key_.get()) == 1 &&
           CBB_finish(out.get(), &bytes, &count) == 1);
  return taken(bytes, count);
}

std::string PrivateKey::sign(std::string_view message) const {
  const EVP_MD* digest = kind_ == SignatureKind::kEd25519 ? nullptr : EVP_sha256();
  bssl::ScopedEVP_MD_CTX context;
  std::size_t count = 0;
  HP_CHECK(EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key_.get()) == 1);
  HP_CHECK(EVP_DigestSign(context.get(), nullptr, &count, octets(message), message.size()) == 1);
  std::string out(count, '\0');
  HP_CHECK(EVP_DigestSign(context.get(), reinterpret_cast<std::uint8_t*>(out.data()), &count,
                          octets(message), message.size()) == 1);
  out.resize(count);
  return out;
}

}  // namespace hauspost::crypto
