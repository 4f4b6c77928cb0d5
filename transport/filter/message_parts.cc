#include "transport/filter/message_parts.h"

#include <algorithm>

#include "base/text.h"
#include "transport/receive/header_scan.h"

namespace hauspost::transport {

namespace {

constexpr std::size_t kFieldsMax = 5000;

bool starts_field(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == 0 || colon == std::string_view::npos) return false;
  return std::ranges::all_of(text.substr(0, colon), [](char c) { return c > ' ' && c < 0x7f; }) ||
         trim(text.substr(0, colon)).size() < colon;
}

// "Name: value CRLF"; folds that are "\n" become CRLF and never a field or body of their own.
std::string field_text(std::string_view name, std::string_view value) {
  std::string out(name);
  out += value.starts_with(' ') || value.starts_with('\t') ? ":" : ": ";
  for (const std::string_view part : split(value, '\n')) {
    const std::string_view line = part.ends_with('\r') ? part.substr(0, part.size() - 1) : part;
    if (out.ends_with("\r\n")) {
      if (trim(line).empty()) continue;
      if (line.front() != ' ' && line.front() != '\t') out += '\t';
    }
    for (const char c : line) out += c == '\r' || c == '\0' ? ' ' : c;
    out += "\r\n";
  }
  return out;
}

// A body's bare LF and CR become CRLF: strict line ends hold for filters too.
void append_body(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\n' && !out.ends_with('\r')) out += '\r';
    if (c != '\n' && out.ends_with('\r')) out += '\n';
    out += c;
  }
}

}  // namespace

std::string_view MessageParts::Field::name() const {
  return trim(std::string_view(text).substr(0, text.find(':')));
}

MessageParts::MessageParts(std::string_view prefix, std::string_view message) {
  split_fields(prefix);
  for (std::size_t i = 0; i < fields_.size() && own_ == SIZE_MAX; ++i)
    if (iequals(fields_[i].name(), "Received")) own_ = i;
  // A prefix that brings the empty line of its own stands before a message without a header.
  if (prefix.ends_with("\r\n\r\n")) {
    body_ = message;
  } else {
    std::size_t end = 0;
    while (end < message.size() && !message.substr(end).starts_with("\r\n") &&
           starts_field(message.substr(end, message.find("\r\n", end) - end)))
      end = field_end(message, end);
    split_fields(message.substr(0, end));
    std::string_view rest = message.substr(end);
    if (rest.starts_with("\r\n")) rest.remove_prefix(2);
    body_ = rest;
  }
}

void MessageParts::split_fields(std::string_view header) {
  for (std::size_t at = 0; at < header.size() && !header.substr(at).starts_with("\r\n");) {
    const std::size_t end = field_end(header, at);
    fields_.push_back({std::string(header.substr(at, end - at))});
    at = end;
  }
}

std::vector<milter::HeaderField> MessageParts::fields() const {
  std::vector<milter::HeaderField> out;
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    if (i == own_) continue;
    const std::string& text = fields_[i].text;
    milter::HeaderField field{std::string(fields_[i].name()), {}};
    std::string_view value = std::string_view(text).substr(text.find(':') + 1);
    if (value.ends_with("\r\n")) value.remove_suffix(2);
    for (const char c : value)
      if (c != '\r') field.value += c;
    out.push_back(std::move(field));
  }
  return out;
}

// The index-th field of that name, from 1; an empty value takes it away, and one that is not there
// comes behind the others.
void MessageParts::change_field(const milter::Answer& change) {
  std::uint32_t seen = 0;
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    if (i == own_ || !iequals(fields_[i].name(), change.name)) continue;
    if (++seen != std::max<std::uint32_t>(change.index, 1)) continue;
    if (change.value.empty()) {
      fields_.erase(fields_.begin() + static_cast<std::ptrdiff_t>(i));
      if (own_ != SIZE_MAX && i < own_) --own_;
    } else
      fields_[i].text = field_text(change.name, change.value);
    return;
  }
  if (!change.value.empty()) fields_.push_back({field_text(change.name, change.value)});
}

bool MessageParts::apply(const milter::Answer& change) {
  using Kind = milter::Answer::Kind;
  if (fields_.size() > kFieldsMax) return false;
  switch (change.kind) {
    case Kind::kAddHeader: fields_.push_back({field_text(change.name, change.value)}); break;
    case Kind::kInsertHeader: {
      const auto place = std::min<std::size_t>(change.index, fields_.size());
      fields_.insert(fields_.begin() + static_cast<std::ptrdiff_t>(place),
                     {field_text(change.name, change.value)});
      if (own_ != SIZE_MAX && place <= own_) ++own_;
      break;
    }
    case Kind::kChangeHeader: change_field(change); break;
    case Kind::kReplaceBody:
      if (!new_body_) body_.clear();
      new_body_ = true;
      append_body(body_, change.value);
      break;
    default: return false;
  }
  changed_ = true;
  return true;
}

std::string MessageParts::to_string() const {
  std::string out;
  for (const Field& field : fields_) out += field.text;
  out += "\r\n";
  return out += body_;
}

}  // namespace hauspost::transport
