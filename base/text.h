// Small ASCII helpers shared by every parser. Protocol keywords are ASCII; locale never matters.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hauspost {

constexpr char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
constexpr char ascii_upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::string ascii_lower(std::string_view text);
std::string ascii_upper(std::string_view text);
bool iequals(std::string_view a, std::string_view b);              // ASCII case-insensitive
bool istarts_with(std::string_view text, std::string_view start);  // ASCII case-insensitive
std::string_view trim(std::string_view text);                      // spaces and tabs at both ends
std::vector<std::string_view> split(std::string_view text, char separator);

// Decimal digits only, no sign, no spaces; nullopt on overflow or anything else.
std::optional<std::uint64_t> parse_u64(std::string_view digits);

std::string to_hex(std::string_view bytes);
std::optional<std::string> from_hex(std::string_view hex);
std::string base64_encode(std::string_view bytes);
// Strict RFC 4648: padding required, no line breaks, no stray bits.
std::optional<std::string> base64_decode(std::string_view text);

// Peer bytes made safe for one log line or terminal: controls, quotes, backslash and bytes above
// 0x7e become \xNN, and more than `limit` bytes end in "...".
std::string escape_for_log(std::string_view bytes, std::size_t limit = 200);
// True when the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool is_valid_utf8(std::string_view bytes);

}  // namespace hauspost
