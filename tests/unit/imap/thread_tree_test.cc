#include "protocols/imap/thread_tree.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <random>

#include "protocols/imap/message_ids.h"

namespace hauspost::imap {
namespace {

std::string threads(const std::vector<ThreadMember>& members, std::size_t step = 1000) {
  ThreadTree tree;
  for (const ThreadMember& member : members) tree.add(member);
  while (tree.step(step)) {
  }
  std::string out;
  while (tree.write(out, 16)) {
  }
  return out;
}

}  // namespace

TEST_CASE("imap thread: the tree of RFC 5256 section 4") {
  // 2 alone; 3 - 6 - (4 - 23 and 44 - 7 - 96).
  const std::vector<ThreadMember> members = {
      {2, 100, "", false, "2", {}},
      {3, 200, "", false, "3", {}},
      {4, 400, "", false, "4", {"3", "6"}},
      {6, 300, "", false, "6", {"3"}},
      {7, 600, "", false, "7", {"3", "6", "44"}},
      {23, 450, "", false, "23", {"4"}},
      {44, 500, "", false, "44", {"6"}},
      {96, 700, "", false, "96", {"3", "6", "44", "7"}},
  };
  CHECK(threads(members) == "(2)(3 6 (4 23)(44 7 96))");
  CHECK(threads(members, 1) == "(2)(3 6 (4 23)(44 7 96))");
}

TEST_CASE("imap thread: siblings of a parent that is not there") {
  CHECK(threads({{3, 1, "", false, "3", {"gone"}}, {5, 2, "", false, "5", {"gone"}}}) ==
        "((3)(5))");
  // One child takes the dummy's place.
  CHECK(threads({{3, 1, "", false, "3", {"gone"}}}) == "(3)");
  // Dummies below the root vanish, their children move up.
  CHECK(threads({{1, 1, "", false, "a", {}},
                 {2, 2, "", false, "b", {"a", "x", "y"}},
                 {3, 3, "", false, "c", {"a", "x"}}}) == "(1 (2)(3))");
  CHECK(threads({{2, 2, "", false, "b", {"r", "x", "y"}}, {3, 3, "", false, "c", {"r", "z"}}}) ==
        "((2)(3))");
}

TEST_CASE("imap thread: links never close a loop and never break an older one") {
  // a says it answers b, b says it answers a.
  CHECK(threads({{1, 1, "", false, "a", {"b"}}, {2, 2, "", false, "b", {"a"}}}) == "(2 1)");
  CHECK(threads({{1, 1, "", false, "a", {"a"}}}) == "(1)");
  CHECK(threads({{1, 1, "", false, "a", {"b", "a", "b"}}, {2, 2, "", false, "b", {}}}) == "(2 1)");
  // A truncated References is put right by the message itself.
  CHECK(threads({{1, 1, "", false, "a", {}},
                 {2, 3, "", false, "c", {"a", "b"}},
                 {3, 2, "", false, "b", {"x"}}}) == "(1)(3 2)");
}

TEST_CASE("imap thread: a Message-ID belongs to the first message that has it") {
  CHECK(threads({{1, 1, "", false, "a", {}},
                 {2, 2, "", false, "a", {}},
                 {3, 3, "", false, "b", {"a"}}}) == "(1 3)(2)");
  CHECK(threads({{1, 1, "", false, "", {}}, {2, 2, "", false, "", {}}}) == "(1)(2)");
}

TEST_CASE("imap thread: threads of one subject come together") {
  // A reply without references goes below what it replies to.
  CHECK(threads({{1, 1, "S", false, "a", {}}, {2, 2, "S", true, "b", {}}}) == "(1 2)");
  // Also when the reply was sent first.
  CHECK(threads({{1, 1, "S", true, "a", {}}, {2, 2, "S", false, "b", {}}}) == "(2 1)");
  // Two that are no replies become siblings.
  CHECK(threads({{1, 1, "S", false, "a", {}}, {2, 2, "S", false, "b", {}}}) == "((1)(2))");
  CHECK(threads(
            {{1, 1, "S", true, "a", {}}, {2, 2, "S", true, "b", {}}, {3, 3, "S", true, "c", {}}}) ==
        "((1)(2)(3))");
  // Into a dummy that is there already; and two dummies become one.
  CHECK(threads({{1, 1, "S", true, "a", {"gone"}},
                 {2, 2, "S", true, "b", {"gone"}},
                 {3, 3, "S", false, "c", {}}}) == "((1)(2)(3))");
  CHECK(threads({{1, 1, "S", true, "a", {"x"}},
                 {2, 2, "S", true, "b", {"x"}},
                 {3, 3, "S", true, "c", {"y"}},
                 {4, 4, "S", true, "d", {"y"}}}) == "((1)(2)(3)(4))");
  // No subject gathers nothing.
  CHECK(threads({{1, 1, "", true, "a", {}}, {2, 2, "", true, "b", {}}}) == "(1)(2)");
}

TEST_CASE("imap thread: siblings and threads stand by their dates") {
  CHECK(threads({{1, 30, "", false, "a", {}},
                 {2, 20, "", false, "b", {"a"}},
                 {3, 10, "", false, "c", {"a"}},
                 {4, 5, "", false, "d", {}}}) == "(4)(1 (3)(2))");
  // A dummy stands where its first child does.
  CHECK(threads({{1, 10, "", false, "a", {}},
                 {2, 30, "", false, "b", {"x"}},
                 {3, 5, "", false, "c", {"x"}}}) == "((3)(2))(1)");
}

TEST_CASE("imap thread: any input names every message once") {
  std::mt19937 random(5256);
  for (int round = 0; round < 300; ++round) {
    std::vector<ThreadMember> members;
    const std::uint32_t count = random() % 60;
    const std::uint32_t ids = random() % 40 + 1;
    for (std::uint32_t i = 1; i <= count; ++i) {
      ThreadMember member;
      member.number = i;
      member.sent_s = static_cast<std::int64_t>(random() % 50);
      member.subject = fmt::format("{}", random() % 8);
      member.is_reply = random() % 2 == 0;
      member.message_id = fmt::format("{}", random() % ids);
      for (std::uint32_t k = random() % 5; k > 0; --k)
        member.references.push_back(fmt::format("{}", random() % ids));
      members.push_back(std::move(member));
    }
    const std::string out = threads(members);
    INFO("round " << round << ": " << out);
    std::vector<bool> seen(count + 1, false);
    int depth = 0;
    std::uint32_t number = 0;
    for (const char c : out + " ") {
      if (c >= '0' && c <= '9') {
        number = number * 10 + static_cast<std::uint32_t>(c - '0');
        continue;
      }
      if (number != 0) {
        REQUIRE(number <= count);
        REQUIRE_FALSE(seen[number]);
        seen[number] = true;
        number = 0;
      }
      if (c == '(') ++depth;
      if (c == ')') --depth;
      REQUIRE(depth >= 0);
    }
    REQUIRE(depth == 0);
    REQUIRE(std::ranges::count(seen, true) == count);
    REQUIRE(out == threads(members, 3));
    REQUIRE(out.find("()") == std::string::npos);
  }
}

TEST_CASE("imap thread: chains of any length in any order cost little") {
  std::vector<ThreadMember> up;
  std::vector<ThreadMember> down;
  constexpr std::uint32_t kCount = 30'000;
  for (std::uint32_t i = 1; i <= kCount; ++i) {
    up.push_back({i, i, "", false, fmt::format("{}", i), {fmt::format("{}", i - 1)}});
    down.push_back(
        {i, i, "", false, fmt::format("{}", kCount - i), {fmt::format("{}", kCount - i - 1)}});
  }
  const auto begin = std::chrono::steady_clock::now();
  CHECK(threads(up).starts_with("(1 2 3 4 "));
  CHECK(threads(down).starts_with(fmt::format("({} {} ", kCount, kCount - 1)));
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
}

TEST_CASE("imap thread: Message-IDs are found in what mailers write") {
  using Ids = std::vector<std::string>;
  CHECK(message_ids("<a@b> <c@d>", 10) == Ids{"a@b", "c@d"});
  CHECK(message_ids("<\"01KF8JCEOCBS0045PS\"@xxx.yyy.com>", 1) ==
        Ids{"01KF8JCEOCBS0045PS@xxx.yyy.com"});
  CHECK(message_ids("<\"a\\\"> b\"@c>", 1) == Ids{"a\"> b@c"});
  CHECK(message_ids("Your message of Monday <a@b> \"x\" <y>", 10) == Ids{"a@b"});
  CHECK(message_ids("<a@b\r\n c>", 10) == Ids{"a@bc"});
  CHECK(message_ids("<open <a@b>", 10) == Ids{"a@b"});
  CHECK(message_ids("<@b><a@><><a>", 10).empty());
  CHECK(message_ids("<a@b><c@d><e@f>", 2) == Ids{"a@b", "c@d"});
  const std::string longest = std::string(kMessageIdBytesMax - 2, 'x') + "@y";
  CHECK(message_ids("<" + longest + ">", 2) == Ids{longest});
  CHECK(message_ids("<x" + longest + "><c@d>", 1) == Ids{"c@d"});
}

TEST_CASE("imap thread: what a tree keeps in memory is known") {
  ThreadTree tree;
  tree.add({1, 1, std::string(500, 's'), false, std::string(900, 'a'), {std::string(900, 'b')}});
  const std::size_t first = tree.bytes();
  CHECK(first > 2300);
  CHECK(first < 5000);
  // The same names and subject again cost a message, not their length.
  tree.add({2, 2, std::string(500, 's'), false, "c", {std::string(900, 'b')}});
  CHECK(tree.bytes() > first);
  CHECK(tree.bytes() < first + 500);
}

}  // namespace hauspost::imap
