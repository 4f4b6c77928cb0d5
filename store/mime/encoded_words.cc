#include "store/mime/encoded_words.h"

#include <optional>

#include "base/text.h"
#include "store/mime/addresses.h"
#include "store/mime/charset.h"
#include "store/mime/content.h"
#include "store/mime/header_scanner.h"
#include "store/mime/lexer.h"
#include "store/mime/transfer_encoding.h"

namespace hauspost::mime {

namespace {

struct EncodedWord {
  std::string_view charset;
  std::string bytes;
  std::size_t length = 0;  // in the source
};

// RFC 2047 section 4.2: quoted-printable without line breaks, "_" for a space.
std::string decode_q(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '_') {
      out += ' ';
    } else if (text[i] == '=' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
               hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) << 4 | hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// "=?" charset ["*" language] "?" encoding "?" text "?=" at the start of `text`.
std::optional<EncodedWord> read_word(std::string_view text) {
  const std::string_view head = text.substr(2, kCharsetNameMax + 32);
  const std::size_t charset_end = head.find('?');
  if (charset_end == std::string_view::npos || charset_end == 0) return std::nullopt;
  const std::size_t encoding_at = 2 + charset_end + 1;
  if (encoding_at + 2 > text.size() || text[encoding_at + 1] != '?') return std::nullopt;
  const std::size_t body_at = encoding_at + 2;
  const std::size_t end = text.find("?=", body_at);
  if (end == std::string_view::npos) return std::nullopt;
  EncodedWord word;
  word.charset = head.substr(0, charset_end);
  word.charset = word.charset.substr(0, word.charset.find('*'));
  word.length = end + 2;
  const std::string_view body = text.substr(body_at, end - body_at);
  switch (ascii_lower(text[encoding_at])) {
    case 'q': word.bytes = decode_q(body); return word;
    case 'b': word.bytes = decode_base64(body); return word;
    default: return std::nullopt;
  }
}

class WordDecoder {
 public:
  explicit WordDecoder(std::string_view text) : rest_(text) {}

  std::string decode() {
    std::size_t plain = 0;  // start of text behind the last encoded word
    std::size_t at = 0;
    // Without a last "?=" no "=?" can become a word: keeps hostile input linear.
    const std::size_t last_end = rest_.rfind("?=");
    while ((at = rest_.find("=?", at)) != std::string_view::npos &&
           last_end != std::string_view::npos && at < last_end) {
      auto word = read_word(rest_.substr(at));
      if (!word) {
        at += 2;
        continue;
      }
      add_plain(rest_.substr(plain, at - plain), true);
      add_word(*std::move(word));
      at = plain = at + last_length_;
    }
    add_plain(rest_.substr(plain), false);
    flush();
    return std::move(out_);
  }

 private:
  // White space between two encoded words is not shown (RFC 2047 section 6.2).
  void add_plain(std::string_view text, bool before_word) {
    if (before_word && !charset_.empty() && trim(text).empty()) return;
    flush();
    out_ += guess_to_utf8(text);
  }
  void add_word(EncodedWord word) {
    if (!iequals(word.charset, charset_)) flush();
    charset_ = word.charset;
    bytes_ += word.bytes;
    last_length_ = word.length;
  }
  void flush() {
    if (!charset_.empty()) out_ += text_to_utf8(charset_, bytes_);
    charset_ = {};
    bytes_.clear();
  }

  std::string_view rest_;
  std::string_view charset_;  // of bytes_; empty: none pending
  std::string bytes_;
  std::string out_;
  std::size_t last_length_ = 0;
};

// The parameters behind the first ';' when one of them is an RFC 2231 one.
std::string extended_parameters(std::string_view unfolded) {
  const std::size_t star = unfolded.find("*");
  const std::size_t semicolon = unfolded.find(';');
  if (semicolon == std::string_view::npos || star == std::string_view::npos ||
      unfolded.find('=', star) == std::string_view::npos) {
    return {};
  }
  const std::string as_disposition = "x" + std::string(unfolded.substr(semicolon));
  const auto parsed = parse_disposition(as_disposition, Limits{});
  return parsed ? decoded_parameters_text(parsed->parameters) : std::string();
}

}  // namespace

std::string decode_encoded_words(std::string_view unfolded) {
  if (unfolded.find("=?") == std::string_view::npos) return guess_to_utf8(unfolded);
  return WordDecoder(unfolded).decode();
}

std::string decode_header_text(std::string_view raw) {
  const std::string unfolded = unfold(raw);
  std::string text = decode_encoded_words(unfolded);
  if (const std::string extended = extended_parameters(unfolded); !extended.empty()) {
    text += ' ';
    text += extended;
  }
  return text;
}

std::string decode_address_text(std::string_view raw) {
  std::string text;
  const auto add = [&](const std::string& piece) {
    if (piece.empty()) return;
    if (!text.empty()) text += ' ';
    text += piece;
  };
  for (const Address& address : parse_addresses(raw, Limits{}.addresses_max)) {
    add(decode_encoded_words(address.name));
    std::string plain = address.local;
    if (!address.domain.empty()) plain.append("@").append(address.domain);
    add(guess_to_utf8(plain));
  }
  return text;
}

}  // namespace hauspost::mime
