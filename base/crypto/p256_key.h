// A private key on P-256 for the signatures of JOSE: "ES256" of RFC 7518 section 3.4.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/log.h"
#include "base/result.h"

struct ec_key_st;

namespace hauspost::crypto {

// Immutable; any thread may use it. Never logged.
class P256Key {
 public:
  static constexpr std::size_t kOctets = 32;  // of a number on the curve

  static Result<P256Key> make();
  // PEM, "PRIVATE KEY" or "EC PRIVATE KEY", without a password. kInvalid: anything else.
  static Result<P256Key> from_pem(std::string_view pem);
  // The secret number, 32 octets, big-endian. kInvalid: out of range.
  static Result<P256Key> from_number(std::string_view number);

  Secret to_pem() const;  // PKCS #8
  // Coordinates of the public key, 32 octets each.
  std::string x() const;
  std::string y() const;
  // r and s of 32 octets each, over SHA-256. Another one each time.
  std::string sign(std::string_view message) const;

 private:
  explicit P256Key(std::shared_ptr<ec_key_st> key) : key_(std::move(key)) {}
  std::string coordinate(bool second) const;

  std::shared_ptr<ec_key_st> key_;  // shared by copies; never changed
};

}  // namespace hauspost::crypto
