// METADATA (RFC 5464) and LIST-METADATA (RFC 9590).
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "store/metadata.h"
#include "tests/unit/imap/session_rig.h"

namespace hauspost::imap::test {

TEST_CASE("imap metadata: set, get, replace and remove", "[metadata]") {
  Rig rig;
  Client c(rig);
  c.talk(R"(
    C: a SETMETADATA INBOX (/shared/comment "Shared comment" /private/comment "My own comment")
    S: a OK SETMETADATA completed
    C: b GETMETADATA "INBOX" /private/comment
    S: * METADATA "INBOX" (/private/comment "My own comment")
    S: b OK GETMETADATA completed
    C: c GETMETADATA INBOX (/shared/comment /private/comment)
    S: * METADATA "INBOX" (/shared/comment "Shared comment" /private/comment "My own comment")
    S: c OK GETMETADATA completed
    -- Names compare without case and are answered as they were asked for.
    C: d SETMETADATA INBOX (/PRIVATE/Comment "new")
    S: d OK ...
    C: e GETMETADATA INBOX (/private/COMMENT /private/none)
    S: * METADATA "INBOX" (/private/COMMENT "new" /private/none NIL)
    S: e OK ...
    C: f SETMETADATA INBOX (/private/comment NIL)
    S: f OK ...
    C: g GETMETADATA INBOX /private/comment
    S: * METADATA "INBOX" (/private/comment NIL)
    S: g OK ...
    -- An empty value is a value.
    C: h SETMETADATA INBOX (/private/comment "")
    S: h OK ...
    C: i GETMETADATA INBOX /private/comment
    S: * METADATA "INBOX" (/private/comment "")
    S: i OK ...
    C: j GETMETADATA nowhere /private/comment
    S: j NO [NONEXISTENT] No such mailbox
    C: k SETMETADATA nowhere (/private/comment "x")
    S: k NO [NONEXISTENT] No such mailbox)");
}

TEST_CASE("imap metadata: the server has entries too", "[metadata]") {
  Rig rig;
  Client c(rig);
  c.talk(R"(
    C: a GETMETADATA "" /shared/comment
    S: * METADATA "" (/shared/comment NIL)
    S: a OK GETMETADATA completed
    C: b SETMETADATA "" (/private/comment "mine")
    S: b OK ...
    C: c GETMETADATA "" (/private/comment)
    S: * METADATA "" (/private/comment "mine")
    S: c OK ...
    C: d SETMETADATA "" (/shared/comment "for all")
    S: d NO [NOPERM] ...
    C: e GETMETADATA INBOX /private/comment
    S: * METADATA "INBOX" (/private/comment NIL)
    S: e OK ...)");
}

TEST_CASE("imap metadata: values of any octets", "[metadata]") {
  Rig rig;
  Client c(rig);
  c.send("a SETMETADATA INBOX (/shared/comment {20}\r\n");
  c.talk("S: + OK");
  c.send("line one\r\nline two\xc3\xa4)\r\n");
  c.talk("S: a OK SETMETADATA completed");
  // literal8 alone may hold NUL.
  c.send(std::string("b SETMETADATA INBOX (/shared/bin ~{3+}\r\n\x01\0z)\r\n", 46));
  c.talk("S: b OK SETMETADATA completed");
  c.send(std::string("c SETMETADATA INBOX (/shared/bin {3+}\r\n\x01\0z)\r\n", 45));
  c.talk("S: c BAD NUL in literal");
  const std::string get = c.ask("GETMETADATA INBOX (/shared/comment /shared/bin)");
  const std::string expected(
      "* METADATA \"INBOX\" (/shared/comment {20}\r\nline one\r\nline two\xc3\xa4 "
      "/shared/bin ~{3}\r\n\x01\0z)\r\n",
      83);
  CAPTURE(get);
  CHECK(get.starts_with(expected));
}

TEST_CASE("imap metadata: depth", "[metadata]") {
  Rig rig;
  Client c(rig);
  c.ask(
      "SETMETADATA INBOX (/private/filters/values/small \"SMALLER 5000\" "
      "/private/filters/values/boss \"FROM \\\"boss@example.com\\\"\" "
      "/private/filters/values \"v\" /private/filters/values/boss/deep \"d\" "
      "/private/filters/valuesX \"x\")");
  c.talk(R"(
    C: a GETMETADATA INBOX (DEPTH 1) (/private/filters/values)
)"
      R"(    S: * METADATA "INBOX" (/private/filters/values "v" )"
      R"(/private/filters/values/boss "FROM \"boss@example.com\"" )"
      R"(/private/filters/values/small "SMALLER 5000")
    S: a OK GETMETADATA completed
    C: b GETMETADATA (DEPTH infinity) INBOX /private/filters/values
)"
      R"(    S: * METADATA "INBOX" (/private/filters/values "v" )"
      R"(/private/filters/values/boss "FROM \"boss@example.com\"" )"
      R"(/private/filters/values/boss/deep "d" /private/filters/values/small "SMALLER 5000")
    S: b OK ...
    C: c GETMETADATA INBOX (DEPTH 0) /private/filters/values
    S: * METADATA "INBOX" (/private/filters/values "v")
    S: c OK ...
    C: d GETMETADATA INBOX (DEPTH 1) /private
    S: d OK ...
    C: e GETMETADATA INBOX (DEPTH infinity) /shared
    S: e OK ...
    C: f GETMETADATA INBOX (DEPTH 2) /shared
    S: f BAD ...)");
}

