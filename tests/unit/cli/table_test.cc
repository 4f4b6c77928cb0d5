#include "tools/cli/table.h"

#include <catch2/catch.hpp>

#include "base/text.h"

using namespace hauspost;
using namespace hauspost::cli;

TEST_CASE("cli table: text stands left, numbers right, lines end where their text ends") {
  Table table({{"NAME"}, {"SIZE", true}, {"NOTE"}});
  table.add({"a", "1", "x"});
  table.add({"longer", "1000", ""});
  CHECK(table.render(0) ==
        "NAME    SIZE  NOTE\n"
        "a          1  x\n"
        "longer  1000\n");
}

TEST_CASE("cli table: what is too wide is cut, numbers never") {
  Table table({{"NAME"}, {"COUNT", true}});
  table.add({"a-very-long-name-indeed", "123456789"});
  const std::string out = table.render(24);
  CHECK(out ==
        "NAME               COUNT\n"
        "a-very-long-…  123456789\n");
}

TEST_CASE("cli table: every line fits whenever text can be cut") {
  Table table({{"FROM"}, {"TO"}, {"SIZE", true}});
  table.add({std::string(100, 'x'), "größer-als-man-denkt-und-mehr", "12 MiB"});
  table.add({"漢字漢字漢字漢字漢字漢字", std::string(50, 'y'), "1 B"});
  const std::size_t width = GENERATE(30U, 41U, 80U, 200U);
  const std::string out = table.render(width);
  for (const std::string_view line : split(out, '\n')) CHECK(display_width(line) <= width);
}

TEST_CASE("cli table: a peer's bytes cannot move the cursor") {
  CHECK(printable("a\x1b[31mb") == "a\\x1b[31mb");
  CHECK(printable("tab\tnul" + std::string(1, '\0')) == "tab\\x09nul\\x00");
  CHECK(printable("\xc2\x9b") == "\\xc2\\x9b");  // CSI as a C1 control
  CHECK(printable("\xff\xc3(") == "\\xff\\xc3(");
  CHECK(printable("grüße 漢 🙂") == "grüße 漢 🙂");
  CHECK(printable("cut \xe6\xbc") == "cut \\xe6\\xbc");
}

TEST_CASE("cli table: width counts columns, not bytes") {
  CHECK(display_width("abc") == 3);
  CHECK(display_width("äöü") == 3);
  CHECK(display_width("漢字") == 4);
  CHECK(display_width("e\xcc\x81") == 1);  // e and a combining acute
  CHECK(cut_to_width("漢字", 3) == "漢");
  CHECK(cut_to_width("äöü", 2) == "äö");
  CHECK(cut_to_width("abc", 0).empty());
}

TEST_CASE("cli table: sizes and ages as people read them") {
  struct Row {
    std::uint64_t bytes;
    std::string_view text;
  };
  const Row row = GENERATE(values<Row>({{0, "0 B"},
                                        {1023, "1023 B"},
                                        {1024, "1.0 KiB"},
                                        {1536, "1.5 KiB"},
                                        {10 * 1024, "10 KiB"},
                                        {1024 * 1024 - 1, "1.0 MiB"},
                                        {50ULL << 20, "50 MiB"},
                                        {3ULL << 40, "3.0 TiB"},
                                        {~0ULL, "16384 PiB"}}));
  CHECK(human_bytes(row.bytes) == row.text);
  CHECK(human_seconds(59) == "59s");
  CHECK(human_seconds(184) == "3m 4s");
  CHECK(human_seconds(7500) == "2h 5m");
  CHECK(human_seconds(90000) == "1d 1h");
  CHECK(human_seconds(-5) == "0s");
  CHECK(human_time(0) == "-");
}
