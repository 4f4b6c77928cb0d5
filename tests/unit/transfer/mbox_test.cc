// mbox files as the world writes them.
#include "rig.h"
#include "server/transfer/mbox_line.h"
#include "server/transfer/mbox_source.h"

using namespace hauspost;
using namespace hauspost::transfer;
using namespace hauspost::transfer::test;

TEST_CASE("mbox: separators are lines with a date, nothing else", "[mbox]") {
  CHECK(parse_from_line("From a@b Thu Nov 21 19:14:00 2013")->date_s == 1385061240);
  CHECK(parse_from_line("From a@b Thu Nov 21 19:14 2013")->date_s == 1385061240);
  CHECK(parse_from_line("From - Thu Nov 21 19:14:00 2013\r")->date_s == 1385061240);
  CHECK(parse_from_line("From a b c Thu Nov  7 19:14:00 2013")->date_s == 1383851640);
  CHECK(parse_from_line("From a@b Thu Nov 21 19:14:00 CET 2013"));
  CHECK(parse_from_line("From a@b Thu Nov 21 20:14:00 2013 +0100")->date_s == 1385061240);
  CHECK(parse_from_line("From a@b Thu Nov 21 20:14:00 +0100 2013")->date_s == 1385061240);
  CHECK(parse_from_line("From Thu Nov 21 19:14:00 2013"));
  for (const char* text :
       {"From", "From ", "From here to there", "from a@b Thu Nov 21 19:14:00 2013",
        "From a@b Thu Nov 32 19:14:00 2013", "From a@b Thu Nov 21 25:14:00 2013",
        "From a@b Thu Nov 21 19:14:00", "From a@b Xxx Nov 21 19:14:00 2013",
        "From a@b Thu Nov 21 19:14:00 13", ">From a@b Thu Nov 21 19:14:00 2013",
        "From a@b Thu Nov 21 19:14:00 2013 and more words"}) {
    INFO(text);
    CHECK_FALSE(parse_from_line(text));
  }
  for (const std::int64_t date : {0LL, 1385061240LL, 951782400LL, 4102444799LL})
    CHECK(parse_from_line(from_line("a@b", date))->date_s == date);
}

TEST_CASE("mbox: quoting, states and line ends", "[mbox]") {
  Rig rig;
  const std::string path = rig.path("x.mbox");
  for (const std::string_view end : {"\n", "\r\n"}) {
    std::string text;
    for (const std::string_view line : {"From a@b Thu Nov 21 19:14:00 2013",
                                        "Subject: one",
                                        "Status: RO",
                                        "X-Status: AF",
                                        "X-Keywords: $Label1 work",
                                        "X-UID: 17",
                                        "",
                                        ">From here",
                                        ">>From there",
                                        "From nowhere, no separator",
                                        "",
                                        "From a@b Thu Nov 21 19:15:00 2013",
                                        "Subject: two",
                                        "X-Mozilla-Status: 0005",
                                        "X-Mozilla-Keys: later",
                                        "",
                                        "",
                                        "",
                                        "From - Thu Nov 21 19:16:00 2013",
                                        "X-Mozilla-Status: 0009",
                                        "Subject: gone",
                                        "",
                                        "x",
                                        ""})
      text.append(line).append(end);
    write_file(path, text);
    const auto items = read_all(path);
    REQUIRE(items.size() == 3);
    CHECK(items[0].body ==
          "Subject: one\r\n\r\nFrom here\r\n>From there\r\nFrom nowhere, no separator\r\n");
    CHECK(items[0].flags == (store::kSeen | store::kAnswered | store::kFlagged));
    CHECK(items[0].keywords == std::vector<std::string>{"$Label1", "work"});
    CHECK(items[0].date_s == 1385061240);
    CHECK(items[1].body == "Subject: two\r\n\r\n\r\n");
    CHECK(items[1].flags == (store::kSeen | store::kFlagged));
    CHECK(items[1].keywords == std::vector<std::string>{"later"});
    CHECK(items[2].kind == Item::Kind::kDropped);
  }
}

TEST_CASE("mbox: a Content-Length that holds is the message's end, one that does not is nothing",
          "[mbox]") {
  Rig rig;
  const std::string inner = "one\n\nFrom x@y Thu Nov 21 19:14:00 2013\ntwo\n";
  const auto file = [&](std::size_t length) {
    write_file(
        rig.path("x.mbox"),
        "From a@b Thu Nov 21 19:14:00 2013\nSubject: a\nContent-Length: " + std::to_string(length) +
            "\n\n" + inner + "\nFrom a@b Thu Nov 21 19:15:00 2013\nSubject: b\n\nthree\n");
    return messages_of(read_all(rig.path("x.mbox")));
  };
  const auto good = file(inner.size());
  REQUIRE(good.size() == 2);
  CHECK(good[0].body ==
        "Subject: a\r\n\r\none\r\n\r\nFrom x@y Thu Nov 21 19:14:00 2013\r\ntwo\r\n");
  CHECK(good[1].body == "Subject: b\r\n\r\nthree\r\n");
  for (const std::size_t length : {std::size_t{2}, inner.size() - 5, std::size_t{1'000'000}}) {
    const auto bad = file(length);
    REQUIRE(bad.size() == 3);
    CHECK(bad[0].body ==
          "Subject: a\r\nContent-Length: " + std::to_string(length) + "\r\n\r\none\r\n");
  }
}

