#include "transport/dsn/fields.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "protocols/smtp/address.h"

namespace hauspost::transport {

namespace {

bool is_control(char c) {
  const auto octet = static_cast<unsigned char>(c);
  return octet < 0x20 || octet == 0x7f;
}

// The scalar value that starts at `at`, which moves behind it. REQUIRES: well-formed UTF-8.
std::uint32_t next_scalar(std::string_view text, std::size_t& at) {
  const auto lead = static_cast<unsigned char>(text[at++]);
  if (lead < 0x80) return lead;
  std::size_t more = 1;
  if (lead >= 0xe0) more = 2;
  if (lead >= 0xf0) more = 3;
  std::uint32_t value = lead & (0x3fU >> more);
  while (more-- > 0) value = value << 6 | (static_cast<unsigned char>(text[at++]) & 0x3fU);
  return value;
}

// utf-8-addr-xtext (RFC 6533 section 3): ASCII throughout.
std::string escaped_address(std::string_view address) {
  std::string out;
  for (std::size_t at = 0; at < address.size();) {
    const std::uint32_t scalar = next_scalar(address, at);
    const bool plain =
        scalar > 0x20 && scalar < 0x7f && scalar != '\\' && scalar != '+' && scalar != '=';
    if (plain)
      out += static_cast<char>(scalar);
    else
      out += fmt::format("\\x{{{:02X}}}", scalar);
  }
  return out;
}

void append_utf8(std::string& out, std::uint32_t scalar) {
  const auto put = [&](std::uint32_t octet) { out += static_cast<char>(octet); };
  if (scalar < 0x80) return put(scalar);
  if (scalar < 0x800) {
    put(0xc0 | scalar >> 6);
    return put(0x80 | (scalar & 0x3f));
  }
  if (scalar < 0x10000) {
    put(0xe0 | scalar >> 12);
    put(0x80 | (scalar >> 6 & 0x3f));
    return put(0x80 | (scalar & 0x3f));
  }
  put(0xf0 | scalar >> 18);
  put(0x80 | (scalar >> 12 & 0x3f));
  put(0x80 | (scalar >> 6 & 0x3f));
  put(0x80 | (scalar & 0x3f));
}

// What \x{...} stands for; nullopt: not such text.
std::optional<std::string> unescaped_address(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (!text.starts_with("\\x{")) {
      out += text.front();
      text.remove_prefix(1);
      continue;
    }
    const std::size_t end = text.find('}');
    if (end == std::string_view::npos || end < 5 || end > 9) return std::nullopt;
    std::uint32_t scalar = 0;
    for (const char c : text.substr(3, end - 3)) {
      const std::size_t digit = std::string_view("0123456789abcdef").find(ascii_lower(c));
      if (digit == std::string_view::npos) return std::nullopt;
      scalar = scalar * 16 + static_cast<std::uint32_t>(digit);
    }
    if (scalar > 0x10ffff) return std::nullopt;
    append_utf8(out, scalar);
    text.remove_prefix(end + 1);
  }
  if (!is_valid_utf8(out)) return std::nullopt;
  return out;
}

}  // namespace

bool is_ascii(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

std::string address_value(std::string_view address, bool global) {
  if (address.empty() || std::ranges::any_of(address, is_control)) return {};
  if (is_ascii(address)) return fmt::format("rfc822; {}", address);
  if (!is_valid_utf8(address)) return {};
  return "utf-8; " + (global ? std::string(address) : escaped_address(address));
}

std::string orcpt_value(std::string_view orcpt, bool global) {
  const std::size_t semicolon = orcpt.find(';');
  if (semicolon == std::string_view::npos) return {};
  const std::string type = ascii_lower(orcpt.substr(0, semicolon));
  const std::string_view written = orcpt.substr(semicolon + 1);
  if (type == "utf-8") {
    const auto address = unescaped_address(written);
    return address ? address_value(*address, global) : std::string();
  }
  const auto address = smtp::decode_xtext(written);
  const bool type_is_atom = !type.empty() && std::ranges::all_of(type, [](char c) {
    return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_';
  });
  if (!address || address->empty() || !type_is_atom || !is_ascii(*address)) return {};
  if (std::ranges::any_of(*address, is_control)) return {};
  return fmt::format("{}; {}", type, *address);
}

std::string line_text(std::string_view text, bool global, std::size_t bytes_max) {
  const bool keep = global && is_valid_utf8(text);
  std::string out;
  for (const char c : text) {
    const bool space = c == ' ' || is_control(c);
    if (space && (out.empty() || out.back() == ' ')) continue;
    const bool foreign = !keep && static_cast<unsigned char>(c) >= 0x80;
    out += space ? ' ' : foreign ? '?' : c;
  }
  if (out.size() > bytes_max) {
    // Not in the middle of a character.
    std::size_t end = bytes_max - 3;
    while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xc0) == 0x80) --end;
    out.resize(end);
    out += "...";
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  constexpr std::size_t kColumns = 78;
  if (value.empty()) return;
  out.append(name).append(":");
  std::size_t column = name.size() + 1;
  for (const std::string_view word : split(value, ' ')) {
    if (word.empty()) continue;
    const bool fold = column + 1 + word.size() > kColumns && column > name.size() + 1;
    if (fold) {
      out += "\r\n";
      column = 0;
    }
    out += ' ';
    out += word;
    column += 1 + word.size();
  }
  out += "\r\n";
}

}  // namespace hauspost::transport
