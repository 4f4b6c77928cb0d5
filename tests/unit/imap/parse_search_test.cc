#include "tests/unit/imap/grammar_test.h"

namespace hauspost::imap {
namespace {

using enum SearchOp;

// The tree as text: what the parser understood.
std::string show(const SearchKey& key) {
  std::string inner;
  for (const SearchKey& one : key.keys) inner += " " + show(one);
  switch (key.op) {
    case kAll: return "all";
    case kAnd: return "(and" + inner + ")";
    case kOr: return "(or" + inner + ")";
    case kNot: return "(not" + inner + ")";
    case kHasFlags: return fmt::format("has:{}", key.flags);
    case kLacksFlags: return fmt::format("lacks:{}", key.flags);
    case kRecent: return "recent";
    case kSequence: return fmt::format("seq:{}", key.set.ranges.size());
    case kUid: return fmt::format("uid:{}", key.set.ranges.size());
    case kBefore:
    case kOn:
    case kSince:
    case kSentBefore:
    case kSentOn:
    case kSentSince:
      return fmt::format("day{}:{}", static_cast<int>(key.op) - static_cast<int>(kBefore), key.day);
    case kLarger:
    case kSmaller:
    case kOlder:
    case kYounger:
    case kModSeq:
      return fmt::format("n{}:{}", static_cast<int>(key.op) - static_cast<int>(kLarger),
                         key.number);
    case kHeader: return "header:" + key.field + ":" + key.text;
    default:
      return fmt::format("t{}:{}", static_cast<int>(key.op) - static_cast<int>(kFrom), key.text);
  }
}

std::string shown(std::string_view keys) {
  return show(parse_as<SearchRequest>("SEARCH " + std::string(keys)).key);
}

}  // namespace

TEST_CASE("imap parser: SEARCH keys") {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"ALL", "(and all)"},
      {"unseen Deleted", "(and lacks:1 has:8)"},
      {"NEW", "(and (and recent lacks:1))"},
      {"OLD", "(and (not recent))"},
      {"NOT SEEN", "(and (not has:1))"},
      {"OR SEEN (DRAFT FLAGGED)", "(and (or has:1 (and has:16 has:4)))"},
      {"OR NOT OR ALL ALL SEEN NOT ALL", "(and (or (not (or all all)) has:1) (not all))"},
      {"1:5,9 UID 3:*", "(and seq:2 uid:1)"},
      {"*", "(and seq:1)"},
      {"BEFORE 1-Jan-1970 SENTSINCE \"02-jan-1970\"", "(and day0:0 day5:1)"},
      {"ON 31-Dec-1969", "(and day1:-1)"},
      {"LARGER 100 SMALLER 4294967296", "(and n0:100 n1:4294967296)"},
      {"OLDER 60 YOUNGER 1", "(and n2:60 n3:1)"},
      {"MODSEQ 620162338", "(and n4:620162338)"},
      {"MODSEQ \"/flags/\\\\draft\" all 7", "(and n4:7)"},
      {"FROM smith TO \"a b\" SUBJECT {2+}\r\nhi", "(and t0:smith t1:a b t4:hi)"},
      {"HEADER Message-ID \"\"", "(and header:Message-ID:)"},
      {"BODY \"Ümläute\"", "(and t6:Ümläute)"},
      {"CHARSET UTF-8 UNDELETED BODY {9+}\r\nabcdefghi", "(and lacks:8 t6:abcdefghi)"},
      {"charset us-ascii TEXT x", "(and t7:x)"},
  };
  for (const auto& [line, expected] : cases) CHECK(shown(line) == expected);
  CHECK(parse_as<SearchRequest>("UID SEARCH ALL").uid);
  CHECK(parse_as<SearchRequest>("SEARCH MODSEQ 1").names_modseq);
  CHECK_FALSE(parse_as<SearchRequest>("SEARCH ALL").extended);
}

TEST_CASE("imap parser: KEYWORD names a flag") {
  const auto key = parse_as<SearchRequest>("SEARCH KEYWORD $label1 UNKEYWORD Junk").key;
  CHECK(key.keys.at(0).op == kHasKeyword);
  CHECK(key.keys.at(0).text == "$label1");
  CHECK(key.keys.at(1).op == kLacksKeyword);
}

