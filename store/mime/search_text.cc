// Substring search in decoded text, in windows so that a large part is never folded as a whole.
#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>

#include <cstring>

#include "base/text.h"
#include "store/mime/charset.h"
#include "store/mime/header_scanner.h"
#include "store/mime/part_tree.h"
#include "store/mime/transfer_encoding.h"

namespace hauspost::mime {

namespace {

constexpr std::size_t kWindowBytes = 64 * 1024;

bool is_ascii(std::string_view text) {
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + at, sizeof word);
    if ((word & 0x8080808080808080ULL) != 0) return false;
  }
  for (; at < text.size(); ++at) {
    if (static_cast<unsigned char>(text[at]) >= 0x80) return false;
  }
  return true;
}

// NFKC with full case folding: compatibility forms (ligatures, full width) match their plain
// spelling too, as RFC 5051 wants.
void append_folded(std::string& out, std::string_view text) {
  if (is_ascii(text)) {
    const std::size_t old = out.size();
    out += text;
    char* const at = out.data() + old;
    for (std::size_t i = 0; i < text.size(); ++i) at[i] = ascii_lower(at[i]);
    return;
  }
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* folder = icu::Normalizer2::getNFKCCasefoldInstance(status);
  if (U_FAILURE(status)) {
    out += ascii_lower(text);
    return;
  }
  const std::size_t old = out.size();
  icu::StringByteSink<std::string> sink(&out);
  folder->normalizeUTF8(0, icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())),
                        sink, nullptr, status);
  if (U_FAILURE(status)) {
    out.resize(old);
    out += ascii_lower(text);
  }
}

// Where to cut so that no character and no base with its combining marks is torn: before an ASCII
// byte, or when there is none, before some other character.
std::size_t window_end(std::string_view text) {
  if (text.size() <= kWindowBytes) return text.size();
  std::size_t fallback = 0;
  for (std::size_t end = kWindowBytes; end > kWindowBytes / 2; --end) {
    const auto byte = static_cast<unsigned char>(text[end]);
    if (byte < 0x80) return end;
    if (fallback == 0 && byte >= 0xc0) fallback = end;
  }
  return fallback == 0 ? kWindowBytes : fallback;
}

class Finder {
 public:
  explicit Finder(std::string_view needle) : needle_(needle) {}

  // True when `utf8` contains the needle.
  bool in(std::string_view utf8) {
    buffer_.clear();
    while (!utf8.empty()) {
      const std::size_t end = window_end(utf8);
      append_folded(buffer_, utf8.substr(0, end));
      utf8.remove_prefix(end);
      // memmem is linear however the needle is made; find() is not.
      if (memmem(buffer_.data(), buffer_.size(), needle_.data(), needle_.size()) != nullptr) {
        return true;
      }
      if (buffer_.size() >= needle_.size()) buffer_.erase(0, buffer_.size() - needle_.size() + 1);
    }
    return false;
  }

 private:
  std::string_view needle_;
  std::string buffer_;
};

bool header_contains(std::string_view header, Finder& finder) {
  HeaderScanner scanner(header);
  for (HeaderField field; scanner.next(field);) {
    if (field.name.empty()) continue;
    std::string line(field.name);
    line += ": ";
    line += decode_header_text(field.value);
    if (finder.in(line)) return true;
  }
  return false;
}

bool text_contains(const Part& part, Finder& finder) {
  const auto raw = part.fields.get(KnownField::kContentTransferEncoding);
  std::string decoded;
  std::string_view bytes = part.body;
  switch (raw ? transfer_encoding_of(parse_transfer_encoding(*raw)) : TransferEncoding::kIdentity) {
    case TransferEncoding::kBase64: bytes = decoded = decode_base64(part.body); break;
    case TransferEncoding::kQuotedPrintable:
      bytes = decoded = decode_quoted_printable(part.body);
      break;
    case TransferEncoding::kUnknown: return false;
    case TransferEncoding::kIdentity: break;
  }
  const std::string charset = decoded_parameter(part.type.parameters, "charset").value_or("");
  if (is_utf8_label(charset) && (is_ascii(bytes) || is_valid_utf8(bytes))) return finder.in(bytes);
  return finder.in(text_to_utf8(charset, bytes));
}

}  // namespace

std::string fold(std::string_view utf8) {
  std::string out;
  append_folded(out, utf8);
  return out;
}

bool body_contains(std::string_view message, std::string_view folded_needle, bool with_headers) {
  if (folded_needle.empty()) return true;
  Finder finder(folded_needle);
  for (const Part& part : parse_parts(message).parts) {
    if (with_headers && header_contains(part.header, finder)) return true;
    if (part.kind == Part::Kind::kLeaf && part.type.is_text() && text_contains(part, finder)) {
      return true;
    }
  }
  return false;
}

}  // namespace hauspost::mime
