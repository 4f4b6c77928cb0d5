#include "server/auth/password_hash.h"

#include <sodium.h>

#include "base/check.h"

namespace hauspost::auth {

namespace {

void initialise() {
  static const bool ready = sodium_init() >= 0;
  HP_CHECK(ready);
}

}  // namespace

Result<std::string> make_verifier(const Secret& password, HashCost cost) {
  initialise();
  char verifier[crypto_pwhash_STRBYTES];
  const std::string_view bytes = password.reveal();
  if (crypto_pwhash_str_alg(verifier, bytes.data(), bytes.size(), cost.passes,
                            static_cast<std::size_t>(cost.memory_bytes),
                            crypto_pwhash_ALG_ARGON2ID13) != 0) {
    return fail(ErrorCode::kExhausted, "no memory to hash a password");
  }
  return std::string(verifier);
}

bool matches(const std::string& verifier, const Secret& password) {
  initialise();
  const std::string_view bytes = password.reveal();
  return crypto_pwhash_str_verify(verifier.c_str(), bytes.data(), bytes.size()) == 0;
}

bool needs_rehash(const std::string& verifier, HashCost cost) {
  initialise();
  return crypto_pwhash_str_needs_rehash(verifier.c_str(), cost.passes,
                                        static_cast<std::size_t>(cost.memory_bytes)) != 0;
}

}  // namespace hauspost::auth
