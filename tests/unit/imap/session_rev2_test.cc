// IMAP4rev2 (RFC 9051): what differs once it is enabled, section by section.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/unit/imap/session_rig.h"

namespace hauspost::imap::test {

TEST_CASE("imap rev2: announced beside rev1 and enabled by name", "[rev2]") {
  Rig rig;
  Client c(rig);
  c.talk(R"(
    C: 1 CAPABILITY
    S: * CAPABILITY IMAP4rev1 IMAP4rev2 ...
    S: 1 OK CAPABILITY completed
    C: 2 ENABLE X-GOOD-IDEA
    S: * ENABLED
    S: 2 OK ENABLE completed
    C: 3 enable imap4REV2 CONDSTORE
    S: * ENABLED IMAP4rev2 CONDSTORE
    S: 3 OK ENABLE completed
    -- Once more is no harm.
    C: 4 ENABLE IMAP4rev2
    S: * ENABLED IMAP4rev2
    S: 4 OK ENABLE completed)");
}

TEST_CASE("imap rev2: SELECT lists the mailbox and says nothing of recent messages", "[rev2]") {
  Rig rig;
  rig.fill(2);
  Client c(rig);
  c.talk(R"(
    C: 1 ENABLE IMAP4rev2
    S* 1 OK ...
    C: A142 SELECT INBOX
    S: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft $Forwarded $MDNSent $Junk $NotJunk $Phishing)
    S: * OK [PERMANENTFLAGS (\Answered ... $Forwarded $MDNSent $Junk $NotJunk $Phishing \*)] ...
    S: * 2 EXISTS
    S: * OK [UIDVALIDITY ...] ...
    S: * OK [UIDNEXT 3] ...
    S: * OK [HIGHESTMODSEQ ...] ...
    S: * OK [MAILBOXID (...)] ...
    S: * LIST () "/" "INBOX"
    S: A142 OK [READ-WRITE] SELECT completed
    C: A143 FETCH 1 FLAGS
    S: * 1 FETCH (FLAGS ())
    S: A143 OK FETCH completed
    C: A144 STATUS INBOX (MESSAGES RECENT UNSEEN DELETED SIZE)
    S: * STATUS "INBOX" (MESSAGES 2 RECENT 0 UNSEEN 2 DELETED 0 SIZE ...)
    S: A144 OK STATUS completed)");
  rig.deliver("Subject: new\r\n\r\nx\r\n");
  c.talk(R"(
    C: A145 NOOP
    S: * 3 EXISTS
    S: A145 OK NOOP completed
    -- A failed SELECT leaves nothing selected.
    C: A146 SELECT nowhere
    S: * OK [CLOSED] ...
    S: A146 NO [NONEXISTENT] ...
    C: A147 FETCH 1 FLAGS
    S: A147 BAD No mailbox selected)");
  // Whoever speaks IMAP4rev1 still has them as recent.
  Client old(rig);
  CHECK(old.ask("SELECT INBOX").find("* 3 RECENT\r\n") != std::string::npos);
}

TEST_CASE("imap rev2: enabling it with a mailbox selected ends the talk of recent ones", "[rev2]") {
  Rig rig;
  rig.fill(1);
  Client c(rig);
  c.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...
    C: 2 FETCH 1 FLAGS
    S: * 1 FETCH (FLAGS (\Recent))
    S: 2 OK FETCH completed
    C: 3 ENABLE IMAP4rev2
    S: * ENABLED IMAP4rev2
    S: 3 OK ENABLE completed
    C: 4 FETCH 1 FLAGS
    S: * 1 FETCH (FLAGS ())
    S: 4 OK FETCH completed)");
}

