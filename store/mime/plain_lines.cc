#include "store/mime/plain_lines.h"

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "store/mime/header_scanner.h"
#include "store/mime/part_tree.h"
#include "store/mime/transfer_encoding.h"

namespace hauspost::mime {

namespace {

constexpr std::size_t kEncodedLine = 76;       // RFC 2045 sections 6.7 and 6.8
constexpr std::size_t kBase64LineOctets = 57;  // 76 characters
constexpr std::size_t kQuotedShare = 6;        // one octet of so many to quote: base64 is shorter

constexpr std::string_view kHexDigits = "0123456789ABCDEF";

bool is_eight_bit(std::string_view bytes) {
  return std::ranges::any_of(bytes, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

// Lines, and of which octets.
struct Fitness {
  bool eight_bit = false;
  bool binary = false;
  std::size_t to_quote = 0;  // octets that quoted-printable would quote
};

Fitness examine(std::string_view body) {
  Fitness out;
  std::size_t line = 0;
  for (std::size_t i = 0; i < body.size(); ++i) {
    const char c = body[i];
    const bool eight_bit = static_cast<unsigned char>(c) >= 0x80;
    out.eight_bit = out.eight_bit || eight_bit;
    if (eight_bit || c == '=') ++out.to_quote;
    if (c == '\r' && i + 1 < body.size() && body[i + 1] == '\n') {
      ++i;
      line = 0;
      continue;
    }
    out.binary = out.binary || c == '\0' || c == '\r' || c == '\n' || ++line > kLineBytesMax;
  }
  return out;
}

void append_quoted(std::string& out, char c) {
  const auto byte = static_cast<unsigned char>(c);
  out += '=';
  out += kHexDigits[byte >> 4];
  out += kHexDigits[byte & 15];
}

// RFC 2045 section 6.7. CRLF stays a line end; a bare CR or LF is quoted.
std::string encode_quoted_printable(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  std::size_t line = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool ends = text.substr(i).starts_with("\r\n");
    if (ends) {
      out += "\r\n";
      ++i;
      line = 0;
      continue;
    }
    const bool last = i + 1 == text.size() || text.substr(i + 1).starts_with("\r\n");
    const bool plain = (c > ' ' && c < 0x7f && c != '=') || ((c == ' ' || c == '\t') && !last);
    const std::size_t width = plain ? 1 : 3;
    if (line + width > kEncodedLine - (last ? 0 : 1)) {
      out += "=\r\n";
      line = 0;
    }
    // A line of one dot ends a message for some; "From " begins one in old mailbox files.
    const bool dangerous = line == 0 && (c == '.' || text.substr(i).starts_with("From "));
    if (plain && !dangerous) {
      out += c;
      line += 1;
    } else {
      append_quoted(out, c);
      line += 3;
    }
  }
  return out;
}

std::string encode_base64(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 4 / 3 + bytes.size() / 28 + 4);
  while (!bytes.empty()) {
    if (!out.empty()) out += "\r\n";
    out += base64_encode(bytes.substr(0, kBase64LineOctets));
    bytes.remove_prefix(std::min(kBase64LineOctets, bytes.size()));
  }
  return out;
}

bool has_field(std::string_view header, std::string_view name) {
  HeaderField field;
  for (HeaderScanner scanner(header); scanner.next(field);) {
    if (iequals(field.name, name)) return true;
  }
  return false;
}

// The header with this transfer encoding and no other, and with `further` lines behind it.
std::string with_encoding(std::string_view header, std::string_view encoding,
                          std::string_view further) {
  std::string out;
  HeaderField field;
  for (HeaderScanner scanner(header); scanner.next(field);) {
    if (!iequals(field.name, "Content-Transfer-Encoding")) out += field.lines;
  }
  if (!out.empty() && !out.ends_with('\n')) out += "\r\n";
  out += further;
  out += "Content-Transfer-Encoding: ";
  out += encoding;
  return out += "\r\n\r\n";
}

class Rewriter {
 public:
  Rewriter(std::string_view message, bool eight_bit)
      : message_(message), eight_bit_(eight_bit), tree_(parse_parts(message)) {}

  std::expected<std::string, Unfit> run() {
    for (const Part& part : tree_.parts) {
      if (auto done = take(part); !done) return std::unexpected(done.error());
    }
    copy_gap(message_.size());
    return std::move(out_);
  }

 private:
  // Between parts: boundaries, and what nobody shows.
  void copy_gap(std::size_t end) {
    for (; at_ < end; ++at_) {
      const char c = message_[at_];
      const bool unfit = c == '\0' || (!eight_bit_ && static_cast<unsigned char>(c) >= 0x80);
      out_ += unfit ? '?' : c;
    }
  }
  std::size_t offset(std::string_view view) const {
    return static_cast<std::size_t>(view.data() - message_.data());
  }

  bool in_signed(const Part& part) const {
    for (const Part* one = &part;; one = &tree_.parts[one->parent]) {
      if (one->type.is("multipart", "signed")) return true;
      if (one->parent == Part::kNone) return false;
    }
  }

