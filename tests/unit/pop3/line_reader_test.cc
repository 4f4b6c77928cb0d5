#include "protocols/pop3/line_reader.h"

#include <catch2/catch.hpp>

#include <vector>

namespace hauspost::pop3 {
namespace {

struct Seen {
  LineReader::Event event;
  std::string line;
  bool operator==(const Seen&) const = default;
};

// Everything that comes of `bytes` when they arrive `piece` at a time.
std::vector<Seen> read_all(std::string_view bytes, std::size_t piece, std::size_t line_bytes_max) {
  LineReader reader(line_bytes_max);
  std::vector<Seen> seen;
  while (!bytes.empty()) {
    std::string_view chunk = bytes.substr(0, piece);
    bytes.remove_prefix(chunk.size());
    while (!chunk.empty()) {
      const auto step = reader.feed(chunk);
      REQUIRE(step.consumed > 0);
      chunk.remove_prefix(step.consumed);
      if (step.event == LineReader::Event::kNeedMore) continue;
      const bool line = step.event == LineReader::Event::kLine;
      seen.push_back({step.event, line ? std::string(reader.line()) : ""});
    }
  }
  return seen;
}

using enum LineReader::Event;

}  // namespace

TEST_CASE("pop3 lines: what a run of bytes holds, whole and byte by byte") {
  struct Row {
    std::string bytes;
    std::vector<Seen> seen;
  };
  const Row rows[] = {
      {"", {}},
      {"STAT\r\n", {{kLine, "STAT"}}},
      {"\r\n", {{kLine, ""}}},
      {"NOOP\r\nQUIT\r\n", {{kLine, "NOOP"}, {kLine, "QUIT"}}},
      {"NOOP\r\nQUI", {{kLine, "NOOP"}}},
      {"NOOP\nQUIT\r\n", {{kLineEnd, ""}, {kLine, "QUIT"}}},
      {"\nQUIT\r\n", {{kLineEnd, ""}, {kLine, "QUIT"}}},
      {"a\rb\r\nQUIT\r\n", {{kLineEnd, ""}, {kLine, "QUIT"}}},
      {"a\r\r\nQUIT\r\n", {{kLineEnd, ""}, {kLine, "QUIT"}}},
      {std::string(14, 'x') + "\r\nQUIT\r\n", {{kLine, std::string(14, 'x')}, {kLine, "QUIT"}}},
      {std::string(15, 'x') + "\r\nQUIT\r\n", {{kTooLong, ""}, {kLine, "QUIT"}}},
      {std::string(1000, 'x') + "\nQUIT\r\n", {{kTooLong, ""}, {kLine, "QUIT"}}},
      {std::string(kLineFloodMax - 1, 'x') + "\nQUIT\r\n", {{kTooLong, ""}, {kLine, "QUIT"}}},
      {std::string(kLineFloodMax, 'x'), {{kFlood, ""}}},
      {std::string(kLineFloodMax - 1, 'x'), {}},
  };
  for (const Row& row : rows) {
    INFO(row.bytes.substr(0, 40));
    for (const std::size_t piece :
         {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{1} << 20})
      CHECK(read_all(row.bytes, piece, 16) == row.seen);
  }
}

TEST_CASE("pop3 lines: the limit may change between lines") {
  LineReader reader(8);
  REQUIRE(reader.feed("AUTH\r\n").event == kLine);
  reader.set_line_bytes_max(32);
  CHECK(reader.line() == "AUTH");
  const std::string longer(30, 'a');
  REQUIRE(reader.feed(longer + "\r\n").event == kLine);
  CHECK(reader.line() == longer);
  reader.set_line_bytes_max(8);
  CHECK(reader.feed(longer + "\r\n").event == kTooLong);
}

}  // namespace hauspost::pop3
