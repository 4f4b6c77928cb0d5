// Substring search in decoded text, in windows so that a large part is never folded as a whole.
#include "store/mime/search_text.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>

#include <algorithm>
#include <array>
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

// Calls `visit` (std::string_view utf8 -> bool stop) with each field as a line of text; true when
// it stopped.
template <class Visit>
bool visit_header(std::string_view header, const Visit& visit) {
  HeaderScanner scanner(header);
  for (HeaderField field; scanner.next(field);) {
    if (field.name.empty()) continue;
    std::string line(field.name);
    line += ": ";
    line += decode_header_text(field.value);
    if (visit(line)) return true;
  }
  return false;
}

// As above with the text of a part, once.
template <class Visit>
bool visit_text(const Part& part, const Visit& visit) {
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
  if (is_utf8_label(charset) && (is_ascii(bytes) || is_valid_utf8(bytes))) return visit(bytes);
  return visit(text_to_utf8(charset, bytes));
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
  const auto found = [&finder](std::string_view utf8) { return finder.in(utf8); };
  for (const Part& part : parse_parts(message).parts) {
    if (with_headers && visit_header(part.header, found)) return true;
    if (part.kind == Part::Kind::kLeaf && part.type.is_text() && visit_text(part, found)) {
      return true;
    }
  }
  return false;
}

bool holds_addresses(std::string_view field_name) {
  constexpr std::array<std::string_view, 6> kFields = {"from", "to",     "cc",
                                                       "bcc",  "sender", "reply-to"};
  return std::ranges::any_of(kFields,
                             [&](std::string_view name) { return iequals(name, field_name); });
}

bool field_contains(std::string_view name, std::string_view value, std::string_view folded_needle) {
  if (folded_needle.empty()) return true;
  const auto contains = [&](const std::string& text) {
    return fold(text).find(folded_needle) != std::string::npos;
  };
  return (holds_addresses(name) && contains(decode_address_text(value))) ||
         contains(decode_header_text(value));
}

namespace {

using store::SearchZone;

struct NamedZone {
  std::string_view field;
  SearchZone zone;
};
constexpr std::array<NamedZone, 7> kNamedZones = {{{"subject", SearchZone::kSubject},
                                                   {"from", SearchZone::kFrom},
                                                   {"to", SearchZone::kTo},
                                                   {"cc", SearchZone::kCc},
                                                   {"bcc", SearchZone::kBcc},
                                                   {"sender", SearchZone::kAddress},
                                                   {"reply-to", SearchZone::kAddress}}};

class Extractor {
 public:
  explicit Extractor(const store::SearchTextSink& sink) : sink_(sink) {}

  // True, as `visit` of visit_text: enough was taken.
  bool take(SearchZone zone, std::string_view utf8) {
    folded_.clear();
    while (!utf8.empty()) {
      if (taken_ + folded_.size() > kIndexedTextMax) return true;
      const std::size_t end = window_end(utf8);
      append_folded(folded_, utf8.substr(0, end));
      utf8.remove_prefix(end);
    }
    taken_ += folded_.size();
    sink_(zone, folded_);
    return false;
  }

  // The message's own fields, by the zones that have keys of their own.
  void take_fields(std::string_view header) {
    HeaderScanner scanner(header);
    for (HeaderField field; scanner.next(field);) {
      const auto named = std::ranges::find_if(
          kNamedZones, [&](const NamedZone& zone) { return iequals(zone.field, field.name); });
      if (named == kNamedZones.end()) continue;
      const std::string value = unfold(field.value);
      if (holds_addresses(field.name)) sink_(named->zone, fold(decode_address_text(value)));
      if (named->zone != SearchZone::kAddress) sink_(named->zone, fold(decode_header_text(value)));
    }
  }

 private:
  const store::SearchTextSink& sink_;
  std::string folded_;
  std::size_t taken_ = 0;
};

}  // namespace

bool extract_search_text(std::string_view message, const store::SearchTextSink& sink) {
  Extractor extractor(sink);
  extractor.take_fields(header_block(message));
  for (const Part& part : parse_parts(message).parts) {
    const auto header = [&](std::string_view utf8) {
      return extractor.take(SearchZone::kHeader, utf8);
    };
    const auto body = [&](std::string_view utf8) {
      return extractor.take(SearchZone::kBody, utf8);
    };
    if (visit_header(part.header, header)) return false;
    if (part.kind == Part::Kind::kLeaf && part.type.is_text() && visit_text(part, body)) {
      return false;
    }
  }
  return true;
}

}  // namespace hauspost::mime
