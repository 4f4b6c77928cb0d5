#include "base/ids.h"

#include <cstring>

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
