// Private keys of ours, for signing: RSA (PKCS #1 v1.5 with SHA-256) and Ed25519.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/crypto/public_key.h"

namespace hauspost::crypto {

// Immutable; any thread may use it. Never logged: what it holds leaves it by to_pkcs8() alone.
class PrivateKey {
 public:
  static constexpr unsigned kRsaBitsLeast = 2048;
  static constexpr unsigned kRsaBitsMost = 4096;

  // Blocks, up to seconds for 4096 bits. kInvalid: `bits` out of range.
  static Result<PrivateKey> make_rsa(unsigned bits);
  static Result<PrivateKey> make_ed25519();
  // DER of RFC 5958. kInvalid: no such key, or RSA of fewer than 1024 or more than 4096 bits.
  static Result<PrivateKey> from_pkcs8(std::string_view der);
  // PEM, "PRIVATE KEY" or "RSA PRIVATE KEY", without a password.
  static Result<PrivateKey> from_pem(std::string_view pem);

  SignatureKind kind() const { return kind_; }
  unsigned bits() const;
  std::string to_pkcs8() const;
  // SubjectPublicKeyInfo in DER (RSA), the 32 octets (Ed25519).
  std::string public_bytes() const;
  std::string sign(std::string_view message) const;

 private:
  PrivateKey(SignatureKind kind, std::shared_ptr<evp_pkey_st> key)
      : kind_(kind), key_(std::move(key)) {}
  static Result<PrivateKey> wrap(evp_pkey_st* key);

  SignatureKind kind_;
  std::shared_ptr<evp_pkey_st> key_;  // shared by copies; never changed
};

}  // namespace hauspost::crypto