TEST_CASE("imap parser: SEARCH RETURN") {
  auto wanted = parse_as<SearchRequest>("SEARCH RETURN (MIN count) ALL").extended;
  REQUIRE(wanted);
  CHECK((wanted->min && wanted->count && !wanted->max && !wanted->all));
  wanted = parse_as<SearchRequest>("UID SEARCH RETURN () CHARSET UTF-8 SEEN").extended;
  REQUIRE(wanted);
  CHECK((wanted->all && !wanted->min));
}

TEST_CASE("imap parser: SEARCH in other charsets") {
  const std::tuple<std::string_view, std::string_view, std::string_view> cases[] = {
      {"ISO-8859-1", "gr\xfc\xdf", "gr\u00fc\u00df"},
      {"iso-8859-15", "5 \xa4", "5 \u20ac"},
      {"windows-1252", "5 \x80", "5 \u20ac"},
      {"KOI8-R", "\xf0\xf2\xe9", "\u041f\u0420\u0418"},
      {"windows-1251", "\xcf\xf0", "\u041f\u0440"},
      {"GB18030", "\xd6\xd0\xce\xc4", "\u4e2d\u6587"},
      {"Big5", "\xa4\xa4\xa4\xe5", "\u4e2d\u6587"},
      {"ISO-2022-JP", "\x1b$BF|K\\\x1b(B", "\u65e5\u672c"},
      {"Shift_JIS", "\x93\xfa\x96\x7b", "\u65e5\u672c"},
      {"EUC-JP", "\xc6\xfc\xcb\xdc", "\u65e5\u672c"},
      {"EUC-KR", "\xc7\xd1", "\ud55c"},
      {"US-ASCII", "gr\u00fc\u00df", "gr\u00fc\u00df"},
  };
  for (const auto& [charset, bytes, text] : cases) {
    std::string line = "SEARCH CHARSET ";
    line += charset;
    line += " SUBJECT {" + std::to_string(bytes.size()) + "+}\r\n";
    line += bytes;
    INFO(charset);
    CHECK(parse_as<SearchRequest>(line).key.keys.at(0).text == text);
  }
  CHECK(parse_error("SEARCH CHARSET GB18030 SUBJECT {1+}\r\n\xff").text ==
        "search text is not what its charset says");
  CHECK(parse_error("SEARCH CHARSET UTF-8 SUBJECT {1+}\r\n\xff").text ==
        "search text is not UTF-8");
}

TEST_CASE("imap parser: what SEARCH refuses") {
  CHECK(parse_error("SEARCH CHARSET KOI8-Z ALL").code.starts_with("BADCHARSET (UTF-8 US-ASCII "));
  CHECK(parse_error("SEARCH CHARSET KOI8-Z ALL").no);
  for (const std::string_view keys : {"",
                                      "FOO",
                                      "ALL ",
                                      " ALL",
                                      "ALL  ALL",
                                      "NOT",
                                      "OR ALL",
                                      "OR ALL ",
                                      "()",
                                      "(ALL",
                                      "ALL)",
                                      "FROM",
                                      "BEFORE x",
                                      "BEFORE 32-Jan-2000",
                                      "BEFORE 29-Feb-2001",
                                      "BEFORE 1-Foo-2000",
                                      "BEFORE \"1-Jan-2000",
                                      "BEFORE 1-Jan-00",
                                      "LARGER -1",
                                      "LARGER x",
                                      "UID x",
                                      "YOUNGER 0",
                                      "CHARSET UTF-8",
                                      "RETURN (SAVED) ALL",
                                      "RETURN (PARTIAL 1:2 ALL) ALL",
                                      "RETURN (PARTIAL 0:2) ALL",
                                      "RETURN (PARTIAL -1:2) ALL",
                                      "EMAILID",
                                      "SAVEDON x",
                                      "RETURN ALL",
                                      "RETURN (MIN)",
                                      "HEADER x",
                                      "0",
                                      "MODSEQ \"/flags/x\" foo 1",
                                      "SUBJECT \"\xff\"",
                                      "KEYWORD \\Seen"}) {
    INFO(keys);
    CHECK_FALSE(parse_error("SEARCH " + std::string(keys)).no);
  }
}

}  // namespace hauspost::imap
