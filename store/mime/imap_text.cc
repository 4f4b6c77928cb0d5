#include "store/mime/imap_text.h"

#include <algorithm>

namespace hauspost::mime {

namespace {

bool fits_quoted(std::string_view text) {
  return std::ranges::none_of(text, [](char c) {
    return c == '\r' || c == '\n' || c == '\0' || static_cast<unsigned char>(c) >= 0x80;
  });
}

void put_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

}  // namespace

void put_string(std::string& out, std::string_view text) {
  if (fits_quoted(text)) {
    put_quoted(out, text);
    return;
  }
  std::string clean(text);
  std::erase(clean, '\0');
  if (fits_quoted(clean)) {
    put_quoted(out, clean);
    return;
  }
  out.append("{").append(std::to_string(clean.size())).append("}\r\n").append(clean);
}

void put_nstring(std::string& out, std::optional<std::string_view> text) {
  if (text) {
    put_string(out, *text);
  } else {
    out += "NIL";
  }
}

}  // namespace hauspost::mime
