#include "store/mime/header_scanner.h"

#include <cstring>

#include "base/text.h"
#include "store/mime/message.h"

namespace hauspost::mime {

namespace {

// Bytes up to and with the next LF; all of them when there is none.
std::size_t line_length(std::string_view text) {
  const void* end = std::memchr(text.data(), '\n', text.size());
  return end == nullptr ? text.size()
                        : static_cast<std::size_t>(static_cast<const char*>(end) - text.data()) + 1;
}

bool is_name_char(char c) { return c > 32 && c < 127; }

void split_name(HeaderField& field) {
  field.name = {};
  field.value = field.lines;
  const std::size_t colon = field.lines.find(':');
  if (colon == std::string_view::npos) return;
  std::string_view name = field.lines.substr(0, colon);
  while (!name.empty() && (name.back() == ' ' || name.back() == '\t')) name.remove_suffix(1);
  for (const char c : name) {
    if (!is_name_char(c)) return;
  }
  if (name.empty()) return;
  field.name = name;
  field.value = field.lines.substr(colon + 1);
}

bool is_named(const HeaderField& field, std::string_view name) {
  return !field.name.empty() && iequals(field.name, name);
}

}  // namespace

bool HeaderScanner::next(HeaderField& field) {
  if (rest_.empty() || line_end_at(rest_) != 0) return false;
  std::size_t length = line_length(rest_);
  while (length < rest_.size() && (rest_[length] == ' ' || rest_[length] == '\t')) {
    length += line_length(rest_.substr(length));
  }
  field.lines = rest_.substr(0, length);
  rest_.remove_prefix(length);
  split_name(field);
  return true;
}

std::string unfold(std::string_view raw) {
  raw = raw.substr(0, kFieldBytesMax);
  std::string out;
  out.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size();) {
    const std::size_t end = line_end_at(raw.substr(i));
    if (end == 0) {
      out += raw[i++];
      continue;
    }
    i += end;
    if (i < raw.size() && raw[i] == '\t') {
      out += ' ';
      ++i;
    }
  }
  return std::string(trim(out));
}

std::string_view header_block(std::string_view message) {
  std::size_t at = 0;
  while (at < message.size()) {
    const std::size_t empty = line_end_at(message.substr(at));
    if (empty != 0) return message.substr(0, at + empty);
    at += line_length(message.substr(at));
  }
  return message;
}

std::optional<std::string> header_field(std::string_view header, std::string_view name) {
  HeaderScanner scanner(header);
  for (HeaderField field; scanner.next(field);) {
    if (is_named(field, name)) return unfold(field.value);
  }
  return std::nullopt;
}

std::vector<std::string> header_fields(std::string_view header, std::string_view name) {
  std::vector<std::string> values;
  HeaderScanner scanner(header);
  for (HeaderField field; scanner.next(field);) {
    if (is_named(field, name)) values.push_back(unfold(field.value));
  }
  return values;
}

}  // namespace hauspost::mime