TEST_CASE("imap metadata: long values are left out when asked to", "[metadata]") {
  Rig rig;
  Client c(rig);
  c.ask("SETMETADATA INBOX (/shared/comment \"" + std::string(2199, 'x') +
        "\" /private/comment \"My own comment\" /private/long \"" + std::string(1025, 'y') + "\")");
  c.talk(R"(
    C: a GETMETADATA INBOX (MAXSIZE 1024) (/shared/comment /private/comment /private/long)
    S: * METADATA "INBOX" (/private/comment "My own comment")
    S: a OK [METADATA LONGENTRIES 2199] Some values are longer
    C: b GETMETADATA (MAXSIZE 1024 DEPTH infinity) INBOX /private
    S: * METADATA "INBOX" (/private/comment "My own comment")
    S: b OK [METADATA LONGENTRIES 1025] ...
    C: c GETMETADATA INBOX (MAXSIZE 5) /shared/comment
    S: c OK [METADATA LONGENTRIES 2199] ...)");
}

TEST_CASE("imap metadata: limits, and all or nothing", "[metadata]") {
  Rig rig;
  Client c(rig);
  c.send(fmt::format("a SETMETADATA INBOX (/private/b \"kept out\" /private/a {{{}+}}\r\n{})\r\n",
                     store::kMetadataValueMax + 1, std::string(store::kMetadataValueMax + 1, 'x')));
  c.talk(fmt::format("S: a NO [METADATA MAXSIZE {}] Value is too long", store::kMetadataValueMax));
  std::string many;
  for (std::size_t i = 0; i < store::kMetadataEntriesMax; ++i)
    many += fmt::format("{}/private/e{} \"v\"", i == 0 ? "" : " ", i);
  CHECK(c.ask("SETMETADATA INBOX (" + many + ")").find(" OK ") != std::string::npos);
  c.talk(R"(
    C: b SETMETADATA INBOX (/private/e0 "changed" /private/one-more "v")
    S: b NO [METADATA TOOMANY] ...
    C: c GETMETADATA INBOX (/private/e0 /private/one-more /private/b)
    S: * METADATA "INBOX" (/private/e0 "v" /private/one-more NIL /private/b NIL)
    S: c OK ...
    C: d SETMETADATA INBOX (/private/e0 NIL /private/one-more "v")
    S: d OK ...
    -- Those of others and of everybody are counted apart.
    C: e SETMETADATA INBOX (/shared/one-more "v")
    S: e OK ...)");
}

TEST_CASE("imap metadata: names that are none", "[metadata]") {
  Rig rig;
  rig.limits.bad_commands_max = 100;
  Client c(rig);
  for (const char* entry : {"/comment", "comment", "/private/", "/private//x", "/private/a/",
                            "/privately/x", "\"/private/a*\"", "\"/private/a%b\"",
                            "\"/private/\xc3\xa4\"", "\"/private/\x01\"", "\"\""}) {
    INFO(entry);
    CHECK(c.ask(fmt::format("GETMETADATA INBOX {}", entry)).find(" BAD ") != std::string::npos);
    CHECK(c.ask(fmt::format("SETMETADATA INBOX ({} NIL)", entry)).find(" BAD ") !=
          std::string::npos);
  }
  CHECK(c.ask("SETMETADATA INBOX (/private \"x\")").find(" BAD ") != std::string::npos);
  CHECK(c.ask("SETMETADATA INBOX ()").find(" BAD ") != std::string::npos);
  CHECK(c.ask("GETMETADATA INBOX ()").find(" BAD ") != std::string::npos);
  const std::string longest = "/private/" + std::string(store::kMetadataNameMax - 1, 'n');
  CHECK(c.ask("GETMETADATA INBOX " + longest).find(" OK ") != std::string::npos);
  CHECK(c.ask("GETMETADATA INBOX " + longest + "n").find(" BAD ") != std::string::npos);
}

TEST_CASE("imap metadata: entries follow a mailbox's name and go with it", "[metadata]") {
  Rig rig;
  Client c(rig);
  c.talk(R"(
    C: a CREATE foo
    S: a OK ...
    C: b SETMETADATA foo (/private/comment "mine" /shared/comment "all")
    S: b OK ...
    C: c RENAME foo bar
    S: c OK ...
    C: d GETMETADATA bar (/private/comment /shared/comment)
    S: * METADATA "bar" (/private/comment "mine" /shared/comment "all")
    S: d OK ...
    C: e DELETE bar
    S: e OK ...
    C: f CREATE bar
    S: f OK ...
    C: g GETMETADATA bar (/private/comment /shared/comment)
    S: * METADATA "bar" (/private/comment NIL /shared/comment NIL)
    S: g OK ...)");
}

