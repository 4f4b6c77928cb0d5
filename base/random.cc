#include "base/random.h"

#include <sys/random.h>

#include <string_view>

#include "base/check.h"

namespace hauspost {

void random_bytes(std::span<std::uint8_t> into) {
  while (!into.empty()) {
    const ssize_t got = getrandom(into.data(), into.size(), 0);
    if (got < 0) continue;  // EINTR is the only error a valid call can meet
    into = into.subspan(static_cast<std::size_t>(got));
  }
}

std::uint64_t random_u64() {
  std::uint64_t value = 0;
  random_bytes({reinterpret_cast<std::uint8_t*>(&value), sizeof value});
  return value;
}

std::string random_password(std::size_t length) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
  std::string password;
  while (password.size() < length) {
    const std::uint64_t bits = random_u64() & 0xff;
    const std::size_t fair = 256 - 256 % kAlphabet.size();
    if (bits < fair) password += kAlphabet[bits % kAlphabet.size()];
  }
  return password;
}

}  // namespace hauspost
