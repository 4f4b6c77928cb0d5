#include "store/mime/preview.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "store/mime/charset.h"
#include "store/mime/part_tree.h"
#include "store/mime/transfer_encoding.h"

namespace hauspost::mime {

namespace {

// Of the text, decoded: enough for 200 characters behind a long style sheet.
constexpr std::size_t kLookedAtBytes = 64 * 1024;
// Base64 and quoted-printable make at most three bytes of one.
constexpr std::size_t kEncodedBytes = 3 * kLookedAtBytes;

// Gathers text as one line: runs of white space become one space.
class Line {
 public:
  bool full() const { return characters_ >= kPreviewCharactersMax; }
  void add(std::string_view utf8) {
    for (std::size_t at = 0; at < utf8.size() && !full(); ++at) {
      const auto byte = static_cast<unsigned char>(utf8[at]);
      if (byte <= ' ' || byte == 0x7f) {
        space_ = !text_.empty();
        continue;
      }
      if (utf8.substr(at).starts_with("\u00a0")) {  // a space that does not break
        space_ = !text_.empty();
        ++at;
        continue;
      }
      // All bytes of a character or none.
      std::size_t end = at + 1;
      while (end < utf8.size() && (static_cast<unsigned char>(utf8[end]) & 0xc0) == 0x80) ++end;
      if (space_) {
        text_ += ' ';
        if (++characters_; full()) break;
      }
      space_ = false;
      text_ += utf8.substr(at, end - at);
      ++characters_;
      at = end - 1;
    }
  }
  void add_space() { space_ = !text_.empty(); }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
  std::size_t characters_ = 0;
  bool space_ = false;
};

struct Entity {
  std::string_view name;
  std::string_view text;
};
constexpr Entity kEntities[] = {
    {"amp", "&"},        {"apos", "'"},        {"auml", "\u00e4"},  {"bull", "\u2022"},
    {"copy", "\u00a9"},  {"euro", "\u20ac"},   {"gt", ">"},         {"hellip", "\u2026"},
    {"laquo", "\u00ab"}, {"ldquo", "\u201c"},  {"lsquo", "\u2018"}, {"lt", "<"},
    {"mdash", "\u2014"}, {"middot", "\u00b7"}, {"nbsp", " "},       {"ndash", "\u2013"},
    {"ouml", "\u00f6"},  {"quot", "\""},       {"raquo", "\u00bb"}, {"rdquo", "\u201d"},
    {"reg", "\u00ae"},   {"rsquo", "\u2019"},  {"shy", ""},         {"szlig", "\u00df"},
    {"trade", "\u2122"}, {"uuml", "\u00fc"},   {"zwj", ""},         {"zwnj", ""},
};

void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += {static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 0x3f))};
  } else if (code < 0x10000) {
    out += {static_cast<char>(0xe0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 0x3f)),
            static_cast<char>(0x80 | (code & 0x3f))};
  } else {
    out += {static_cast<char>(0xf0 | code >> 18), static_cast<char>(0x80 | (code >> 12 & 0x3f)),
            static_cast<char>(0x80 | (code >> 6 & 0x3f)), static_cast<char>(0x80 | (code & 0x3f))};
  }
}

// "&name;" or "&#n;" at the start of `html` as text, and how long it is; length 0: it is none.
struct Decoded {
  std::string text;
  std::size_t length = 0;
};
Decoded entity_at(std::string_view html) {
  constexpr std::size_t kLengthMax = 12;
  const std::size_t end = html.substr(0, kLengthMax).find(';');
  if (end == std::string_view::npos || end < 2) return {};
  const std::string_view name = html.substr(1, end - 1);
  if (name[0] != '#') {
    const auto* const found = std::ranges::find(kEntities, name, &Entity::name);
    if (found == std::ranges::end(kEntities)) return {};
    return {std::string(found->text), end + 1};
  }
  const bool hexadecimal = name.size() > 2 && (name[1] == 'x' || name[1] == 'X');
  std::uint32_t code = 0;
  for (const char c : name.substr(hexadecimal ? 2 : 1)) {
    const int digit = hexadecimal ? hex_digit(c) : is_digit(c) ? c - '0' : -1;
    if (digit < 0 || code > 0x10ffff) return {};
    code = code * (hexadecimal ? 16 : 10) + static_cast<std::uint32_t>(digit);
  }
  const bool character =
      code > 0x1f && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) && code != 0x200b;
  Decoded decoded{"", end + 1};
  if (character) append_utf8(decoded.text, code);
  return decoded;
}