TEST_CASE("mbox: what is hostile or broken is counted, and the rest is read", "[mbox]") {
  Rig rig;
  const std::string path = rig.path("x.mbox");
  SECTION("no separator at all") {
    write_file(path, "Subject: x\n\nbody\n");
    const auto items = read_all(path, Format::kMbox);
    REQUIRE(items.size() == 1);
    CHECK(items[0].kind == Item::Kind::kBad);
  }
  SECTION("rubbish in front") {
    write_file(path, "rubbish\n\nFrom a@b Thu Nov 21 19:14:00 2013\nSubject: x\n\nbody\n");
    const auto items = read_all(path, Format::kMbox);
    REQUIRE(items.size() == 2);
    CHECK(items[0].kind == Item::Kind::kBad);
    CHECK(items[1].body == "Subject: x\r\n\r\nbody\r\n");
  }
  SECTION("cut off in a header, in a body, behind a separator") {
    for (const std::string_view tail : {"Subj", "Subject: x\n\nbo", "Subject: x"}) {
      write_file(path, "From a@b Thu Nov 21 19:14:00 2013\n" + std::string(tail));
      const auto items = read_all(path);
      REQUIRE(items.size() == 1);
      CHECK(items[0].kind == Item::Kind::kMessage);
    }
    write_file(path, "From a@b Thu Nov 21 19:14:00 2013\n");
    CHECK(read_all(path).at(0).kind == Item::Kind::kBad);
  }
  SECTION("a line of many megabytes, and NULs") {
    std::string text = "From a@b Thu Nov 21 19:14:00 2013\nSubject: x\n\n" +
                       std::string(20 << 20, 'x') + "\nend\n\n" +
                       "From a@b Thu Nov 21 19:15:00 2013\nSubject: y\n\n" + std::string(9, '\0') +
                       "\n";
    write_file(path, text);
    const auto items = read_all(path);
    REQUIRE(items.size() == 2);
    CHECK(items[0].body == "Subject: x\r\n\r\n" + std::string(20 << 20, 'x') + "\r\nend\r\n");
    CHECK(items[1].body == "Subject: y\r\n\r\n" + std::string(9, '\0') + "\r\n");
    const auto small = read_all(path, Format::kMbox, {.message_bytes_max = 1 << 20});
    REQUIRE(small.size() == 2);
    CHECK(small[0].kind == Item::Kind::kLarge);
    CHECK(small[1].kind == Item::Kind::kMessage);
  }
  SECTION("a line of many megabytes in a header") {
    const std::string line = "X: " + std::string(20 << 20, 'x');
    write_file(path, "From a@b Thu Nov 21 19:14:00 2013\n" + line + "\n\nbody\n");
    const auto items = read_all(path);
    REQUIRE(items.size() == 1);
    CHECK((items[0].body == line + "\r\n\r\nbody\r\n"));
    CHECK(read_all(path, Format::kMbox, {.message_bytes_max = 1 << 20}).at(0).kind ==
          Item::Kind::kLarge);
  }
  SECTION("CRLF exactly where a piece of a long line ends") {
    for (const std::size_t length : {512 * 1024 - 1, 512 * 1024 - 47, 512 * 1024 - 48,
                                     512 * 1024 - 49, 512 * 1024, 512 * 1024 + 1}) {
      write_file(path, "From a@b Thu Nov 21 19:14:00 2013\r\nSubject: x\r\n\r\n" +
                           std::string(length, 'x') + "\r\nend\r\n");
      const auto items = read_all(path);
      REQUIRE(items.size() == 1);
      CHECK((items[0].body == "Subject: x\r\n\r\n" + std::string(length, 'x') + "\r\nend\r\n"));
    }
  }
}

TEST_CASE("mbox: goes on at any place where it stood", "[mbox]") {
  Rig rig;
  std::string text;
  for (int i = 0; i < 20; ++i) {
    text += "From a@b Thu Nov 21 19:14:00 2013\nSubject: " + std::to_string(i) + "\n\n" +
            std::string(static_cast<std::size_t>(i) * 7, 'x') + "\n\n";
  }
  write_file(rig.path("tree/a.mbox"), text);
  write_file(rig.path("tree/b.sbd/c"), text);
  write_file(rig.path("tree/b"), "");
  write_file(rig.path("tree/b.msf"), "// index");
  const auto whole = read_all(rig.path("tree"));
  CHECK(std::ranges::count(whole, Item::Kind::kFolder, &Item::kind) == 3);
  REQUIRE(messages_of(whole).size() == 40);
  CHECK(messages_of(whole).back().folder == "b/c");
  for (std::size_t stop = 0; stop <= whole.size(); ++stop) {
    auto first = *open_source(rig.path("tree"), Format::kMbox, {});
    Item item;
    for (std::size_t i = 0; i < stop; ++i) REQUIRE(*first->next(item));
    auto second = *open_source(rig.path("tree"), Format::kMbox, {});
    const auto resumed = second->resume(first->position());
    if (!resumed) FAIL(resumed.error().text);
    const auto rest = read_all(*second);
    REQUIRE(rest.size() == whole.size() - stop);
    for (std::size_t i = 0; i < rest.size(); ++i) {
      CHECK(rest[i].body == whole[stop + i].body);
      CHECK(rest[i].folder == whole[stop + i].folder);
    }
  }
  auto changed = *open_source(rig.path("tree"), Format::kMbox, {});
  CHECK(changed->resume("17 1 a.mbox").error().code == ErrorCode::kCorrupt);
  CHECK(changed->resume("0 1 gone.mbox").error().code == ErrorCode::kCorrupt);
  CHECK_FALSE(changed->resume("nonsense"));
}