TEST_CASE("imap metadata: the use of a mailbox is an entry", "[metadata]") {
  Rig rig;
  Client c(rig);
  c.talk(R"(
    C: a GETMETADATA Sent /private/specialuse
    S: * METADATA "Sent" (/private/specialuse "\\Sent")
    S: a OK ...
    C: b GETMETADATA INBOX /private/specialuse
    S: * METADATA "INBOX" (/private/specialuse NIL)
    S: b OK ...
    C: c SETMETADATA INBOX (/private/specialuse "\\Sent")
    S: c NO [CANNOT] ...)");
}

TEST_CASE("imap metadata: who enabled it hears what others change", "[metadata]") {
  Rig rig;
  Client c(rig);
  Client other(rig);
  c.talk(R"(
    C: a ENABLE METADATA
    S: * ENABLED METADATA
    S: a OK ...)");
  other.ask("SETMETADATA INBOX (/shared/comment \"x\" /private/comment \"y\")");
  other.ask("SETMETADATA \"\" (/private/comment \"y\")");
  c.talk(R"(
    S- 
    C: b SETMETADATA Sent (/private/comment "own")
    S: * METADATA "" /private/comment
    S: * METADATA "INBOX" /shared/comment /private/comment
    S: b OK ...
    C: c NOOP
    S: c OK ...
    C: d IDLE
    S: + idling)");
  other.ask("SETMETADATA Sent (/private/comment NIL)");
  c.talk(R"(
    S: * METADATA "Sent" /private/comment
    C: DONE
    S: d OK ...)");
  CHECK(other.ask("NOOP").find("METADATA") == std::string::npos);
}

TEST_CASE("imap list-metadata: entries with the list", "[metadata]") {
  Rig rig;
  Client c(rig);
  c.ask("SETMETADATA INBOX (/shared/vendor/cmu/cyrus-imapd/color \"#b71c1c\")");
  c.talk(R"(
    C: A00 CREATE foo
    S: A00 OK ...
    C: A01 LIST "" (INBOX foo) RETURN (METADATA ("/shared/vendor/cmu/cyrus-imapd/color"))
    S: * LIST (\HasNoChildren) "/" "INBOX"
    S: * METADATA "INBOX" (/shared/vendor/cmu/cyrus-imapd/color "#b71c1c")
    S: * LIST (\HasNoChildren) "/" "foo"
    S: * METADATA "foo" (/shared/vendor/cmu/cyrus-imapd/color NIL)
    S: A01 OK LIST completed
    C: A02 LIST "" INBOX RETURN (METADATA (/shared/comment /private/comment) CHILDREN)
    S: * LIST (\HasNoChildren) "/" "INBOX"
    S: * METADATA "INBOX" (/shared/comment NIL /private/comment NIL)
    S: A02 OK ...
    C: A03 LIST "" INBOX RETURN (METADATA ())
    S: A03 BAD ...)");
}

TEST_CASE("imap metadata: an entry is told once", "[metadata]") {
  Rig rig;
  Client c(rig);
  c.talk(R"(
    C: a SETMETADATA INBOX (/private/comment "mine")
    S: a OK ...
    C: b GETMETADATA (DEPTH infinity) INBOX (/private /private/comment /private)
    S: * METADATA "INBOX" (/private/comment "mine")
    S: b OK ...
    C: c GETMETADATA INBOX (/private/comment /PRIVATE/comment)
    S: * METADATA "INBOX" (/private/comment "mine")
    S: c OK ...)");
}

// More than is kept for who does not look. The selected mailbox has nothing to do with it.
TEST_CASE("imap metadata: much that changed unseen silences nothing else", "[metadata]") {
  Rig rig;
  Client c(rig);
  Client other(rig);
  c.ask("ENABLE METADATA");
  c.ask("SELECT INBOX");
  std::string entries;
  for (std::size_t i = 0; i < store::kMetadataEntriesMax; ++i)
    entries += fmt::format("{}/private/e{} \"x\"", i == 0 ? "" : " ", i);
  for (std::size_t folder = 0; folder * store::kMetadataEntriesMax <= 1000; ++folder) {
    other.ask(fmt::format("CREATE F{}", folder));
    const std::string set = other.ask(fmt::format("SETMETADATA F{} ({})", folder, entries));
    REQUIRE(set.find(" OK ") != std::string::npos);
  }
  rig.deliver("Subject: a\r\n\r\nx\r\n");
  const std::string news = c.ask("NOOP");
  CHECK(news.find("* 1 EXISTS\r\n") != std::string::npos);
  CHECK(news.find("NOTIFICATIONOVERFLOW") == std::string::npos);
}

}  // namespace hauspost::imap::test
