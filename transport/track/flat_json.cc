#include "transport/track/flat_json.h"

#include <algorithm>

#include "base/text.h"

namespace hauspost::transport {

namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

void append_escape(std::string& out, char c) {
  constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
  }
  out += "\\u00";
  out += kHex[static_cast<unsigned char>(c) >> 4];
  out += kHex[static_cast<unsigned char>(c) & 15];
}

bool needs_care(char c) {
  const auto octet = static_cast<unsigned char>(c);
  return octet < 0x20 || octet >= 0x7f || octet == '"' || octet == '\\';
}

// Octets of the well-formed character that starts `text`; 0: none does.
std::size_t character_at(std::string_view text) {
  for (std::size_t count = 1; count <= std::min<std::size_t>(4, text.size()); ++count)
    if (is_valid_utf8(text.substr(0, count))) return count;
  return 0;
}

void append_utf8(std::string& out, std::uint32_t scalar) {
  const auto put = [&](std::uint32_t octet) { out += static_cast<char>(octet); };
  if (scalar < 0x80) return put(scalar);
  if (scalar < 0x800) {
    put(0xc0 | scalar >> 6);
  } else {
    if (scalar < 0x10000) {
      put(0xe0 | scalar >> 12);
    } else {
      put(0xf0 | scalar >> 18);
      put(0x80 | (scalar >> 12 & 0x3f));
    }
    put(0x80 | (scalar >> 6 & 0x3f));
  }
  put(0x80 | (scalar & 0x3f));
}

// A cursor; each function returns false at what is wrong.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool at_end() {
    skip_white();
    return text_.empty();
  }
  bool take(char wanted) {
    skip_white();
    if (!text_.starts_with(wanted)) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool string(std::string& out);
  bool value(FlatJson& out);

 private:
  void skip_white() {
    while (!text_.empty() &&
           (text_[0] == ' ' || text_[0] == '\t' || text_[0] == '\r' || text_[0] == '\n'))
      text_.remove_prefix(1);
  }
  bool word(std::string_view wanted) {
    if (!text_.starts_with(wanted)) return false;
    text_.remove_prefix(wanted.size());
    return true;
  }
  bool escape(std::string& out);
  bool hex4(std::uint32_t& out);
  bool list(FlatJson& out);
  bool number(FlatJson& out);

  std::string_view text_;
};

bool Reader::hex4(std::uint32_t& out) {
  if (text_.size() < 4) return false;
  out = 0;
  for (const char c : text_.substr(0, 4)) {
    const std::size_t digit = std::string_view("0123456789abcdef").find(ascii_lower(c));
    if (digit == std::string_view::npos) return false;
    out = out * 16 + static_cast<std::uint32_t>(digit);
  }
  text_.remove_prefix(4);
  return true;
}

bool Reader::escape(std::string& out) {
  if (text_.empty()) return false;
  const char c = text_.front();
  text_.remove_prefix(1);
  constexpr std::string_view kLetters = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  if (const std::size_t at = kLetters.find(c); at != std::string_view::npos) {
    out += kMeanings[at];
    return true;
  }
  std::uint32_t scalar = 0;
  if (c != 'u' || !hex4(scalar)) return false;
  if (scalar >= 0xd800 && scalar < 0xdc00) {
    std::uint32_t low = 0;
    if (!word("\\u") || !hex4(low) || low < 0xdc00 || low >= 0xe000) return false;
    scalar = 0x10000 + ((scalar - 0xd800) << 10) + (low - 0xdc00);
  } else if (scalar >= 0xdc00 && scalar < 0xe000) {
    return false;
  }
  append_utf8(out, scalar);
  return true;
}

bool Reader::string(std::string& out) {
  if (!take('"')) return false;
  for (;;) {
    const std::size_t end = text_.find_first_of("\"\\");
    if (end == std::string_view::npos) return false;
    out.append(text_.substr(0, end));
    const char c = text_[end];
    text_.remove_prefix(end + 1);
    if (c == '"') return true;
    if (!escape(out)) return false;
  }
}

bool Reader::list(FlatJson& out) {
  out.is_list = true;
  if (take(']')) return true;
  do {
    if (!string(out.texts.emplace_back())) return false;
  } while (take(','));
  return take(']');
}

bool Reader::number(FlatJson& out) {
  std::size_t digits = 0;
  while (digits < text_.size() && is_digit(text_[digits])) ++digits;
  const auto value = parse_u64(text_.substr(0, digits));
  if (!value) return false;
  out.number = *value;
  text_.remove_prefix(digits);
  return true;
}

bool Reader::value(FlatJson& out) {
  skip_white();
  if (text_.starts_with('"')) return string(out.texts.emplace_back());
  if (take('[')) return list(out);
  if (word("true")) {
    out.number = 1;
    return true;
  }
  return word("false") || word("null") || number(out);
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const auto plain =
        static_cast<std::size_t>(std::ranges::find_if(text, needs_care) - text.begin());
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    const auto octet = static_cast<unsigned char>(text.front());
    if (octet < 0x80) {
      append_escape(out, text.front());
      text.remove_prefix(1);
      continue;
    }
    const std::size_t count = character_at(text);
    out.append(count == 0 ? kReplacement : text.substr(0, count));
    text.remove_prefix(std::max<std::size_t>(count, 1));
  }
  out += '"';
}

bool parse_flat_json(std::string_view text,
                     const std::function<bool(std::string_view, FlatJson)>& member) {
  Reader reader(text);
  if (!reader.take('{')) return false;
  if (reader.take('}')) return reader.at_end();
  do {
    std::string name;
    FlatJson value;
    if (!reader.string(name) || !reader.take(':') || !reader.value(value)) return false;
    if (!member(name, std::move(value))) return false;
  } while (reader.take(','));
  return reader.take('}') && reader.at_end();
}

}  // namespace hauspost::transport
