// Public keys of others and what they signed: RSA (PKCS #1 v1.5), ECDSA on P-256, Ed25519.
#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"

struct evp_pkey_st;

namespace hauspost::crypto {

enum class SignatureKind {
  kRsaSha256,  // RFC 8017 section 8.2; "RS256" of RFC 7518
  kEcdsaP256,  // r and s of 32 octets each, over SHA-256; "ES256" of RFC 7518 section 3.4
  kEd25519,    // RFC 8032; "EdDSA" of RFC 8037
};

// Immutable; any thread may use it.
class PublicKey {
 public:
  // Big-endian numbers. kInvalid: fewer than 2048 or more than 8192 bits, or no key at all.
  static Result<PublicKey> rsa(std::string_view modulus, std::string_view exponent);
  // RSA in DER, as SubjectPublicKeyInfo (RFC 5280) or RSAPublicKey (RFC 8017). kInvalid: no RSA
  // key, or fewer than `bits_least` or more than 4096 bits.
  static Result<PublicKey> rsa_from_der(std::string_view der, unsigned bits_least);
  // Coordinates of 32 octets. kInvalid: the point is not on the curve.
  static Result<PublicKey> p256(std::string_view x, std::string_view y);
  // 32 octets.
  static Result<PublicKey> ed25519(std::string_view key);

  // The one kind of signature that this key makes.
  SignatureKind kind() const { return kind_; }
  // False for every signature that does not fit, malformed ones too.
  bool verifies(std::string_view message, std::string_view signature) const;

 private:
  PublicKey(SignatureKind kind, std::shared_ptr<evp_pkey_st> key)
      : kind_(kind), key_(std::move(key)) {}

  SignatureKind kind_;
  std::shared_ptr<evp_pkey_st> key_;  // shared by copies; never changed
};

}  // namespace hauspost::crypto
