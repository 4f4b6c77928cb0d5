#include "protocols/pop3/stuffing.h"

#include <catch2/catch.hpp>

#include <string>

namespace hauspost::pop3 {
namespace {

std::string stuffed(std::string_view message) {
  std::string wire;
  Stuffing stuffing(message);
  while (const auto run = stuffing.next()) {
    REQUIRE_FALSE(run->bytes.empty());
    REQUIRE(run->bytes.size() <= Stuffing::kRunBytesMax);
    if (run->dot) wire += '.';
    wire += run->bytes;
  }
  return wire;
}

// What the definition says, one octet at a time.
std::string stuffed_slowly(std::string_view message) {
  std::string wire;
  char before = '\n';
  for (const char c : message) {
    if (c == '.' && before == '\n') wire += '.';
    wire += c;
    before = c;
  }
  return wire;
}

}  // namespace

TEST_CASE("pop3 stuffing: a dot at the start of a line is doubled, and only there") {
  CHECK(stuffed("").empty());
  CHECK(stuffed(".") == "..");
  CHECK(stuffed("a.b\r\n") == "a.b\r\n");
  CHECK(stuffed(".\r\n") == "..\r\n");
  CHECK(stuffed("a\r\n.\r\n..\r\n.b") == "a\r\n..\r\n...\r\n..b");
  CHECK(stuffed("\r\n\r\n.") == "\r\n\r\n..");
  CHECK(stuffed("a\n.\nb") == "a\n..\nb");
  CHECK(stuffed("a\r.\r\n") == "a\r.\r\n");
}

TEST_CASE("pop3 stuffing: runs end where they may, also across the longest run") {
  unsigned seed = 12345;
  INFO("seed " << seed);
  const auto random = [&seed] { return seed = seed * 1664525 + 1013904223, seed >> 16; };
  for (int round = 0; round < 200; ++round) {
    std::string message;
    const std::size_t size = random() % 400;
    for (std::size_t i = 0; i < size; ++i) message += ".\n\r.a\nb."[random() % 8];
    REQUIRE(stuffed(message) == stuffed_slowly(message));
  }
  for (std::size_t before = Stuffing::kRunBytesMax - 3; before < Stuffing::kRunBytesMax + 3;
       ++before) {
    const std::string line(before, 'x');
    for (const char* tail : {"\r\n.\r\n", "\n.", ".", "\r\n", ".\r\n.a"})
      REQUIRE(stuffed(line + tail) == stuffed_slowly(line + tail));
  }
  std::string dots;
  for (int i = 0; i < 300'000; ++i) dots += ".\n";
  CHECK(stuffed(dots) == stuffed_slowly(dots));
}

TEST_CASE("pop3 TOP: the header, the empty line and so many lines") {
  const std::string message = "A: 1\r\nB: 2\r\n\r\none\r\ntwo\r\nthree";
  const auto top = [&](std::uint32_t lines) {
    return message.substr(0, top_bytes(message, lines));
  };
  CHECK(top(0) == "A: 1\r\nB: 2\r\n\r\n");
  CHECK(top(1) == "A: 1\r\nB: 2\r\n\r\none\r\n");
  CHECK(top(2) == "A: 1\r\nB: 2\r\n\r\none\r\ntwo\r\n");
  CHECK(top(3) == message);
  CHECK(top(UINT32_MAX) == message);
  CHECK(top_bytes("", 5) == 0);
  CHECK(top_bytes("A: 1\r\nB: 2", 0) == 10);         // no empty line: all is header
  CHECK(top_bytes("\r\nbody\r\nmore\r\n", 1) == 8);  // no header
  CHECK(top_bytes("A: 1\n\nx\ny\n", 1) == 8);        // bare LF
}

}  // namespace hauspost::pop3