TEST_CASE("imap rev2: a name that is spelled otherwise is told with OLDNAME", "[rev2]") {
  Rig rig;
  Client c(rig);
  c.talk(R"(
    C: 1 ENABLE IMAP4rev2
    S* 1 OK ...
    C: 2 EXAMINE inbox
    S* * LIST () "/" "INBOX" ("OLDNAME" ("inbox"))
    S: 2 OK [READ-ONLY] EXAMINE completed
    -- A name is kept composed.
    C: 3 CREATE "Gru)"
      "\xcc\x88"
      R"(n"
    S: * LIST () "/" "Grün" ("OLDNAME" ("Gru)"
      "\xcc\x88"
      R"(n"))
    S: 3 OK [MAILBOXID ...] CREATE completed
    C: 4 SELECT "Gru)"
      "\xcc\x88"
      R"(n"
    S* * LIST () "/" "Grün" ("OLDNAME" ("Gru)"
      "\xcc\x88"
      R"(n"))
    S: 4 OK ...
    C: 5 RENAME "Grün" Green
    S: * LIST () "/" "Green" ("OLDNAME" ("Grün"))
    S: 5 OK RENAME completed
    C: 6 CREATE owatagusiam/
    S: 6 OK [MAILBOXID ...] CREATE completed
    C: 7 LIST "" owa*
    S: * LIST (\HasNoChildren) "/" "owatagusiam"
    S: 7 OK LIST completed)");
}

TEST_CASE("imap rev2: names are UTF-8, as IMAP4rev1 shows in UTF-7", "[rev2]") {
  Rig rig;
  Client old(rig);
  old.ask("CREATE Entw&APw-rfe");
  CHECK(old.ask("LIST \"\" Entw*").find("\"Entw&APw-rfe\"") != std::string::npos);
  Client c(rig);
  c.talk(R"(
    C: 1 ENABLE IMAP4rev2
    S* 1 OK ...
    C: 2 LIST "" Entw*
    S: * LIST (\HasNoChildren) "/" "Entwürfe"
    S: 2 OK ...
    C: 3 STATUS "Entwürfe" (MESSAGES)
    S: * STATUS "Entwürfe" (MESSAGES 0)
    S: 3 OK ...
    C: 4 CREATE "A&B"
    S: 4 OK ...
    C: 5 CREATE "a)" "\x80" R"("
    S: 5 BAD quoted string is not UTF-8)");
  CHECK(old.ask("LIST \"\" A*B").find("\"A&-B\"") != std::string::npos);
}

TEST_CASE("imap rev2: SEARCH is answered by ESEARCH alone", "[rev2]") {
  Rig rig;
  rig.fill(4);
  Client c(rig);
  c.talk(R"(
    C: 1 ENABLE IMAP4rev2
    S* 1 OK ...
    C: 2 SELECT INBOX
    S* 2 OK ...
    C: A282 SEARCH SUBJECT message
    S: * ESEARCH (TAG "A282") ALL 1:4
    S: A282 OK SEARCH completed
    C: A283 SEARCH TEXT "string not in mailbox"
    S: * ESEARCH (TAG "A283")
    S: A283 OK SEARCH completed
    C: A284 UID SEARCH RETURN () 2:3
    S: * ESEARCH (TAG "A284") UID ALL 2:3
    S: A284 OK SEARCH completed
    C: A285 SEARCH RETURN (MIN COUNT) ALL
    S: * ESEARCH (TAG "A285") MIN 1 COUNT 4
    S: A285 OK SEARCH completed
    C: A286 SEARCH RETURN (SAVE) 2,4
    S: A286 OK SEARCH completed
    C: A287 FETCH $ UID
    S: * 2 FETCH (UID 2)
    S: * 4 FETCH (UID 4)
    S: A287 OK FETCH completed
    -- What is refused saves nothing.
    C: A288 SEARCH RETURN (SAVE) CHARSET X-NONE SUBJECT a
    S: A288 NO [BADCHARSET (...)] ...
    C: A289 FETCH $ UID
    S: A289 OK FETCH completed
    C: A290 SEARCH CHARSET UTF-8 SUBJECT "message 3"
    S: * ESEARCH (TAG "A290") ALL 3
    S: A290 OK SEARCH completed
    C: A291 SEARCH CHARSET US-ASCII RECENT
    S: * ESEARCH (TAG "A291")
    S: A291 OK SEARCH completed)");
}

