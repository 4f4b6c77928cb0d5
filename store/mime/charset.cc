#include "store/mime/charset.h"

#include <unicode/ucnv.h>

#include <array>
#include <limits>
#include <memory>
#include <utility>

#include "base/text.h"

namespace hauspost::mime {

namespace {

struct CloseConverter {
  void operator()(UConverter* converter) const { ucnv_close(converter); }
};
using Converter = std::unique_ptr<UConverter, CloseConverter>;

constexpr std::array<std::pair<std::string_view, const char*>, 8> kWider = {{
    {"iso-8859-1", "windows-1252"},
    {"latin1", "windows-1252"},
    {"iso-8859-9", "windows-1254"},
    {"gb2312", "gb18030"},
    {"gbk", "gb18030"},
    {"shift_jis", "ibm-943_P15A-2003"},
    {"ks_c_5601-1987", "windows-949"},
    {"euc-kr", "windows-949"},
}};

Converter open_converter(std::string_view charset) {
  if (charset.empty() || charset.size() > kCharsetNameMax) return nullptr;
  std::string name = ascii_lower(charset);
  for (const auto& [narrow, wide] : kWider) {
    if (name == narrow) name = wide;
  }
  for (const char c : name) {
    // ICU reads options behind a comma and takes anything else as part of the name.
    if (!is_alpha(c) && !is_digit(c) && c != '-' && c != '_' && c != ':' && c != '.')
      return nullptr;
  }
  UErrorCode status = U_ZERO_ERROR;
  Converter converter(ucnv_open(name.c_str(), &status));
  return U_SUCCESS(status) ? std::move(converter) : nullptr;
}

std::string convert(UConverter& converter, std::string_view bytes) {
  constexpr std::size_t kBytesMax = std::numeric_limits<std::int32_t>::max() / 4;
  bytes = bytes.substr(0, kBytesMax);
  std::string out(bytes.size() * 3 + 16, '\0');
  for (;;) {
    UErrorCode status = U_ZERO_ERROR;
    const std::int32_t length =
        ucnv_toAlgorithmic(UCNV_UTF8, &converter, out.data(), static_cast<std::int32_t>(out.size()),
                           bytes.data(), static_cast<std::int32_t>(bytes.size()), &status);
    if (status == U_BUFFER_OVERFLOW_ERROR && length > static_cast<std::int32_t>(out.size())) {
      out.resize(static_cast<std::size_t>(length));
      continue;
    }
    out.resize(U_SUCCESS(status) ? static_cast<std::size_t>(length) : 0);
    return out;
  }
}

constexpr std::array<std::uint16_t, 32> kWindows1252 = {
    0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x8D,   0x017D, 0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};

std::string windows_1252_to_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() + bytes.size() / 4);
  for (const char c : bytes) {
    const auto byte = static_cast<std::uint8_t>(c);
    const std::uint32_t point = byte >= 0x80 && byte < 0xa0 ? kWindows1252[byte - 0x80] : byte;
    if (point < 0x80) {
      out += c;
    } else if (point < 0x800) {
      out += static_cast<char>(0xc0 | point >> 6);
      out += static_cast<char>(0x80 | (point & 0x3f));
    } else {
      out += static_cast<char>(0xe0 | point >> 12);
      out += static_cast<char>(0x80 | (point >> 6 & 0x3f));
      out += static_cast<char>(0x80 | (point & 0x3f));
    }
  }
  return out;
}

}  // namespace

bool is_utf8_label(std::string_view charset) {
  return charset.empty() || iequals(charset, "utf-8") || iequals(charset, "us-ascii") ||
         iequals(charset, "utf8") || iequals(charset, "ascii");
}

std::optional<std::string> charset_to_utf8(std::string_view charset, std::string_view bytes) {
  if (iequals(charset, "iso-8859-1") || iequals(charset, "windows-1252")) {
    return windows_1252_to_utf8(bytes);
  }
  const Converter converter = open_converter(charset);
  if (!converter) return std::nullopt;
  return convert(*converter, bytes);
}

std::string guess_to_utf8(std::string_view bytes) {
  return is_valid_utf8(bytes) ? std::string(bytes) : windows_1252_to_utf8(bytes);
}

std::string text_to_utf8(std::string_view charset, std::string_view bytes) {
  if (!is_utf8_label(charset)) {
    if (auto converted = charset_to_utf8(charset, bytes)) return *std::move(converted);
  }
  return guess_to_utf8(bytes);
}

}  // namespace hauspost::mime
