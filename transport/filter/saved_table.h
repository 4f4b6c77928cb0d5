// A small binary form for tables that are saved whole now and then: what a crash loses of them
// costs a client a second try, not anybody mail.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace hauspost::transport {

class TableWriter {
 public:
  explicit TableWriter(std::string_view magic) : out_(magic) {}
  template <class Number>
  void put(Number value) {
    static_assert(std::is_trivially_copyable_v<Number> &&
                  std::endian::native == std::endian::little);
    out_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

class TableReader {
 public:
  // good() is false when `bytes` do not begin with `magic`.
  TableReader(std::string_view bytes, std::string_view magic)
      : bytes_(bytes), good_(bytes.starts_with(magic)) {
    if (good_) bytes_.remove_prefix(magic.size());
  }
  // Zero, and good() false, behind the end.
  template <class Number>
  Number get() {
    static_assert(std::is_trivially_copyable_v<Number>);
    Number value{};
    if (!good_ || bytes_.size() < sizeof value) {
      good_ = false;
      return value;
    }
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_.remove_prefix(sizeof value);
    return value;
  }
  bool good() const { return good_; }
  bool at_end() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
  bool good_;
};

}  // namespace hauspost::transport