TEST_CASE("imap rev2: LIST of RFC 9051 section 6.3.9", "[rev2]") {
  Rig rig;
  Client c(rig);
  c.talk(R"(
    C: 1 ENABLE IMAP4rev2
    S* 1 OK ...
    C: A101 LIST "" ""
    S: * LIST (\Noselect) "/" ""
    S: A101 OK LIST completed
    C: 2 CREATE Foo/Bar
    S: 2 OK ...
    C: 3 SUBSCRIBE Foo/Bar
    S: 3 OK ...
    C: A102 LIST (SUBSCRIBED RECURSIVEMATCH) "" "Foo"
    S: * LIST (\HasChildren) "/" "Foo" ("CHILDINFO" ("SUBSCRIBED"))
    S: A102 OK LIST completed
    C: A103 LIST "" (Foo "Foo/%") RETURN (CHILDREN SUBSCRIBED STATUS (MESSAGES UNSEEN))
    S: * LIST (\HasChildren) "/" "Foo"
    S: * STATUS "Foo" (MESSAGES 0 UNSEEN 0)
    S: * LIST (\HasNoChildren \Subscribed) "/" "Foo/Bar"
    S: * STATUS "Foo/Bar" (MESSAGES 0 UNSEEN 0)
    S: A103 OK LIST completed
    C: A104 DELETE Foo
    S: A104 NO [HASCHILDREN] ...
    C: A105 DELETE Foo/Bar
    S: A105 OK DELETE completed
    C: A106 DELETE nowhere
    S: A106 NO [NONEXISTENT] ...
    C: A107 CREATE INBOX
    S: A107 NO [ALREADYEXISTS] ...
    C: A108 DELETE INBOX
    S: A108 NO [CANNOT] ...
    C: A109 LIST (SUBSCRIBED NOSUCH) "" *
    S: A109 BAD ...)");
}

TEST_CASE("imap rev2: RENAME of INBOX moves its messages and leaves it", "[rev2]") {
  Rig rig;
  rig.fill(2);
  Client c(rig);
  c.talk(R"(
    C: 1 ENABLE IMAP4rev2
    S* 1 OK ...
    C: Z432 LIST "" "INBOX"
    S: * LIST (\HasNoChildren) "/" "INBOX"
    S: Z432 OK LIST completed
    C: Z433 RENAME INBOX old-mail
    S: Z433 OK RENAME completed
    C: Z434 STATUS INBOX (MESSAGES)
    S: * STATUS "INBOX" (MESSAGES 0)
    S: Z434 OK STATUS completed
    C: Z435 STATUS old-mail (MESSAGES)
    S: * STATUS "old-mail" (MESSAGES 2)
    S: Z435 OK STATUS completed)");
}

TEST_CASE("imap rev2: APPEND, COPY and MOVE tell UIDs and TRYCREATE", "[rev2]") {
  Rig rig;
  rig.fill(3);
  Client c(rig);
  c.send("1 ENABLE IMAP4rev2\r\n2 APPEND Sent (\\Seen $Forwarded) {6+}\r\nA: b\r\n\r\n");
  c.talk(R"(
    S* 1 OK ...
    S: 2 OK [APPENDUID ... 1] APPEND completed)");
  c.send("A003 APPEND nowhere {6+}\r\nA: b\r\n\r\n");
  c.talk(R"(
    S: A003 NO [TRYCREATE] ...
    C: 3 SELECT INBOX
    S* 3 OK ...
    C: A004 COPY 2:3 MEETING
    S: A004 NO [TRYCREATE] ...
    C: A005 CREATE MEETING
    S: A005 OK ...
    C: A006 COPY 2:3 MEETING
    S: A006 OK [COPYUID ... 2:3 1:2] COPY completed
    C: A007 UID MOVE 1 MEETING
    S: * OK [COPYUID ... 1 3] Moved
    S: * 1 EXPUNGE
    S: A007 OK MOVE completed
    C: A008 UID COPY 999 MEETING
    S: A008 OK COPY completed
    C: A009 STORE 1:2 +FLAGS.SILENT (\Deleted $Junk)
    S: A009 OK STORE completed
    C: A010 UID EXPUNGE 3
    S* * 2 EXPUNGE
    S: A010 OK EXPUNGE completed
    C: A011 UNSELECT
    S: A011 OK UNSELECT completed
    C: A012 LOGOUT
    S: * BYE ...
    S: A012 OK LOGOUT completed
    S: (closed))");
}

