#include "tools/cli/amount.h"

#include <catch2/catch.hpp>

using namespace hauspost::cli;

TEST_CASE("cli amounts: sizes", "[amount]") {
  const std::pair<const char*, std::uint64_t> good[] = {
      {"0", 0},           {"1000", 1000},       {"512k", 512 << 10}, {"36M", 36 << 20},
      {"2G", 2ULL << 30}, {"2GiB", 2ULL << 30}, {"1tb", 1ULL << 40}, {"7b", 7},
  };
  for (const auto& [text, bytes] : good) {
    CAPTURE(text);
    CHECK(parse_size(text) == bytes);
  }
  for (const char* text : {"", "G", "-1", "1.5G", "2X", "2Gx", "99999999999G", " 1", "1 G"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_size(text));
  }
}

TEST_CASE("cli amounts: times", "[amount]") {
  const std::pair<const char*, std::int64_t> good[] = {
      {"0", 0}, {"90", 90}, {"5m", 300}, {"12h", 43'200}, {"14d", 1'209'600}, {"2w", 1'209'600}};
  for (const auto& [text, seconds] : good) {
    CAPTURE(text);
    CHECK(parse_duration(text) == seconds);
  }
  for (const char* text : {"", "d", "-1d", "1.5d", "1y", "1dd", "9999999999w"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_duration(text));
  }
  for (const char* text : {"0", "90s", "5m", "12h", "14d"}) {
    CAPTURE(text);
    CHECK(duration_text(*parse_duration(text)) == text);
  }
}

TEST_CASE("cli amounts: moments", "[amount]") {
  constexpr std::int64_t kNow = 1'795'288'500;
  CHECK(parse_moment("3d", kNow) == kNow - 3 * 86'400);
  CHECK(parse_moment("1795288000", kNow) == 1'795'288'000);
  const auto day = parse_moment("2026-11-21", kNow);
  REQUIRE(day);
  CHECK(parse_moment("2026-11-21 01:30", kNow) == *day + 5400);
  for (const char* text : {"", "2026-13-01", "2026-11-21x", "yesterday"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_moment(text, kNow));
  }
}
