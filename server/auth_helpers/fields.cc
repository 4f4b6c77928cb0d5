#include "server/auth_helpers/fields.h"

#include <charconv>
#include <cstdint>

namespace hauspost::helpers {

namespace {

constexpr std::size_t kLengthBytes = 4;

void put_length(std::string& out, std::size_t length) {
  for (std::size_t i = 0; i < kLengthBytes; ++i) out += static_cast<char>(length >> (8 * i) & 0xff);
}

std::optional<std::string> take(std::string_view& rest) {
  if (rest.size() < kLengthBytes) return std::nullopt;
  std::size_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i)
    length |= static_cast<std::size_t>(static_cast<std::uint8_t>(rest[i])) << (8 * i);
  rest.remove_prefix(kLengthBytes);
  if (length > rest.size()) return std::nullopt;
  std::string out(rest.substr(0, length));
  rest.remove_prefix(length);
  return out;
}

}  // namespace

std::string encode(const Fields& fields) {
  std::size_t size = 0;
  for (const auto& [name, value] : fields) size += 2 * kLengthBytes + name.size() + value.size();
  std::string out;
  out.reserve(kLengthBytes + size);  // at once: a value may be a password, and no copy may stay
  put_length(out, size);
  for (const auto& [name, value] : fields) {
    put_length(out, name.size());
    out += name;
    put_length(out, value.size());
    out += value;
  }
  return out;
}

std::optional<Fields> decode(std::string_view message) {
  if (message.size() > kMessageMax) return std::nullopt;
  Fields out;
  while (!message.empty()) {
    auto name = take(message);
    if (!name) return std::nullopt;
    auto value = take(message);
    if (!value || !out.emplace(std::move(*name), std::move(*value)).second) return std::nullopt;
  }
  return out;
}

std::string_view field(const Fields& fields, std::string_view name) {
  const auto found = fields.find(name);
  return found == fields.end() ? std::string_view() : found->second;
}

bool flag(const Fields& fields, std::string_view name) { return field(fields, name) == "1"; }

long number(const Fields& fields, std::string_view name) {
  const std::string_view text = field(fields, name);
  long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : 0;
}

}  // namespace hauspost::helpers
