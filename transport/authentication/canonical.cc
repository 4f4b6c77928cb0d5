#include "transport/authentication/canonical.h"

#include <cstring>

#include "base/text.h"

namespace hauspost::mailauth {

namespace {

constexpr std::size_t kBufferBytes = 16 * 1024;

bool is_space(char c) { return c == ' ' || c == '\t'; }

void append_relaxed(std::string& out, std::string_view field) {
  const std::size_t colon = field.find(':');
  std::string_view name = field.substr(0, colon);
  while (!name.empty() && is_space(name.back())) name.remove_suffix(1);
  out += ascii_lower(name);
  out += ':';
  std::string_view value = colon == std::string_view::npos ? "" : field.substr(colon + 1);
  bool space = false;
  bool any = false;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (c == '\r' && i + 1 < value.size() && value[i + 1] == '\n') {
      ++i;  // a fold: the white space behind it stays
      continue;
    }
    if (is_space(c)) {
      space = true;
      continue;
    }
    if (space && any) out += ' ';
    space = false;
    any = true;
    out += c;
  }
  out += "\r\n";
}

}  // namespace

void append_canonical(std::string& out, Canonical form, std::string_view field) {
  if (form == Canonical::kRelaxed)
    append_relaxed(out, field);
  else
    out += field;
}

void BodyHash::flush() {
  hash_.update(buffer_);
  buffer_.clear();
}

void BodyHash::put(std::string_view bytes) {
  octets_ += bytes.size();
  if (buffer_.size() + bytes.size() > kBufferBytes) flush();
  if (bytes.size() > kBufferBytes)
    hash_.update(bytes);
  else
    buffer_ += bytes;
}

void BodyHash::end_lines() {
  for (; line_ends_ > 0; --line_ends_) put("\r\n");
}

void BodyHash::feed(std::string_view bytes) {
  if (buffer_.capacity() == 0) buffer_.reserve(kBufferBytes);
  if (form_ == Canonical::kRelaxed)
    feed_relaxed(bytes);
  else
    feed_simple(bytes);
}

// Everything but line ends goes in runs.
void BodyHash::feed_simple(std::string_view bytes) {
  while (!bytes.empty()) {
    if (cr_) {
      cr_ = false;
      if (bytes.front() == '\n') {
        ++line_ends_;
        bytes.remove_prefix(1);
        continue;
      }
      end_lines();
      put("\r");
    }
    const std::size_t run = std::min(bytes.find('\r'), bytes.size());
    if (run > 0) {
      end_lines();
      put(bytes.substr(0, run));
    }
    cr_ = run < bytes.size();
    bytes.remove_prefix(run + (cr_ ? 1 : 0));
  }
}

void BodyHash::feed_relaxed(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const char c = bytes[at];
    if (cr_) {
      cr_ = false;
      if (c == '\n') {
        ++line_ends_;
        space_ = false;
        ++at;
        continue;
      }
      end_lines();
      if (std::exchange(space_, false)) put(" ");
      put("\r");
    }
    if (c == '\r' || is_space(c)) {
      cr_ = c == '\r';
      space_ = space_ || !cr_;
      ++at;
      continue;
    }
    std::size_t end = at + 1;
    while (end < bytes.size() && bytes[end] != '\r' && !is_space(bytes[end])) ++end;
    end_lines();
    if (std::exchange(space_, false)) put(" ");
    put(bytes.substr(at, end - at));
    at = end;
  }
}

// Empty lines at the end go; a last line without an end gets one. An empty body is an empty line
// in the simple form and nothing in the relaxed one.
std::string BodyHash::finish() {
  if (cr_) {
    end_lines();
    if (space_) put(" ");
    put("\r");
  }
  if (octets_ > 0 || form_ == Canonical::kSimple) put("\r\n");
  flush();
  return hash_.finish();
}

MessageParts split_message(std::string_view message, std::size_t fields_max) {
  MessageParts parts;
  std::size_t at = 0;
  while (at < message.size() && parts.fields.size() < fields_max) {
    if (message.substr(at).starts_with("\r\n")) {
      parts.body = message.substr(at + 2);
      return parts;
    }
    std::size_t end = at;
    do {
      end = message.find("\r\n", end);
      end = end == std::string_view::npos ? message.size() : end + 2;
    } while (end < message.size() && is_space(message[end]));
    const std::string_view lines = message.substr(at, end - at);
    const std::size_t colon = lines.find(':');
    const bool is_field = colon != std::string_view::npos && !is_space(lines.front());
    if (!is_field && at == 0) {
      parts.body = message;  // there is no header
      return parts;
    }
    if (!is_field) {  // readers pass over it, and see the fields behind it
      at = end;
      continue;
    }
    std::string_view name = lines.substr(0, colon);
    while (!name.empty() && is_space(name.back())) name.remove_suffix(1);
    parts.fields.push_back({name, lines, lines.substr(colon + 1)});
    at = end;
  }
  return parts;
}

}  // namespace hauspost::mailauth
