#include "base/ids.h"

#include <cstring>

#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"

namespace hauspost {

Guid Guid::random() {
  Guid guid;
  random_bytes(guid.bytes);
  guid.bytes[6] = static_cast<std::uint8_t>((guid.bytes[6] & 0x0f) | 0x40);  // RFC 9562 version 4
  guid.bytes[8] = static_cast<std::uint8_t>((guid.bytes[8] & 0x3f) | 0x80);
  return guid;
}

namespace {

// Randomness by the page: a system call for each name would cost more than the name.
class RandomPool {
 public:
  void take(std::span<std::uint8_t> into) {
    if (left_ < into.size()) {
      random_bytes(bytes_);
      left_ = bytes_.size();
    }
    left_ -= into.size();
    std::memcpy(into.data(), bytes_.data() + left_, into.size());
  }

 private:
  std::array<std::uint8_t, 2048> bytes_{};
  std::size_t left_ = 0;
};

}  // namespace

Guid Guid::ordered() {
  static thread_local RandomPool pool;
  constexpr std::uint64_t kFractions = 1 << 12;  // of a millisecond, as section 6.2 method 3 has it
  const auto now_ns = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(
          std::chrono::system_clock::now().time_since_epoch())
          .count());
  const std::uint64_t ms = now_ns / 1'000'000;
  const std::uint64_t fraction = now_ns % 1'000'000 * kFractions / 1'000'000;
  const std::uint64_t high = ms << 16 | 0x7000 | fraction;
  Guid guid;
  for (std::size_t i = 0; i < 8; ++i)
    guid.bytes[i] = static_cast<std::uint8_t>(high >> (56 - 8 * i));
  pool.take(std::span(guid.bytes).subspan(8));
  guid.bytes[8] = static_cast<std::uint8_t>((guid.bytes[8] & 0x3f) | 0x80);
  return guid;
}

std::optional<Guid> Guid::from_bytes(std::string_view raw) {
  Guid guid;
  if (raw.size() != guid.bytes.size()) return std::nullopt;
  std::memcpy(guid.bytes.data(), raw.data(), raw.size());
  return guid;
}

std::optional<Guid> Guid::parse(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash != (text[i] == '-')) return std::nullopt;
    if (!dash) digits += text[i];
  }
  auto raw = from_hex(digits);
  return raw ? from_bytes(*raw) : std::nullopt;
}

std::string Guid::to_string() const {
  std::string hex = to_hex(as_bytes());
  for (std::size_t at : {20, 16, 12, 8}) hex.insert(at, 1, '-');
  return hex;
}

}  // namespace hauspost
