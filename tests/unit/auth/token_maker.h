// Makes keys and tokens for tests, as an issuer would.
#pragma once

#include <fmt/format.h>
#include <openssl/curve25519.h>

#include <array>
#include <string>
#include <string_view>

#include "base/text.h"

namespace hauspost::test {

inline std::string base64url(std::string_view bytes) {
  std::string out = base64_encode(bytes);
  while (out.ends_with('=')) out.pop_back();
  for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return out;
}

// One Ed25519 key.
class TokenMaker {
 public:
  explicit TokenMaker(std::string id) : id_(std::move(id)) {
    ED25519_keypair(public_.data(), private_.data());
  }
  std::string key() const {
    const std::string_view x(reinterpret_cast<const char*>(public_.data()), public_.size());
    return fmt::format(R"({{"kty":"OKP","crv":"Ed25519","kid":"{}","x":"{}"}})", id_, base64url(x));
  }
  std::string key_set() const { return fmt::format(R"({{"keys":[{}]}})", key()); }
  std::string token(std::string_view claims, std::string_view header = {}) const {
    const std::string usual = fmt::format(R"({{"alg":"EdDSA","kid":"{}"}})", id_);
    const std::string text = base64url(header.empty() ? usual : header) + "." + base64url(claims);
    std::array<std::uint8_t, 64> signature;
    ED25519_sign(signature.data(), reinterpret_cast<const std::uint8_t*>(text.data()), text.size(),
                 private_.data());
    return text + "." +
           base64url({reinterpret_cast<const char*>(signature.data()), signature.size()});
  }

 private:
  std::string id_;
  std::array<std::uint8_t, 32> public_;
  std::array<std::uint8_t, 64> private_;
};

}  // namespace hauspost::test