  // What the header says, not what the tree could make of it.
  static std::string_view declared_type(const Part& part) {
    const auto raw = part.fields.get(KnownField::kContentType);
    return raw ? trim(*raw) : std::string_view();
  }

  std::expected<void, Unfit> take(const Part& part) {
    // The empty part that a multipart without parts is given stands nowhere.
    if (part.header.empty() && part.body.empty()) return {};
    const bool nul = part.header.find('\0') != std::string_view::npos;
    if (nul || (!eight_bit_ && is_eight_bit(part.header))) return std::unexpected(Unfit::kHeader);
    copy_gap(offset(part.header));
    if (part.kind == Part::Kind::kLeaf) return take_leaf(part);
    const auto encoding = part.fields.get(KnownField::kContentTransferEncoding);
    if (encoding && !in_signed(part)) {
      out_ += with_encoding(part.header, eight_bit_ ? "8bit" : "7bit", {});
    } else {
      out_ += part.header;
    }
    at_ = offset(part.header) + part.header.size();
    return {};
  }

  std::expected<void, Unfit> take_leaf(const Part& part) {
    at_ = offset(part.header) + part.header.size() + part.body.size();
    const Fitness fitness = examine(part.body);
    if (!fitness.binary && (eight_bit_ || !fitness.eight_bit)) {
      copy_leaf(part, fitness);
      return {};
    }
    if (in_signed(part)) return std::unexpected(Unfit::kSigned);
    const std::string_view declared = declared_type(part);
    const auto encoding = part.fields.get(KnownField::kContentTransferEncoding);
    const bool identity = !encoding || transfer_encoding_of(parse_transfer_encoding(*encoding)) ==
                                           TransferEncoding::kIdentity;
    if (!identity || istarts_with(declared, "message/") || istarts_with(declared, "multipart/"))
      return std::unexpected(Unfit::kNoMeans);
    const bool quoted = part.type.is_text() && fitness.to_quote * kQuotedShare < part.body.size();
    out_ += with_encoding(part.header, quoted ? "quoted-printable" : "base64", missing(part));
    out_ += quoted ? encode_quoted_printable(part.body) : encode_base64(part.body);
    // A body that runs to the end of the message ends in a line end, or what sends it adds one.
    if (!quoted && at_ == message_.size()) out_ += "\r\n";
    return {};
  }

  // "8bit" over 7-bit octets would still be refused by a host without 8BITMIME.
  void copy_leaf(const Part& part, const Fitness& fitness) {
    const auto encoding = part.fields.get(KnownField::kContentTransferEncoding);
    const std::string name = encoding ? ascii_lower(parse_transfer_encoding(*encoding)) : "7bit";
    const bool says_more = name == "binary" || (name == "8bit" && !eight_bit_);
    if (says_more && !in_signed(part)) {
      out_ += with_encoding(part.header, fitness.eight_bit ? "8bit" : "7bit", {});
    } else {
      out_ += part.header;
    }
    out_ += part.body;
  }

  // What a message without MIME must say before it can say how it is encoded.
  std::string missing(const Part& part) const {
    std::string out;
    const bool top = part.parent == Part::kNone;
    if (top && !has_field(part.header, "MIME-Version")) out += "MIME-Version: 1.0\r\n";
    if (part.fields.get(KnownField::kContentType)) return out;
    // RFC 1428 section 3 has a name for text of which nobody knows the charset.
    out += is_valid_utf8(part.body) ? "Content-Type: text/plain; charset=utf-8\r\n"
                                    : "Content-Type: text/plain; charset=unknown-8bit\r\n";
    return out;
  }

  std::string_view message_;
  bool eight_bit_;
  PartTree tree_;
  std::size_t at_ = 0;  // of message_: what was taken
  std::string out_;
};

}  // namespace

ContentFacts scan_content(std::string_view message) {
  ContentFacts facts;
  bool in_header = true;
  std::size_t line = 0;
  for (std::size_t i = 0; i < message.size(); ++i) {
    const auto byte = static_cast<unsigned char>(message[i]);
    if (byte >= 0x80) {
      (in_header ? facts.eight_bit_header : facts.eight_bit_body) = true;
    } else if (byte == '\r' && i + 1 < message.size() && message[i + 1] == '\n') {
      if (line == 0) in_header = false;
      line = 0;
      ++i;
      continue;
    } else if (byte == '\r' || byte == '\n') {
      facts.bare_line_end = true;
      if (line == 0) in_header = false;
      line = 0;
      continue;
    } else if (byte == 0) {
      facts.nul = true;
    }
    if (++line > kLineBytesMax) facts.long_line = true;
  }
  return facts;
}

std::string with_line_ends(std::string_view message) {
  std::string out;
  out.reserve(message.size() + message.size() / 32);
  for (std::size_t i = 0; i < message.size(); ++i) {
    const char c = message[i];
    if (c != '\r' && c != '\n') {
      out += c;
      continue;
    }
    out += "\r\n";
    if (c == '\r' && i + 1 < message.size() && message[i + 1] == '\n') ++i;
  }
  return out;
}

std::expected<std::string, Unfit> make_plain_lines(std::string_view message, bool eight_bit) {
  return Rewriter(message, eight_bit).run();
}

}  // namespace hauspost::mime
