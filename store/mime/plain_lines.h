// Messages made fit for a way that takes less than they hold: 7-bit octets only, or lines only
// (RFC 6152 section 3, RFC 3030 section 3). A door of this folder, like message.h.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace hauspost::mime {

// The longest line of a message without its CRLF (RFC 5321 section 4.5.3.1.6).
inline constexpr std::size_t kLineBytesMax = 998;

// What stands in a message. One pass over the bytes.
struct ContentFacts {
  bool eight_bit_header = false;
  bool eight_bit_body = false;
  bool nul = false;
  bool bare_line_end = false;  // a CR without LF or a LF without CR
  bool long_line = false;      // longer than kLineBytesMax
  bool is_binary() const { return nul || bare_line_end; }
};
ContentFacts scan_content(std::string_view message);

// Bare CR and bare LF as the CRLF that was meant.
std::string with_line_ends(std::string_view message);

enum class Unfit : std::uint8_t {
  kHeader,   // octets above 127, or NUL, in a header: no encoding of a body can mend that
  kSigned,   // part of a multipart/signed: any change breaks the signature
  kNoMeans,  // a part that must not be encoded (message/*, damaged encodings and structure)
};

// The message with every body part encoded that is not made of lines of 7-bit octets (with
// `eight_bit`: of any octets but NUL); text as quoted-printable where little is to encode, all else
// as base64. A message without MIME fields gets them.
std::expected<std::string, Unfit> make_plain_lines(std::string_view message, bool eight_bit);

}  // namespace hauspost::mime
