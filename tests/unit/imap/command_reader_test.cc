#include "protocols/imap/command_reader.h"

#include "tests/unit/imap/grammar_test.h"

namespace hauspost::imap {
namespace {

using Event = CommandReader::Event;
using Events = std::vector<Event>;

struct Case {
  std::string bytes;
  Events events;
};

void check(const std::vector<Case>& cases, const Limits& limits = {}) {
  for (const Case& one : cases) {
    INFO(one.bytes.substr(0, 80));
    for (const std::size_t piece : {one.bytes.size(), std::size_t{1}, std::size_t{3}})
      CHECK(read_pieces(one.bytes, piece, limits).events == one.events);
  }
}

}  // namespace

TEST_CASE("imap reader: lines and literals become commands") {
  check({
      {"a NOOP\r\n", {Event::kCommand}},
      {"\r\n", {Event::kCommand}},
      {"a NOOP\r\nb NOOP\r\n", {Event::kCommand, Event::kCommand}},
      {"a LOGIN {3}\r\nfoo bar\r\n", {Event::kContinue, Event::kCommand}},
      {"a LOGIN {3+}\r\nfoo {3+}\r\nbar\r\n", {Event::kCommand}},
      {"a LOGIN {0}\r\n bar\r\n", {Event::kContinue, Event::kCommand}},
      {"a APPEND x {4+}\r\n\r\n\r\n\r\n", {Event::kCommand}},
      {"a APPEND x ~{4+}\r\n\r\n\r\n\r\n", {Event::kCommand}},
      {"a NOOP {x}\r\n", {Event::kCommand}},
      {"a NOOP {}\r\n", {Event::kCommand}},
      {"a NOOP {5+ }\r\n", {Event::kCommand}},
  });
}

TEST_CASE("imap reader: a command keeps its text and the bytes of its literals") {
  const RawCommand raw = read_one(std::string("a LOGIN {3+}\r\nf\r\n {4}\r\nb\xff\0r\r\n", 29));
  CHECK(raw.text == "a LOGIN {3+}\r\n {4}\r\n");
  REQUIRE(raw.literals.size() == 2);
  CHECK(*raw.literals[0] == "f\r\n");
  CHECK(*raw.literals[1] == std::string("b\xff\0r", 4));
}

TEST_CASE("imap reader: lines must end in CRLF") {
  check({
      {"a NOOP\n", {Event::kLineEnd}},
      {"a NOOP\nb NOOP\r\n", {Event::kLineEnd, Event::kCommand}},
      {"a LOGIN {3}\nfoo\r\n", {Event::kLineEnd, Event::kCommand}},
      {"a LOGIN {3+}\nfoo\r\n", {Event::kFatal}},
  });
  CHECK(read_pieces("a\rb NOOP\r\n", 99).commands.at(0).text == "a\rb NOOP");
}

TEST_CASE("imap reader: a line over the limit is passed over") {
  Limits limits;
  limits.line_bytes_max = 20;
  const std::string junk(500, 'x');
  check({{"a 901234567890123456\r\nb NOOP\r\n", {Event::kLineTooLong, Event::kCommand}},
         {"a 9012345678901234\r\n", {Event::kCommand}},
         {"a " + junk + "\r\nb NOOP\r\n", {Event::kLineTooLong, Event::kCommand}},
         {"a " + junk + " {5}\r\nb NOOP\r\n", {Event::kLineTooLong, Event::kCommand}},
         // Its bytes would be read as commands, were they not passed over.
         {"a " + junk + " {8+}\r\nb NOOP\r\n x\r\nb NOOP\r\n",
          {Event::kLineTooLong, Event::kCommand}},
         {"a x {1+}\r\nx {1+}\r\nx {1+}\r\nx\r\n", {Event::kLineTooLong}}},
        limits);
  limits.passed_over_bytes_max = 7;
  check({{"a " + junk + " {8+}\r\nb NOOP\r\n", {Event::kFatal}},
         {"a " + junk + " {4+}\r\n0123 {4+}\r\n", {Event::kFatal}}},
        limits);
  CHECK(read_pieces("tag7 " + junk + "\r\n", 1, limits).tag == "tag7");
  CHECK(read_pieces(junk + "\r\n", 64, limits).tag == "*");
}

TEST_CASE("imap reader: literals over the limit are refused before their bytes") {
  Limits limits;
  limits.literal_bytes_max = 10;
  limits.command_bytes_max = 15;
  limits.message_bytes_max = 100;
  limits.append_bytes_max = 150;
  const std::string hundred(100, 'm');
  check({{"a LOGIN {11}\r\nb NOOP\r\n", {Event::kLiteralTooBig, Event::kCommand}},
         {"a LOGIN {11+}\r\nb NOOP\r\nxyz {1+}\r\nb f\r\nb NOOP\r\n",
          {Event::kLiteralTooBig, Event::kCommand}},
         {"a LOGIN {11+}\r\nb NOOP\r\nxyz {5}\r\nb NOOP\r\n",
          {Event::kLiteralTooBig, Event::kCommand}},
         {"a LOGIN {999999999+}\r\n", {Event::kFatal}},
         {"a LOGIN {99999999999999999999999}\r\n", {Event::kLiteralTooBig}},
         {"a LOGIN {18446744073709551615}\r\n", {Event::kLiteralTooBig}},
         {"a LOGIN {10+}\r\n0123456789 {6}\r\n", {Event::kLiteralTooBig}},
         {"a APPEND {11}\r\n", {Event::kLiteralTooBig}},  // the mailbox name
         {"a append x {100+}\r\n" + hundred + "\r\n", {Event::kCommand}},
         {"a APPEND x {101}\r\n", {Event::kLiteralTooBig}},
         {"a APPEND {1+}\r\nx (\\Seen) {100+}\r\n" + hundred + "\r\n", {Event::kCommand}},
         {"a APPEND x {100+}\r\n" + hundred + " {51}\r\n", {Event::kLiteralTooBig}}},
        limits);
  CHECK(read_pieces("a APPEND x {101}\r\n", 1, limits).append);
  CHECK_FALSE(read_pieces("a SEARCH {101}\r\n", 1, limits).append);
}

TEST_CASE("imap reader: without LITERAL+ what comes unasked is small or nothing") {
  Limits limits;
  limits.unasked_bytes_max = 4;
  check({{"a LOGIN {4+}\r\nfred {5}\r\nmabel\r\n", {Event::kContinue, Event::kCommand}},
         {"a LOGIN {5+}\r\nmabel x\r\nb NOOP\r\n", {Event::kLiteralTooBig, Event::kCommand}}},
        limits);
  CHECK(read_pieces("a7 APPEND x {5+}\r\nmabel\r\n", 1, limits).tag == "a7");
}

TEST_CASE("imap reader: idle between commands only") {
  CommandReader reader(Limits{});
  CHECK(reader.idle());
  reader.feed("a NO");
  CHECK_FALSE(reader.idle());
  reader.feed("OP\r\n");
  reader.take();
  CHECK(reader.idle());
  reader.feed("a X {3+}\r\n");
  CHECK_FALSE(reader.idle());
}

TEST_CASE("imap reader: the tag of a command") {
  CHECK(tag_of("a1 NOOP") == "a1");
  CHECK(tag_of("a1") == "a1");
  CHECK(tag_of("") == "*");
  CHECK(tag_of(" NOOP") == "*");
  CHECK(tag_of("a+b NOOP") == "*");
  CHECK(tag_of("a\x01 NOOP") == "*");
  CHECK(tag_of("(a NOOP") == "*");
  CHECK(tag_of("]! NOOP") == "]!");
}

}  // namespace hauspost::imap
