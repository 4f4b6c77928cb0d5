// A strict reader of ENVELOPE, BODY and BODYSTRUCTURE as the grammar of RFC 3501 section 9 and RFC
// 9051 section 9 has them: the oracle of the tests that write such text.
#pragma once

#include <string>
#include <string_view>

#include "base/text.h"

namespace hauspost::test {

class StructureReader {
 public:
  explicit StructureReader(std::string_view text) : text_(text) {}

  static bool is_envelope(std::string_view text) {
    StructureReader reader(text);
    return reader.envelope() && reader.at_ == text.size();
  }
  static bool is_body(std::string_view text, bool extended) {
    StructureReader reader(text);
    return reader.body(extended) && reader.at_ == text.size();
  }

 private:
  bool accept(std::string_view token) {
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  bool space() { return accept(" "); }
  bool number() {
    const std::size_t start = at_;
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
    return at_ > start && parse_u64(text_.substr(start, at_ - start)) <= 0xffffffffU &&
           (text_[start] != '0' || at_ == start + 1);
  }
  bool quoted() {
    value_.clear();
    if (!accept("\"")) return false;
    while (at_ < text_.size()) {
      char c = text_[at_++];
      if (c == '"') return true;
      if (c == '\\') {
        if (at_ == text_.size() || (text_[at_] != '"' && text_[at_] != '\\')) return false;
        c = text_[at_++];
      }
      if (c == '\r' || c == '\n' || c == '\0' || static_cast<unsigned char>(c) > 0x7f) return false;
      value_ += c;
    }
    return false;
  }
  bool literal() {
    if (!accept("{")) return false;
    const std::size_t start = at_;
    if (!number()) return false;
    const auto length = static_cast<std::size_t>(*parse_u64(text_.substr(start, at_ - start)));
    if (!accept("}\r\n") || text_.size() - at_ < length) return false;
    value_ = text_.substr(at_, length);
    at_ += length;
    return value_.find('\0') == std::string::npos;
  }
  bool string() { return literal() || quoted(); }
  bool nstring() { return accept("NIL") || string(); }
  bool parameters() {
    if (accept("NIL")) return true;
    if (!accept("(")) return false;
    do {
      if (!string() || !space() || !string()) return false;
    } while (space());
    return accept(")");
  }
  bool disposition() {
    return accept("NIL") || (accept("(") && string() && space() && parameters() && accept(")"));
  }
  bool languages() {
    if (!accept("(")) return nstring();
    do {
      if (!string()) return false;
    } while (space());
    return accept(")");
  }
  bool common_extension() {
    return space() && disposition() && space() && languages() && space() && nstring();
  }
  bool address() {
    return accept("(") && nstring() && space() && nstring() && space() && nstring() && space() &&
           nstring() && accept(")");
  }
  bool addresses() {
    if (accept("NIL")) return true;
    if (!accept("(")) return false;
    do {
      if (!address()) return false;
    } while (!accept(")"));
    return true;
  }
  bool envelope() {
    if (!accept("(") || !nstring() || !space() || !nstring()) return false;
    for (int i = 0; i < 6; ++i) {
      if (!space() || !addresses()) return false;
    }
    return space() && nstring() && space() && nstring() && accept(")");
  }
  bool multipart(bool extended) {
    do {
      if (!body(extended)) return false;
    } while (text_.substr(at_).starts_with("("));
    if (!space() || !string()) return false;
    return !extended || (space() && parameters() && common_extension());
  }
  bool leaf(bool extended) {
    if (!string()) return false;
    const std::string type = ascii_lower(value_);
    if (type == "multipart" || !space() || !string()) return false;
    const std::string subtype = ascii_lower(value_);
    if (!space() || !parameters() || !space() || !nstring() || !space() || !nstring() || !space() ||
        !string() || !space() || !number()) {
      return false;
    }
    if (type == "message" && (subtype == "rfc822" || subtype == "global")) {
      if (!space() || !envelope() || !space() || !body(extended) || !space() || !number()) {
        return false;
      }
    } else if (type == "text" && (!space() || !number())) {
      return false;
    }
    return !extended || (space() && nstring() && common_extension());
  }
  // Recurses: mime::Limits bound the depth of what it is given.
  bool body(bool extended) {
    if (!accept("(")) return false;
    const bool ok = text_.substr(at_).starts_with("(") ? multipart(extended) : leaf(extended);
    return ok && accept(")");
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string value_;  // of the last string read
};

}  // namespace hauspost::test
