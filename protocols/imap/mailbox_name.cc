#include "protocols/imap/mailbox_name.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/text.h"

namespace hauspost::imap {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

constexpr std::array<std::int8_t, 256> make_values() {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < kDigits.size(); ++i)
    values[static_cast<std::uint8_t>(kDigits[i])] = static_cast<std::int8_t>(i);
  return values;
}
constexpr auto kValues = make_values();

bool is_direct(char32_t c) { return c >= 0x20 && c < 0x7f; }

void put_utf8(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  }
}

// REQUIRES: valid UTF-8, not empty. Takes one character off its front.
char32_t take_utf8(std::string_view& text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::size_t length = byte(0) < 0x80 ? 1 : byte(0) < 0xe0 ? 2 : byte(0) < 0xf0 ? 3 : 4;
  char32_t c = length == 1 ? byte(0) : byte(0) & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) c = c << 6 | (byte(i) & 0x3f);
  text.remove_prefix(length);
  return c;
}

// Turns UTF-16 units into UTF-8. Refuses what has a direct form, U+0000 and lone surrogates.
class Utf16Sink {
 public:
  explicit Utf16Sink(std::string& out) : out_(out) {}
  bool put(std::uint16_t unit) {
    if (high_ != 0) {
      if (unit < 0xdc00 || unit > 0xdfff) return false;
      put_utf8(out_, 0x10000 + ((high_ - 0xd800U) << 10) + (unit - 0xdc00U));
      high_ = 0;
      return true;
    }
    if (unit >= 0xd800 && unit < 0xdc00) {
      high_ = unit;
      return true;
    }
    if (unit == 0 || is_direct(unit) || (unit >= 0xdc00 && unit < 0xe000)) return false;
    put_utf8(out_, unit);
    return true;
  }
  bool complete() const { return high_ == 0; }

 private:
  std::string& out_;
  std::uint16_t high_ = 0;
};

// What stands between "&" and "-": base64 of UTF-16BE without padding; leftover bits are zero.
bool decode_shifted(std::string_view digits, std::string& out) {
  Utf16Sink sink(out);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char digit : digits) {
    const int value = kValues[static_cast<std::uint8_t>(digit)];
    if (value < 0) return false;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 16) continue;
    count -= 16;
    if (!sink.put(static_cast<std::uint16_t>(bits >> count))) return false;
    bits &= (1U << count) - 1;
  }
  return count < 6 && bits == 0 && sink.complete();
}

class Utf7Shift {
 public:
  explicit Utf7Shift(std::string& out) : out_(out) {}
  void put(std::uint16_t unit) {
    if (!open_) out_ += '&';
    open_ = true;
    bits_ = bits_ << 16 | unit;
    count_ += 16;
    for (; count_ >= 6; count_ -= 6) out_ += kDigits[bits_ >> (count_ - 6) & 0x3f];
    bits_ &= (1U << count_) - 1;
  }
  void close() {
    if (!open_) return;
    if (count_ > 0) out_ += kDigits[bits_ << (6 - count_) & 0x3f];
    out_ += '-';
    open_ = false;
    bits_ = 0;
    count_ = 0;
  }

 private:
  std::string& out_;
  bool open_ = false;
  std::uint32_t bits_ = 0;
  int count_ = 0;
};

}  // namespace

std::optional<std::string> decode_utf7(std::string_view name) {
  std::string out;
  bool shifted_before = false;  // the character before this one was shifted
  while (!name.empty()) {
    const char c = name.front();
    if (c != '&') {
      if (!is_direct(static_cast<std::uint8_t>(c))) return std::nullopt;
      out += c;
      name.remove_prefix(1);
      shifted_before = false;
      continue;
    }
    const std::size_t end = name.find('-', 1);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view digits = name.substr(1, end - 1);
    if (digits.empty()) {
      out += '&';
    } else if (shifted_before || !decode_shifted(digits, out)) {
      return std::nullopt;  // two shifts in a row are one (RFC 3501: superfluous shifts)
    }
    shifted_before = !digits.empty();
    name.remove_prefix(end + 1);
  }
  return out;
}

std::string encode_utf7(std::string_view utf8) {
  std::string out;
  Utf7Shift shift(out);
  while (!utf8.empty()) {
    const char32_t c = take_utf8(utf8);
    if (is_direct(c)) {
      shift.close();
      out += static_cast<char>(c);
      if (c == '&') out += '-';
    } else if (c < 0x10000) {
      shift.put(static_cast<std::uint16_t>(c));
    } else {
      shift.put(static_cast<std::uint16_t>(0xd800 + ((c - 0x10000) >> 10)));
      shift.put(static_cast<std::uint16_t>(0xdc00 + ((c - 0x10000) & 0x3ff)));
    }
  }
  shift.close();
  return out;
}

namespace {

// INBOX as first level has one spelling.
std::string with_inbox(std::string path) {
  constexpr std::string_view kInbox = "INBOX";
  if (istarts_with(path, kInbox) && (path.size() == kInbox.size() || path[kInbox.size()] == '/'))
    path.replace(0, kInbox.size(), kInbox);
  return path;
}

// U+0000-U+001F, U+007F-U+009F, U+2028 and U+2029. REQUIRES: valid UTF-8.
bool has_control(std::string_view utf8) {
  const bool ascii = std::ranges::any_of(
      utf8, [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; });
  if (ascii || utf8.contains("\u2028") || utf8.contains("\u2029")) return true;
  for (std::size_t at = utf8.find('\xc2'); at != std::string_view::npos;
       at = utf8.find('\xc2', at + 1)) {
    if (static_cast<unsigned char>(utf8[at + 1]) < 0xa0) return true;
  }
  return false;
}

}  // namespace

std::optional<std::string> mailbox_path(std::string_view name) {
  if (name.size() > kMailboxNameMax) return std::nullopt;
  auto path = decode_utf7(name);
  if (!path) return std::nullopt;
  return with_inbox(*std::move(path));
}

std::optional<std::string> utf8_mailbox_path(std::string_view name) {
  if (name.size() > kMailboxNameMax || !is_valid_utf8(name) || has_control(name))
    return std::nullopt;
  return with_inbox(std::string(name));
}

std::string net_unicode(std::string_view path) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* const nfc = icu::Normalizer2::getNFCInstance(status);
  std::string out;
  icu::StringByteSink<std::string> sink(&out);
  if (U_SUCCESS(status)) {
    nfc->normalizeUTF8(0, {path.data(), static_cast<std::int32_t>(path.size())}, sink, nullptr,
                       status);
  }
  return U_SUCCESS(status) ? out : std::string(path);
}

std::string list_of_name(std::string_view path, std::string_view old, bool utf8) {
  std::string out = "LIST () \"/\" " + quoted_mailbox(path, utf8);
  if (path != old) out += " (\"OLDNAME\" (" + quoted_mailbox(old, utf8) + "))";
  return out;
}

std::string quoted_mailbox(std::string_view path, bool utf8) {
  std::string out = "\"";
  for (const char c : utf8 ? std::string(path) : encode_utf7(path)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
  return out;
}

}  // namespace hauspost::imap
