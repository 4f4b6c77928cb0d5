// Fixed-width little-endian encoding for everything we store or send between our own processes, and
// the CRC that guards it.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace hauspost {

static_assert(std::endian::native == std::endian::little,
              "big-endian hosts need byte swapping here");

template <std::integral T>
void put_le(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
// REQUIRES: sizeof(T) bytes at `from`.
template <std::integral T>
T load_le(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
// Big-endian, so that keys sort as numbers.
template <std::unsigned_integral T>
void put_be(std::string& out, T value) {
  for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8) {
    out += static_cast<char>(value >> shift & 0xff);
  }
}
template <std::unsigned_integral T>
T load_be(const char* from) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    value = static_cast<T>(value << 8 | static_cast<std::uint8_t>(from[i]));
  return value;
}
// u32 length, then the bytes.
inline void put_string(std::string& out, std::string_view bytes) {
  put_le(out, static_cast<std::uint32_t>(bytes.size()));
  out += bytes;
}

// Reads what the put functions wrote. Once a read passes the end, ok() is false for good and every
// further read gives zero or empty: check once, at the end.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  template <std::integral T>
  T le() {
    const std::string_view raw = take(sizeof(T));
    return raw.size() == sizeof(T) ? load_le<T>(raw.data()) : T{};
  }
  std::string_view take(std::size_t count) {
    if (count > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view raw = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return raw;
  }
  std::string_view string() { return take(le<std::uint32_t>()); }

  bool ok() const { return ok_; }
  std::string_view rest() const { return rest_; }
  bool at_end() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

// CRC-32C (Castagnoli, RFC 3720 appendix B.4). Chain by passing the previous result.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t previous = 0);

}  // namespace hauspost
