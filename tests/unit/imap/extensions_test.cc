#include "protocols/imap/extensions.h"

#include <catch2/catch.hpp>

#include "protocols/imap/session.h"
#include "tests/unit/imap/grammar_test.h"

namespace hauspost::imap {
namespace {

std::string used(std::string_view line) {
  const ParsedCommand parsed = parse_line(line);
  INFO(line);
  REQUIRE(parsed.command.has_value());
  return names_of(used_by(*parsed.command));
}

}  // namespace

TEST_CASE("imap extensions: each command tells what it rests on") {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"a NOOP", ""},
      {"a SELECT INBOX", ""},
      {"a SELECT INBOX (CONDSTORE)", "CONDSTORE"},
      {"a SELECT INBOX (QRESYNC (1 2))", "QRESYNC"},
      {"a FETCH 1:* (UID FLAGS)", ""},
      {"a FETCH $ (UID MODSEQ)", "SEARCHRES CONDSTORE"},
      {"a UID FETCH 1:* FLAGS (CHANGEDSINCE 1 VANISHED)", "CONDSTORE QRESYNC"},
      {"a UID FETCH 1:* FLAGS (PARTIAL 1:9)", "PARTIAL"},
      {"a FETCH 1 (BINARY.SIZE[1] PREVIEW EMAILID SAVEDATE)", "BINARY OBJECTID SAVEDATE PREVIEW"},
      {"a SEARCH UNSEEN", ""},
      {"a SEARCH RETURN (SAVE) OR (NOT YOUNGER 9) MODSEQ 1", "ESEARCH SEARCHRES WITHIN CONDSTORE"},
      {"a UID SEARCH OR UIDAFTER 7 UIDBEFORE 9", "MESSAGELIMIT"},
      {"a SORT RETURN () (DISPLAYFROM) UTF-8 ALL", "ESEARCH SORT SORT=DISPLAY ESORT"},
      {"a THREAD REFERENCES UTF-8 ALL", "THREAD=REFERENCES"},
      {"a LIST \"\" *", ""},
      {"a LIST (SPECIAL-USE) \"\" * RETURN (STATUS (SIZE))",
       "SPECIAL-USE LIST-EXTENDED LIST-STATUS STATUS=SIZE"},
      {"a CREATE x (USE (\\Sent))", "CREATE-SPECIAL-USE"},
      {"a STATUS x (MESSAGES HIGHESTMODSEQ MAILBOXID APPENDLIMIT)",
       "CONDSTORE OBJECTID APPENDLIMIT"},
      {"a STORE 1 (UNCHANGEDSINCE 1) FLAGS ()", "CONDSTORE"},
      {"a EXPUNGE", ""},
      {"a UID EXPUNGE 1", "UIDPLUS"},
      {"a UID MOVE 1 x", "MOVE"},
      {"a COMPRESS DEFLATE", "COMPRESS=DEFLATE"},
      {"a GETQUOTAROOT x", "QUOTA"},
  };
  for (const auto& [line, names] : cases) CHECK(used(line) == names);
}

TEST_CASE("imap extensions: names in any case, and what falls with them") {
  CHECK(extension_named("qresync") == Extension::kQresync);
  CHECK(extension_named("IMAP4REV2") == Extension::kRev2);
  CHECK(extension_named("appendlimit") == Extension::kAppendLimit);
  CHECK(!extension_named("IMAP4rev1"));
  CHECK(!extension_named("SASL-IR"));  // over when the mailbox is known
  CHECK(!extension_named(""));
  CHECK(names_of(with_dependents({Extension::kCondstore})) == "CONDSTORE QRESYNC");
  CHECK(names_of(with_dependents({Extension::kSort})) == "SORT SORT=DISPLAY ESORT");
  CHECK(names_of(with_dependents({Extension::kListExtended}))
            .starts_with("IMAP4rev2 LIST-EXTENDED LIST-STATUS"));
  CHECK(names_of(with_dependents({Extension::kEnable})) ==
        "IMAP4rev2 ENABLE QRESYNC UTF8=ACCEPT UIDONLY");
  CHECK(with_dependents({}).empty());
}

TEST_CASE("imap extensions: LITERAL- stands in for LITERAL+") {
  const std::string all = capabilities(Limits{}) + ' ';
  CHECK(all.find(" LITERAL+ ") != std::string::npos);
  CHECK(all.find(" LITERAL- ") == std::string::npos);
  CHECK(all.find(" APPENDLIMIT=52428800 ") != std::string::npos);
  const std::string less = capabilities(Limits{}, {Extension::kLiteralPlus}) + ' ';
  CHECK(less.find(" LITERAL+ ") == std::string::npos);
  CHECK(less.find(" LITERAL- ") != std::string::npos);
  CHECK(less.find(" IMAP4rev2 ") != std::string::npos);
}

}  // namespace hauspost::imap
