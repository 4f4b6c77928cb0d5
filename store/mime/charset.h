// Charsets to UTF-8. Names are those of the IANA registry; what mail calls by a narrower name than
// it uses (gb2312, iso-8859-1, shift_jis) is read by the wider one.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hauspost::mime {

inline constexpr std::size_t kCharsetNameMax = 64;

// Malformed input becomes U+FFFD. nullopt: a charset nobody here knows.
std::optional<std::string> charset_to_utf8(std::string_view charset, std::string_view bytes);
// Bytes of no known charset: UTF-8 when valid, else windows-1252.
std::string guess_to_utf8(std::string_view bytes);
// charset_to_utf8 when it can, else guess_to_utf8. US-ASCII and UTF-8 are guessed too: both labels
// lie often.
std::string text_to_utf8(std::string_view charset, std::string_view bytes);
// True when text of this charset needs no conversion if it is valid UTF-8.
bool is_utf8_label(std::string_view charset);

}  // namespace hauspost::mime
