#include "protocols/imap/mailbox_name.h"

#include <catch2/catch.hpp>

#include "protocols/imap/list_pattern.h"

namespace hauspost::imap {

TEST_CASE("imap mailbox names: modified UTF-7 both ways") {
  const std::pair<std::string_view, std::string_view> pairs[] = {
      {"", ""},
      {"INBOX", "INBOX"},
      {"a&-b", "a&b"},
      {"&-", "&"},
      {"&-&-", "&&"},
      {"Entw&APw-rfe", "Entwürfe"},
      {"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"},
      {"&2D3cqQ-", "💩"},
      {"&AOQ-&-", "ä&"},
      {"&-&AOQ-", "&ä"},
      {"&AAkACg-", "\t\n"},
      {"&AOQA9gD8-", "äöü"},
      {"+a!#$%*()\"\\", "+a!#$%*()\"\\"},
  };
  for (const auto& [wire, text] : pairs) {
    INFO(wire);
    CHECK(decode_utf7(wire) == std::string(text));
    CHECK(encode_utf7(text) == wire);
  }
}

TEST_CASE("imap mailbox names: what is not modified UTF-7 is refused") {
  const std::string_view bad[] = {
      "&",          "a&b",   "&AOQ", "&AOQ",
      "&AO-",        // not whole
      "&AOR-",       // stray bits
      "&AOQA-",      // a unit cut short
      "&AGE-",       // "a" has a direct form
      "&AOQ-&APY-",  // two shifts that are one
      "&2D0-",       // lone high surrogate
      "&3Kk-",       // lone low surrogate
      "&2D3YPQ-",    // high surrogate twice
      "&AOQ=-",     "&AO/-", "ä",    "a\tb", "\x7f", "&AAA-", "&A-",
  };
  for (const std::string_view wire : bad) {
    INFO(wire);
    CHECK_FALSE(decode_utf7(wire));
  }
}

TEST_CASE("imap mailbox names: INBOX in any case, as first level") {
  CHECK(mailbox_path("inbox") == "INBOX");
  CHECK(mailbox_path("iNbOx/a") == "INBOX/a");
  CHECK(mailbox_path("inboxes") == "inboxes");
  CHECK(mailbox_path("a/inbox") == "a/inbox");
  CHECK_FALSE(mailbox_path(std::string(1001, 'a')));
  CHECK(quoted_mailbox("a\"b\\ü") == "\"a\\\"b\\\\&APw-\"");
}

TEST_CASE("imap list patterns") {
  struct Case {
    std::string_view pattern;
    std::string_view path;
    bool matches;
  };
  const Case cases[] = {
      {"*", "", true},
      {"*", "a/b/c", true},
      {"%", "a", true},
      {"%", "a/b", false},
      {"%/%", "a/b", true},
      {"%/%", "a", false},
      {"%/%", "a/b/c", false},
      {"a*", "a/b", true},
      {"a%", "a/b", false},
      {"a%", "abc", true},
      {"*b", "a/b", true},
      {"%b", "a/b", false},
      {"*%", "a/b", true},
      {"%*", "a/b", true},
      {"%%", "a/b", false},
      {"", "", true},
      {"", "a", false},
      {"a", "a", true},
      {"a", "A", false},
      {"a*c*e", "abcde", true},
      {"a*c*e", "abcd", false},
      {"*a%b", "xa/a1b", true},
      {"*a%b", "xa/a1/b", false},
      {"a/%/c", "a/b/c", true},
      {"a/%/c", "a/b/d/c", false},
      {"a%b/%x", "aab/yx", true},
      {"%/x", "/x", true},
      {"*/*", "ab", false},
      {"ä%", "äö", true},
  };
  for (const Case& one : cases) {
    INFO(one.pattern << " against " << one.path);
    CHECK(ListPattern(one.pattern).matches(one.path) == one.matches);
  }
}

TEST_CASE("imap list patterns: long ones cross word borders") {
  std::string pattern;
  std::string path;
  for (int i = 0; i < 100; ++i) {
    pattern += "*ab%";
    path += "xxabyy";
  }
  CHECK(ListPattern(pattern).matches(path));
  CHECK(ListPattern(pattern + "z").matches(path + "z"));
  CHECK_FALSE(ListPattern(pattern + "q").matches(path));
  CHECK_FALSE(ListPattern(pattern + "*ab").matches(path));
  CHECK(ListPattern(std::string(64, 'a')).matches(std::string(64, 'a')));
  CHECK(ListPattern(std::string(63, 'a') + "*").matches(std::string(63, 'a')));
  CHECK_FALSE(ListPattern(std::string(63, 'a') + "*").matches(std::string(62, 'a')));
}

}  // namespace hauspost::imap
