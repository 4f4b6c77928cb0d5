// Lexer: the tokens of structured header fields (RFC 5322 section 3.2, RFC 2045 section 5.1), read
// from the raw value: folds count as white space. Lenient: every byte sequence has a reading.
#pragma once

#include <string>
#include <string_view>

namespace hauspost::mime {

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  bool at_end() const { return at_ == text_.size(); }
  // REQUIRES: !at_end() for peek and skip.
  char peek() const { return text_[at_]; }
  void skip() { ++at_; }
  // Steps over `c` when it is next.
  bool accept(char c);

  // White space and comments, which may nest; true when there was any. The text of the last
  // comment goes to `comment` when given.
  bool skip_cfws(std::string* comment = nullptr);
  // REQUIRES: peek() == '"'. The content without quoting; a missing closing quote ends at the end.
  std::string quoted_string();
  // The longest run of bytes that are neither white space nor in `stops`; may be empty.
  std::string_view word(std::string_view stops);
  // Everything up to the next of `stops`, which is left in place.
  std::string_view until(std::string_view stops);
  // Everything up to the next "," or ";" outside quoted strings and comments.
  void until_separator();
  std::string_view rest() const { return text_.substr(at_); }

 private:
  void skip_comment(std::string* comment);

  std::string_view text_;
  std::size_t at_ = 0;
};

inline bool is_white(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
// RFC 2045 section 5.1 token.
bool is_token(std::string_view text);

}  // namespace hauspost::mime
