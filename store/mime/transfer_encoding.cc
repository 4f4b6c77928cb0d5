#include "store/mime/transfer_encoding.h"

#include <array>

#include "base/text.h"
#include "store/mime/header_scanner.h"

namespace hauspost::mime {

namespace {

constexpr std::int8_t kSkip = -1;
constexpr std::int8_t kPad = -2;

constexpr std::array<std::int8_t, 256> make_base64_values() {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<std::int8_t, 256> values{};
  values.fill(kSkip);
  for (std::size_t i = 0; i < kDigits.size(); ++i) {
    values[static_cast<std::uint8_t>(kDigits[i])] = static_cast<std::int8_t>(i);
  }
  values[static_cast<std::uint8_t>('=')] = kPad;
  return values;
}
constexpr auto kBase64Values = make_base64_values();

std::size_t white_run_end(std::string_view text, std::size_t at) {
  while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) ++at;
  return at;
}

bool line_ends_at(std::string_view text, std::size_t at) {
  return at == text.size() || line_end_at(text.substr(at)) != 0;
}

// Reads the "=" at `at`; returns where to go on.
std::size_t decode_escape(std::string_view text, std::size_t at, std::string& out) {
  const std::size_t behind = white_run_end(text, at + 1);
  if (line_ends_at(text, behind)) return behind + line_end_at(text.substr(behind));
  if (at + 2 < text.size() && hex_digit(text[at + 1]) >= 0 && hex_digit(text[at + 2]) >= 0) {
    out += static_cast<char>(hex_digit(text[at + 1]) << 4 | hex_digit(text[at + 2]));
    return at + 3;
  }
  out += '=';
  return at + 1;
}

}  // namespace

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = ascii_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::string decode_base64(std::string_view text) {
  std::string out;
  out.reserve(text.size() / 4 * 3 + 3);
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const std::int8_t value = kBase64Values[static_cast<std::uint8_t>(c)];
    if (value == kPad) count = 0;  // a new group may follow: encoders that join pieces do that
    if (value < 0) continue;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    if (++count == 1) continue;
    out += static_cast<char>(bits >> (8 - 2 * count) & 0xff);
    if (count == 4) count = 0;
  }
  return out;
}

std::string decode_quoted_printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == '=') {
      i = decode_escape(text, i, out);
    } else if (text[i] == ' ' || text[i] == '\t') {
      const std::size_t behind = white_run_end(text, i);
      if (!line_ends_at(text, behind)) out += text.substr(i, behind - i);
      i = behind;
    } else {
      out += text[i++];
    }
  }
  return out;
}

TransferEncoding transfer_encoding_of(std::string_view token) {
  if (iequals(token, "base64")) return TransferEncoding::kBase64;
  if (iequals(token, "quoted-printable")) return TransferEncoding::kQuotedPrintable;
  if (iequals(token, "7bit") || iequals(token, "8bit") || iequals(token, "binary")) {
    return TransferEncoding::kIdentity;
  }
  return TransferEncoding::kUnknown;
}

}  // namespace hauspost::mime
