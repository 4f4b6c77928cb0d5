#include "base/crypto/public_key.h"

#include <openssl/bn.h>
#include <openssl/bytestring.h>
#include <openssl/digest.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/rsa.h>

namespace hauspost::crypto {

namespace {

constexpr unsigned kRsaBitsLeast = 2048;  // RFC 7518 section 3.3
constexpr unsigned kRsaBitsMost = 8192;   // a check of more would be work for an attacker
constexpr std::size_t kP256Bytes = 32;
constexpr std::size_t kEd25519Bytes = 32;

const std::uint8_t* octets(std::string_view bytes) {
  return reinterpret_cast<const std::uint8_t*>(bytes.data());
}

bssl::UniquePtr<BIGNUM> number(std::string_view bytes) {
  return bssl::UniquePtr<BIGNUM>(BN_bin2bn(octets(bytes), bytes.size(), nullptr));
}

std::unexpected<Error> no_key(std::string text) {
  ERR_clear_error();
  return fail(ErrorCode::kInvalid, std::move(text));
}

std::shared_ptr<EVP_PKEY> shared(bssl::UniquePtr<EVP_PKEY> key) {
  return std::shared_ptr<EVP_PKEY>(key.release(), [](EVP_PKEY* owned) { EVP_PKEY_free(owned); });
}

// JOSE writes r and s one behind the other; the library wants them as ASN.1.
std::string ecdsa_asn1(std::string_view signature) {
  if (signature.size() != 2 * kP256Bytes) return {};
  bssl::UniquePtr<ECDSA_SIG> pair(ECDSA_SIG_new());
  auto r = number(signature.substr(0, kP256Bytes));
  auto s = number(signature.substr(kP256Bytes));
  if (!pair || !r || !s || ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1) return {};
  [[maybe_unused]] const auto* kept_r = r.release();  // the pair owns both now
  [[maybe_unused]] const auto* kept_s = s.release();
  std::uint8_t* bytes = nullptr;
  std::size_t count = 0;
  if (ECDSA_SIG_to_bytes(&bytes, &count, pair.get()) != 1) return {};
  const bssl::UniquePtr<std::uint8_t> owner(bytes);
  return std::string(reinterpret_cast<const char*>(bytes), count);
}

}  // namespace

Result<PublicKey> PublicKey::rsa(std::string_view modulus, std::string_view exponent) {
  while (modulus.starts_with('\0')) modulus.remove_prefix(1);
  if (modulus.size() > kRsaBitsMost / 8 || exponent.size() > 8)
    return no_key("RSA key of more than 8192 bits");
  auto n = number(modulus);
  auto e = number(exponent);
  bssl::UniquePtr<RSA> rsa(RSA_new());
  if (!n || !e || !rsa || RSA_set0_key(rsa.get(), n.get(), e.get(), nullptr) != 1)
    return no_key("not an RSA key");
  [[maybe_unused]] const auto* kept_n = n.release();  // the key owns both now
  [[maybe_unused]] const auto* kept_e = e.release();
  if (RSA_bits(rsa.get()) < kRsaBitsLeast) return no_key("RSA key of fewer than 2048 bits");
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  if (!key || RSA_check_key(rsa.get()) != 1 || EVP_PKEY_set1_RSA(key.get(), rsa.get()) != 1)
    return no_key("not an RSA key");
  return PublicKey(SignatureKind::kRsaSha256, shared(std::move(key)));
}

Result<PublicKey> PublicKey::rsa_from_der(std::string_view der, unsigned bits_least) {
  constexpr unsigned kBitsMost = 4096;
  CBS bytes;
  CBS_init(&bytes, octets(der), der.size());
  bssl::UniquePtr<EVP_PKEY> key(EVP_parse_public_key(&bytes));
  if (!key) {
    CBS_init(&bytes, octets(der), der.size());
    const bssl::UniquePtr<RSA> rsa(RSA_parse_public_key(&bytes));
    key.reset(EVP_PKEY_new());
    if (!rsa || !key || EVP_PKEY_set1_RSA(key.get(), rsa.get()) != 1) key.reset();
  }
  ERR_clear_error();
  if (!key || CBS_len(&bytes) != 0 || EVP_PKEY_id(key.get()) != EVP_PKEY_RSA)
    return no_key("not an RSA key");
  const auto bits = static_cast<unsigned>(EVP_PKEY_bits(key.get()));
  if (bits < bits_least) return no_key("an RSA key that is too short");
  if (bits > kBitsMost) return no_key("an RSA key of more than 4096 bits");
  return PublicKey(SignatureKind::kRsaSha256, shared(std::move(key)));
}

Result<PublicKey> PublicKey::p256(std::string_view x, std::string_view y) {
  if (x.size() != kP256Bytes || y.size() != kP256Bytes)
    return no_key("a P-256 key has coordinates of 32 octets");
  const auto x_number = number(x);
  const auto y_number = number(y);
  bssl::UniquePtr<EC_KEY> point(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  if (!x_number || !y_number || !point || !key ||
      EC_KEY_set_public_key_affine_coordinates(point.get(), x_number.get(), y_number.get()) != 1 ||
      EVP_PKEY_set1_EC_KEY(key.get(), point.get()) != 1) {
    return no_key("not a point of P-256");
  }
  return PublicKey(SignatureKind::kEcdsaP256, shared(std::move(key)));
}

Result<PublicKey> PublicKey::ed25519(std::string_view bytes) {
  if (bytes.size() != kEd25519Bytes) return no_key("an Ed25519 key has 32 octets");
  bssl::UniquePtr<EVP_PKEY> key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, octets(bytes), bytes.size()));
  if (!key) return no_key("not an Ed25519 key");
  return PublicKey(SignatureKind::kEd25519, shared(std::move(key)));
}

bool PublicKey::verifies(std::string_view message, std::string_view signature) const {
  std::string asn1;
  if (kind_ == SignatureKind::kEcdsaP256) {
    asn1 = ecdsa_asn1(signature);
    signature = asn1;
  }
  const EVP_MD* digest = kind_ == SignatureKind::kEd25519 ? nullptr : EVP_sha256();
  bssl::ScopedEVP_MD_CTX context;
  const bool good =
      !signature.empty() &&
      EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key_.get()) == 1 &&
      EVP_DigestVerify(context.get(), octets(signature), signature.size(), octets(message),
                       message.size()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace hauspost::crypto