// The tag or comment at the start of `html`: how far it goes, and what it is called.
struct Tag {
  std::string name;  // lower case, "/" in front of one that ends
  std::size_t length = 0;
};
Tag tag_at(std::string_view html) {
  if (html.starts_with("<!--")) {
    const std::size_t end = html.find("-->");
    return {"!--", end == std::string_view::npos ? html.size() : end + 3};
  }
  std::size_t end = 1;
  if (end < html.size() && html[end] == '/') ++end;
  while (end < html.size() && (is_alpha(html[end]) || is_digit(html[end]))) ++end;
  Tag tag{ascii_lower(html.substr(1, end - 1)), html.size()};
  char quote = 0;
  for (; end < html.size(); ++end) {
    if (quote != 0) {
      if (html[end] == quote) quote = 0;
    } else if (html[end] == '"' || html[end] == '\'') {
      quote = html[end];
    } else if (html[end] == '>') {
      tag.length = end + 1;
      break;
    }
  }
  return tag;
}

// What is between these is for programs.
bool hides_text(std::string_view name) {
  return name == "style" || name == "script" || name == "head" || name == "title" ||
         name == "template";
}
// Words on both sides of these belong together.
bool is_inline(std::string_view name) {
  constexpr std::array<std::string_view, 14> kInline = {"a",      "b",   "big", "code",  "em",
                                                        "font",   "i",   "s",   "small", "span",
                                                        "strong", "sub", "sup", "u"};
  if (name.starts_with('/')) name.remove_prefix(1);
  return std::ranges::find(kInline, name) != kInline.end();
}

std::string preview_of_html(std::string_view html) {
  Line line;
  while (!html.empty() && !line.full()) {
    if (html[0] == '<' && html.size() > 1 &&
        (is_alpha(html[1]) || html[1] == '/' || html[1] == '!' || html[1] == '?')) {
      const Tag tag = tag_at(html);
      html.remove_prefix(tag.length);
      if (!is_inline(tag.name)) line.add_space();
      if (!hides_text(tag.name)) continue;
      const std::string end = "</" + tag.name;
      while (!html.empty() && !istarts_with(html, end))
        html.remove_prefix(std::max<std::size_t>(1, std::min(html.find('<', 1), html.size())));
      continue;
    }
    if (const Decoded entity = html[0] == '&' ? entity_at(html) : Decoded{}; entity.length > 0) {
      line.add(entity.text);
      html.remove_prefix(entity.length);
      continue;
    }
    const std::size_t end = std::min(html.find_first_of("<&", 1), html.size());
    line.add(html.substr(0, end));
    html.remove_prefix(end);
  }
  return line.take();
}

// What a reply quotes is known already; a signature says nothing. Without them nothing may be left.
std::string preview_of_plain(std::string_view text) {
  Line line;
  Line everything;
  bool signature = false;
  for (std::string_view row : split(text, '\n')) {
    if (everything.full() && line.full()) break;
    everything.add(row);
    everything.add_space();
    if (row.ends_with('\r')) row.remove_suffix(1);
    signature = signature || row == "-- ";
    if (signature || row.starts_with('>')) continue;
    line.add(row);
    line.add_space();
  }
  std::string preview = line.take();
  return preview.empty() ? everything.take() : preview;
}

std::string decoded_text(const Part& part) {
  const auto raw = part.fields.get(KnownField::kContentTransferEncoding);
  const std::string_view body = part.body.substr(0, kEncodedBytes);
  std::string decoded;
  switch (raw ? transfer_encoding_of(parse_transfer_encoding(*raw)) : TransferEncoding::kIdentity) {
    case TransferEncoding::kBase64: decoded = decode_base64(body); break;
    case TransferEncoding::kQuotedPrintable: decoded = decode_quoted_printable(body); break;
    case TransferEncoding::kIdentity: decoded = body.substr(0, kLookedAtBytes); break;
    case TransferEncoding::kUnknown: return {};
  }
  if (decoded.size() >= kLookedAtBytes) {
    // Not within a character, which would make the whole look like no UTF-8.
    decoded.resize(kLookedAtBytes);
    decoded.resize(std::min(decoded.find_last_of(" \n>"), decoded.size()));
  }
  const std::string charset = decoded_parameter(part.type.parameters, "charset").value_or("");
  return text_to_utf8(charset, decoded);
}

bool is_attachment(const Part& part) {
  const auto raw = part.fields.get(KnownField::kContentDisposition);
  if (!raw) return false;
  const auto disposition = parse_disposition(*raw, {});
  return disposition && iequals(disposition->kind, "attachment");
}

}  // namespace

std::string make_preview(std::string_view message) {
  const PartTree tree = parse_parts(message);
  std::string preview;
  for (const Part& part : tree.parts) {
    if (!preview.empty()) break;
    if (part.kind != Part::Kind::kLeaf || is_attachment(part)) continue;
    if (part.type.is("text", "plain")) preview = preview_of_plain(decoded_text(part));
    if (part.type.is("text", "html")) preview = preview_of_html(decoded_text(part));
  }
  return preview;
}

}  // namespace hauspost::mime
