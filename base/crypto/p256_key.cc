#include "base/crypto/p256_key.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/pem.h>

#include "base/check.h"
#include "base/crypto/mac.h"

namespace hauspost::crypto {

namespace {

std::shared_ptr<EC_KEY> shared_key(EC_KEY* key) {
  return std::shared_ptr<EC_KEY>(key, [](EC_KEY* owned) { EC_KEY_free(owned); });
}

std::unexpected<Error> no_key(std::string text) {
  ERR_clear_error();
  return fail(ErrorCode::kInvalid, std::move(text));
}

std::string padded(const BIGNUM* number) {
  std::string out(P256Key::kOctets, '\0');
  HP_CHECK(BN_bn2bin_padded(reinterpret_cast<std::uint8_t*>(out.data()), out.size(), number) == 1);
  return out;
}

}  // namespace

Result<P256Key> P256Key::make() {
  auto key = shared_key(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
  if (!key || EC_KEY_generate_key(key.get()) != 1)
    return fail(ErrorCode::kInternal, "the library made no P-256 key");
  return P256Key(std::move(key));
}

Result<P256Key> P256Key::from_pem(std::string_view pem) {
  const bssl::UniquePtr<BIO> in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  // Without a callback that knows no password the library would ask on the terminal.
  const auto no_password = +[](char*, int, int, void*) { return -1; };
  const bssl::UniquePtr<EVP_PKEY> key(
      in ? PEM_read_bio_PrivateKey(in.get(), nullptr, no_password, nullptr) : nullptr);
  auto curve_key = shared_key(key ? EVP_PKEY_get1_EC_KEY(key.get()) : nullptr);
  if (!curve_key) return no_key("not a private key on P-256");
  if (EC_GROUP_get_curve_name(EC_KEY_get0_group(curve_key.get())) != NID_X9_62_prime256v1)
    return no_key("a private key on another curve than P-256");
  return P256Key(std::move(curve_key));
}

Result<P256Key> P256Key::from_number(std::string_view number) {
  auto key = shared_key(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
  const bssl::UniquePtr<BIGNUM> secret(
      BN_bin2bn(reinterpret_cast<const std::uint8_t*>(number.data()), number.size(), nullptr));
  if (!key || !secret || number.size() != kOctets ||
      EC_KEY_set_private_key(key.get(), secret.get()) != 1) {
    return no_key("not the number of a private key on P-256");
  }
  const EC_GROUP* group = EC_KEY_get0_group(key.get());
  const bssl::UniquePtr<EC_POINT> point(EC_POINT_new(group));
  if (!point || EC_POINT_mul(group, point.get(), secret.get(), nullptr, nullptr, nullptr) != 1 ||
      EC_KEY_set_public_key(key.get(), point.get()) != 1) {
    return no_key("not the number of a private key on P-256");
  }
  return P256Key(std::move(key));
}

Secret P256Key::to_pem() const {
  const bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  const bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
  HP_CHECK(key && out && EVP_PKEY_set1_EC_KEY(key.get(), key_.get()) == 1);
  HP_CHECK(PEM_write_bio_PKCS8PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                         nullptr) == 1);
  const std::uint8_t* bytes = nullptr;
  std::size_t count = 0;
  HP_CHECK(BIO_mem_contents(out.get(), &bytes, &count) == 1);
  return Secret(std::string(reinterpret_cast<const char*>(bytes), count));
}

std::string P256Key::coordinate(bool second) const {
  const bssl::UniquePtr<BIGNUM> x(BN_new());
  const bssl::UniquePtr<BIGNUM> y(BN_new());
  HP_CHECK(x && y &&
           EC_POINT_get_affine_coordinates_GFp(EC_KEY_get0_group(key_.get()),
                                               EC_KEY_get0_public_key(key_.get()), x.get(), y.get(),
                                               nullptr) == 1);
  return padded(second ? y.get() : x.get());
}

std::string P256Key::x() const { return coordinate(false); }
std::string P256Key::y() const { return coordinate(true); }

std::string P256Key::sign(std::string_view message) const {
  const std::string digest = hash(Digest::kSha256, message);
  const bssl::UniquePtr<ECDSA_SIG> signature(ECDSA_do_sign(
      reinterpret_cast<const std::uint8_t*>(digest.data()), digest.size(), key_.get()));
  HP_CHECK(signature != nullptr);
  const BIGNUM* r = nullptr;
  const BIGNUM* s = nullptr;
  ECDSA_SIG_get0(signature.get(), &r, &s);
  return padded(r) + padded(s);
}

}  // namespace hauspost::crypto