TEST_CASE("imap rev2: BINARY, parts and headers by FETCH", "[rev2]") {
  Rig rig;
  rig.deliver(
      "Subject: s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
      "--b\r\nContent-Transfer-Encoding: base64\r\n\r\nSGVsbG8=\r\n"
      "--b\r\nContent-Transfer-Encoding: x-none\r\n\r\nxx\r\n--b--\r\n");
  Client c(rig);
  c.talk(R"(
    C: 1 ENABLE IMAP4rev2
    S* 1 OK ...
    C: 2 SELECT INBOX
    S* 2 OK ...
    C: 3 FETCH 1 (BINARY.SIZE[1] BINARY.PEEK[1]<1.3> BODY.PEEK[HEADER.FIELDS (Subject)])
    S: * 1 FETCH (BINARY.SIZE[1] 5 BINARY[1]<1> {3}
    S: ell BODY[HEADER.FIELDS (Subject)] {14}
    S: Subject: s
    S: 
    S: )
    S: 3 OK FETCH completed
    C: 4 FETCH 1 BINARY.PEEK[2]
    S: 4 NO [UNKNOWN-CTE] ...
    C: 5 FETCH 1 (BODY.PEEK[9])
    S: * 1 FETCH (BODY[9] NIL)
    S: 5 OK FETCH completed
    C: 6 FETCH 1 BODY[2.MIME]
    S: * 1 FETCH (BODY[2.MIME] {...
    S* 6 OK FETCH completed
    C: 7 FETCH 2 FLAGS
    S: 7 BAD No such message)");
}

TEST_CASE("imap rev2: what another session expunged is told apart", "[rev2]") {
  Rig rig;
  rig.fill(2);
  Client a(rig);
  a.ask("ENABLE IMAP4rev2");
  a.ask("SELECT INBOX");
  Client b(rig);
  b.ask("SELECT INBOX");
  b.ask("UID MOVE 2 Trash");
  a.talk(R"(
    C: 1 FETCH 1:2 RFC822.SIZE
    S: * 1 FETCH (RFC822.SIZE ...)
    S: 1 OK [EXPUNGEISSUED] ...
    C: 2 NOOP
    S: * 2 EXPUNGE
    S: 2 OK NOOP completed)");
}

TEST_CASE("imap rev2: a literal comes byte by byte", "[rev2]") {
  Rig rig;
  Client c(rig);
  const std::string bytes =
      "1 APPEND {5+}\r\nINBOX (\\Seen) ~{13+}\r\nA: b\r\n\r\n{9}\r\n\r\n"
      "2 STATUS {5+}\r\ninbox (MESSAGES)\r\n";
  for (const char byte : bytes) {
    c.send(std::string_view(&byte, 1));
    rig.io.poll();
  }
  c.talk(R"(
    S: 1 OK [APPENDUID ... 1] APPEND completed
    S: * STATUS "INBOX" (MESSAGES 1)
    S: 2 OK STATUS completed
    C: 3 SELECT INBOX
    S* 3 OK ...
    C: 4 FETCH 1 BODY[TEXT]
    S: * 1 FETCH (BODY[TEXT] {5}
    S: {9}
    S: )
    S: 4 OK FETCH completed)");
}

TEST_CASE("imap rev2: one that is too big is passed over and the session goes on", "[rev2]") {
  Rig rig;
  rig.limits.message_bytes_max = 1000;
  Client c(rig);
  const std::string big(2000, '\n');
  c.send("1 APPEND INBOX {2000+}\r\n" + big + "\r\n2 SEARCH BODY {70000+}\r\n" +
         std::string(70'000, 'x') + "\r\n3 NOOP\r\n");
  c.talk(R"(
    S: 1 NO [TOOBIG] Literal is too big
    S: 2 BAD [TOOBIG] Literal is too big
    S: 3 OK NOOP completed)");
}

}  // namespace hauspost::imap::test
