#include "protocols/smtp/line.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace hauspost::smtp;

namespace {

struct Seen {
  LineStatus status;
  std::string line;
  bool operator==(const Seen&) const = default;
};

std::vector<Seen> scan_whole(std::string_view input, std::size_t line_max) {
  std::vector<Seen> seen;
  for (;;) {
    const LineScan scan = scan_line(input, line_max);
    if (scan.status == LineStatus::kNeedMore) return seen;
    seen.push_back({scan.status, std::string(scan.line)});
    input.remove_prefix(scan.consumed);
  }
}

std::vector<Seen> scan_byte_by_byte(std::string_view input, std::size_t line_max) {
  std::vector<Seen> seen;
  std::string buffer;
  std::size_t searched = 0;
  for (const char c : input) {
    buffer += c;
    const LineScan scan = scan_line(buffer, line_max, searched);
    searched = buffer.size();
    if (scan.status == LineStatus::kNeedMore) continue;
    seen.push_back({scan.status, std::string(scan.line)});
    buffer.erase(0, scan.consumed);
    searched = 0;
  }
  return seen;
}

}  // namespace

TEST_CASE("smtp line: only CRLF ends a line that is obeyed") {
  struct Case {
    std::string_view input;
    std::vector<Seen> seen;
  };
  const Case cases[] = {
      {"", {}},
      {"NOOP", {}},
      {"NOOP\r", {}},
      {"NOOP\r\n", {{LineStatus::kLine, "NOOP"}}},
      {"\r\n", {{LineStatus::kLine, ""}}},
      {"A\r\nB\r\nC", {{LineStatus::kLine, "A"}, {LineStatus::kLine, "B"}}},
      {"\n", {{LineStatus::kBareLineEnd, ""}}},
      {"NOOP\n", {{LineStatus::kBareLineEnd, "NOOP"}}},
      {"NOOP\nQUIT\r\n", {{LineStatus::kBareLineEnd, "NOOP"}, {LineStatus::kLine, "QUIT"}}},
      {"NO\rOP\r\nQUIT\r\n", {{LineStatus::kBareLineEnd, "NO\rOP\r"}, {LineStatus::kLine, "QUIT"}}},
      {"NOOP\r\r\n", {{LineStatus::kBareLineEnd, "NOOP\r\r"}}},
      {"12345678\r\nok\r\n", {{LineStatus::kLine, "12345678"}, {LineStatus::kLine, "ok"}}},
      {"123456789\r\nok\r\n", {{LineStatus::kTooLong, "123456789\r"}, {LineStatus::kLine, "ok"}}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.input);
    CHECK(scan_whole(c.input, 10) == c.seen);
    CHECK(scan_byte_by_byte(c.input, 10) == c.seen);
  }
}

TEST_CASE("smtp line: what never ends is a flood, however it is cut") {
  const std::string flood(kLineFloodMax + 10, 'x');
  const std::string just_fits = std::string(kLineFloodMax - 1, 'x') + "\n";
  CHECK(scan_line(std::string_view(flood).substr(0, kLineFloodMax - 1), 100).status ==
        LineStatus::kNeedMore);
  CHECK(scan_line(flood, 100).status == LineStatus::kFlood);
  CHECK(scan_line(flood + "\r\n", 100).status == LineStatus::kFlood);
  CHECK(scan_line(just_fits, 100).status == LineStatus::kTooLong);
}
