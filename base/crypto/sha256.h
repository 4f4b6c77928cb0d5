// SHA-256 of bytes that come piece by piece (FIPS 180-4). Any thread; nothing fails.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace hauspost::crypto {

class Sha256 {
 public:
  Sha256();
  void update(std::string_view bytes);
  // 32 octets. REQUIRES: called once, and nothing after it.
  std::string finish();

 private:
  alignas(8) std::array<unsigned char, 128> state_;  // the library's own, of a size it may grow to
};

}  // namespace hauspost::crypto
