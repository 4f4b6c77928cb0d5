// Cursor: the small rules of the IMAP grammar (RFC 3501 section 9), one function each, over the
// text of one command. A rule that does not match leaves an error at its offset; nothing is undone.
#pragma once

#include <concepts>
#include <expected>
#include <string>
#include <string_view>

#include "protocols/imap/command_parser.h"

namespace hauspost::imap {

template <class T = void>
using Parsed = std::expected<T, ParseError>;

// ATOM-CHAR.
bool is_atom_char(char c);
// ASTRING-CHAR: ATOM-CHAR or "]".
bool is_astring_char(char c);

// REQUIRES: the command and the limits outlive the cursor.
class Cursor {
 public:
  Cursor(const RawCommand& raw, const Limits& limits, bool utf8 = false)
      : raw_(raw), limits_(limits), utf8_(utf8) {}

  const Limits& limits() const { return limits_; }
  bool utf8() const { return utf8_; }
  bool at_end() const { return offset_ == raw_.text.size(); }
  // The next character; NUL at the end.
  char peek() const { return at_end() ? '\0' : raw_.text[offset_]; }
  char peek_second() const {
    return offset_ + 1 < raw_.text.size() ? raw_.text[offset_ + 1] : '\0';
  }
  // True when `word` comes next, in any case, and ends there.
  bool next_is_word(std::string_view word) const;

  bool accept(char c);
  // Takes `text` in any case when it comes next, whatever follows.
  bool accept_text(std::string_view text);
  Parsed<> expect(char c);
  Parsed<> space();
  Parsed<> end() const;  // nothing is left

  std::string_view take_while(bool (*wanted)(char));
  Parsed<std::string_view> atom();
  Parsed<std::string> keyword();  // an atom in upper case
  Parsed<std::string> quoted();
  Parsed<std::string> string();  // quoted or literal
  Parsed<std::string> astring();
  Parsed<std::optional<std::string>> nstring();
  // The next literal's bytes as they were received; `binary` tells a literal8.
  struct Literal {
    std::shared_ptr<const std::string> bytes;
    bool binary = false;
  };
  Parsed<Literal> literal();

  Parsed<std::uint32_t> number();     // 32 bits
  Parsed<std::uint32_t> nz_number();  // not zero
  Parsed<std::uint64_t> number64();   // 63 bits (RFC 7162 mod-sequence-value)
  Parsed<SequenceSet> sequence_set();         // or "$" (RFC 5182)
  Parsed<SequenceSet> known_set();            // sequence-set without "*" (RFC 7162 section 7)
  Parsed<PartialRange> partial_range();       // RFC 9394 section 4

  // A mailbox name as UTF-8 path; INBOX in any case becomes "INBOX". `spelled` gets it as the client
  // wrote it, in UTF-8.
  Parsed<std::string> mailbox(std::string* spelled = nullptr);

  // date (RFC 3501), quoted or not, as days since 1970-01-01.
  Parsed<std::int32_t> date();
  // date-time in its quotes, as Unix seconds.
  Parsed<std::int64_t> date_time();

  // flag-list in parentheses, or with `bare` also flags separated by spaces.
  Parsed<FlagList> flag_list(bool bare);

  // "(" element *(SP element) ")", at least `least` of them and at most list_elements_max.
  template <class Element>
    requires std::same_as<decltype(std::declval<Element>()()), Parsed<>>
  Parsed<> list(std::size_t least, Element element);

  std::unexpected<ParseError> bad(std::string text) const;
  std::unexpected<ParseError> no(std::string code, std::string text) const;

 private:
  Parsed<> flag(FlagList& into);
  Parsed<std::uint32_t> sequence_number();

  const RawCommand& raw_;
  const Limits& limits_;
  bool utf8_;  // the client enabled UTF8=ACCEPT
  std::size_t offset_ = 0;
  std::size_t next_literal_ = 0;
};

template <class Element>
  requires std::same_as<decltype(std::declval<Element>()()), Parsed<>>
Parsed<> Cursor::list(std::size_t least, Element element) {
  TRY(expect('('));
  std::size_t count = 0;
  while (peek() != ')') {
    if (count > 0) TRY(space());
    if (++count > limits_.list_elements_max) return bad("list is too long");
    TRY(element());
  }
  if (count < least) return bad("list is empty");
  return expect(')');
}

}  // namespace hauspost::imap
