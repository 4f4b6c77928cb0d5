#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/unit/imap/session_rig.h"

namespace hauspost::imap::test {

TEST_CASE("imap append: UIDs, flags and dates") {
  Rig rig;
  Client c(rig);
  c.send(
      "1 APPEND Sent (\\Seen $Label) \"17-Jul-1996 02:44:25 -0700\" {10+}\r\nA: b\r\n\r\nx\n\r\n");
  c.talk(R"(
    S: 1 OK [APPENDUID ... 1] APPEND completed
    C: 2 APPEND nowhere {3+}
    C: abc
    S: 2 NO [TRYCREATE] ...
    C: 3 SELECT Sent
    S: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft $Label)
    S* 3 OK ...
    C: 4 FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE)
    S: * 1 FETCH (FLAGS ... INTERNALDATE "17-Jul-1996 09:44:25 +0000" RFC822.SIZE 10)
    S: 4 OK FETCH completed
    C: 5 APPEND Sent {3+}
    C: abc
    S: * 2 EXISTS
    S: * 2 RECENT
    S: 5 OK [APPENDUID ... 2] ...
    C: 6 FETCH 2 INTERNALDATE
    S: * 2 FETCH (INTERNALDATE "21-Nov-2026 19:15:00 +0000")
    S: 6 OK ...)");
  c.send("7 APPEND Drafts {1}\r\n");
  c.talk("S: + OK");
  c.send("a (\\Draft) {1}\r\n");
  c.talk("S: + OK");
  c.send("b\r\n");
  c.talk("S: 7 OK [APPENDUID ... 1:2] APPEND completed");
  c.send("8 APPEND Drafts {1}\r\n");
  c.talk("S: + OK");
  c.send("a {0}\r\n");
  c.talk("S: + OK");
  c.send("\r\n");
  c.talk(R"(
    S: 8 NO [CANNOT] empty message
    C: 9 STATUS Drafts (MESSAGES)
    S: * STATUS "Drafts" (MESSAGES 2)
    S: 9 OK ...)");
}

TEST_CASE("imap fetch: bodies make messages seen, PEEK does not") {
  Rig rig;
  rig.deliver("Subject: hi\r\n\r\nbody\r\n");
  Client c(rig);
  c.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...
    C: 2 UID FETCH 1 (UID BODY.PEEK[])
    S: * 1 FETCH (UID 1 BODY[] {21}
    S: Subject: hi
    S:
    S: body
    S: )
    S: 2 OK FETCH completed
    C: 3 UID FETCH 1 (UID RFC822.SIZE BODY[])
    S: * 1 FETCH (UID 1 RFC822.SIZE 21 BODY[] {21}
    S: Subject: hi
    S:
    S: body
    S: )
    S: * 1 FETCH (UID 1 FLAGS (\Seen \Recent))
    S: 3 OK FETCH completed
    C: 4 FETCH 1 BODY[TEXT]
    S: * 1 FETCH (BODY[TEXT] {6}
    S: body
    S: )
    S: 4 OK FETCH completed
    C: 5 STORE 1 -FLAGS.SILENT (\Seen)
    S: 5 OK ...
    C: 6 EXAMINE INBOX
    S* 6 OK ...
    C: 7 FETCH 1 BODY[]
    S* )
    S: 7 OK FETCH completed
    C: 8 FETCH 1 FLAGS
    S: * 1 FETCH (FLAGS ())
    S: 8 OK ...)");
}

TEST_CASE("imap fetch: sets of numbers and of UIDs") {
  Rig rig;
  rig.fill(4);
  Client c(rig);
  c.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...
    C: 2 STORE 2 +FLAGS.SILENT (\Deleted)
    S: 2 OK ...
    C: 3 EXPUNGE
    S: * 2 EXPUNGE
    S: 3 OK EXPUNGE completed
    C: 4 FETCH 1:* UID
    S: * 1 FETCH (UID 1)
    S: * 2 FETCH (UID 3)
    S: * 3 FETCH (UID 4)
    S: 4 OK ...
    C: 5 UID FETCH 2:3 (FLAGS)
    S: * 2 FETCH (UID 3 FLAGS (\Recent))
    S: 5 OK ...
    C: 6 UID FETCH 2 (FLAGS)
    S: 6 OK FETCH completed
    C: 7 UID FETCH 4294967164:4294967168 (FLAGS)
    S: 7 OK FETCH completed
    C: 8 UID FETCH 77:* (UID)
    S: * 3 FETCH (UID 4)
    S: 8 OK ...
    C: 9 FETCH 4 UID
    S: 9 BAD No such message
    C: 10 FETCH 3,1 UID
    S: * 1 FETCH (UID 1)
    S: * 3 FETCH (UID 4)
    S: 10 OK ...
    C: 11 SELECT Sent
    S* 11 OK ...
    C: 12 FETCH 1:* UID
    S: 12 OK ...
    C: 13 FETCH 1 UID
    S: 13 BAD ...
    C: 14 UID FETCH 1:* (FLAGS)
    S: 14 OK ...)");
}

TEST_CASE("imap fetch: large folders come in order over many slices") {
  Rig rig;
  Client c(rig);
  std::string append = "1 APPEND Archive";
  for (int i = 0; i < 900; ++i) append += " {1+}\r\nm";
  c.send(append + "\r\n");
  c.talk(R"(
    S: 1 OK [APPENDUID ... 1:900] ...
    C: 2 SELECT Archive
    S* 2 OK ...)");
  const std::string all = c.ask("UID FETCH 1:* (FLAGS)");
  std::string expected;
  for (int i = 1; i <= 900; ++i)
    expected += fmt::format("* {} FETCH (UID {} FLAGS (\\Recent))\r\n", i, i);
  CHECK(all == expected + "q1 OK FETCH completed\r\n");
  const std::string bodies = c.ask("FETCH 1:900 BODY[]");
  CHECK(std::string_view(bodies).find("* 900 FETCH (UID 900 FLAGS (\\Seen \\Recent))") !=
        std::string_view::npos);
  CHECK(c.ask("SEARCH UNSEEN") == "* SEARCH\r\nq3 OK SEARCH completed\r\n");
}

TEST_CASE("imap store: replace, add, remove, silent and keywords") {
  Rig rig;
  rig.fill(2);
  Client c(rig);
  c.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...
    C: 2 STORE 1 FLAGS (\Seen \Flagged)
    S: * 1 FETCH (FLAGS (\...ed \... \Recent))
    S: 2 OK STORE completed
    C: 3 UID STORE 2 +Flags ($label1)
    S: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft $label1)
    S: * OK [PERMANENTFLAGS (... $label1 \*)] ...
    S: * 2 FETCH (UID 2 FLAGS ($label1 \Recent))
    S: 3 OK STORE completed
    C: 4 STORE 1:2 -FLAGS (\Flagged $LABEL1)
    S: * 1 FETCH (FLAGS (\Seen \Recent))
    S: * 2 FETCH (FLAGS (\Recent))
    S: 4 OK ...
    C: 5 STORE 1:* +FLAGS.SILENT \Answered
    S: 5 OK STORE completed
    C: 6 UID STORE 99 +FLAGS (\Seen)
    S: 6 OK STORE completed
    C: 7 STORE 3 +FLAGS (\Seen)
    S: 7 BAD No such message
    C: 8 FETCH 1:2 FLAGS
    S: * 1 FETCH (FLAGS (...Answered...
    S: * 2 FETCH (FLAGS (\Answered \Recent))
    S: 8 OK ...)");
}

TEST_CASE("imap copy and move tell both UIDs") {
  Rig rig;
  rig.fill(4);
  Client c(rig);
  c.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...
    C: 2 UID COPY 2,4 nowhere
    S: 2 NO [TRYCREATE] ...
    C: 3 UID COPY 2,4 Archive
    S: 3 OK [COPYUID ... 2,4 1:2] COPY completed
    C: 4 COPY 9 Archive
    S: 4 BAD No such message
    C: 5 UID COPY 9 Archive
    S: 5 OK COPY completed
    C: 6 UID MOVE 1:3 nowhere
    S: 6 NO [TRYCREATE] ...
    C: 7 UID MOVE 1,3 Trash
    S: * OK [COPYUID ... 1,3 1:2] Moved
    S: * 3 EXPUNGE
    S: * 1 EXPUNGE
    S: 7 OK MOVE completed
    C: 8 UID FETCH 1:* (UID)
    S: * 1 FETCH (UID 2)
    S: * 2 FETCH (UID 4)
    S: 8 OK ...
    C: 9 COPY 1 INBOX
    S: * 3 EXISTS
    S: * 3 RECENT
    S: 9 OK [COPYUID ... 2 5] COPY completed
    C: 10 MOVE 1:2 Trash
    S: * OK [COPYUID ... 2,4 3:4] Moved
    S: * 2 EXPUNGE
    S: * 1 EXPUNGE
    S: 10 OK MOVE completed)");
}

TEST_CASE("imap expunge: all that is deleted, or only some UIDs") {
  Rig rig;
  rig.fill(6);
  Client c(rig);
  c.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...
    C: 2 EXPUNGE
    S: 2 OK EXPUNGE completed
    C: 3 STORE 1:3,6 +FLAGS.SILENT (\Deleted)
    S: 3 OK ...
    C: 4 UID EXPUNGE 2:4
    S: * 3 EXPUNGE
    S: * 2 EXPUNGE
    S: 4 OK EXPUNGE completed
    C: 5 EXPUNGE
    S: * 4 EXPUNGE
    S: * 1 EXPUNGE
    S: 5 OK EXPUNGE completed
    C: 6 FETCH 1:* UID
    S: * 1 FETCH (UID 4)
    S: * 2 FETCH (UID 5)
    S: 6 OK ...)");
}

TEST_CASE("imap search: numbers, UIDs and ESEARCH") {
  Rig rig;
  rig.fill(5);
  Client c(rig);
  c.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...
    C: 2 SEARCH SUBJECT "message 3"
    S: * SEARCH 3
    S: 2 OK SEARCH completed
    C: 3 UID SEARCH 2:4 NOT BODY "body 3"
    S: * SEARCH 2 4
    S: 3 OK SEARCH completed
    C: 4 SEARCH SEEN
    S: * SEARCH
    S: 4 OK ...
    C: 5 SEARCH RETURN (MIN MAX COUNT ALL) ALL
    S: * ESEARCH (TAG "5") MIN 1 MAX 5 ALL 1:5 COUNT 5
    S: 5 OK ...
    C: 6 UID SEARCH RETURN () OR UID 1 UID 5
    S: * ESEARCH (TAG "6") UID ALL 1,5
    S: 6 OK ...
    C: 7 SEARCH RETURN (MIN COUNT) SEEN
    S: * ESEARCH (TAG "7") COUNT 0
    S: 7 OK ...
    C: 8 SEARCH CHARSET KOI8-Z TEXT x
    S: 8 NO [BADCHARSET (UTF-8 US-ASCII ...)] ...
    C: 9 uid SEARCH CHARSET UTF-8 UNDELETED BODY {6}
    S: + OK
    C: body 2
    S: * SEARCH 2
    S: 9 OK ...)");
}

TEST_CASE("imap condstore: enabled late, the selected mailbox tells its mod-sequence") {
  Rig rig;
  rig.fill(1);
  Client c(rig);
  c.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...
    C: 2 STORE 1 +FLAGS (\Seen)
    S: * 1 FETCH (FLAGS (\Seen \Recent))
    S: 2 OK ...
    C: 3 ENABLE CONDSTORE
    S: * ENABLED CONDSTORE
    S: * OK [HIGHESTMODSEQ 2] ...
    S: 3 OK ENABLE completed
    C: 4 STORE 1 -FLAGS (\Seen)
    S: * 1 FETCH (UID 1 FLAGS (\Recent) MODSEQ (3))
    S: 4 OK ...)");
}

TEST_CASE("imap condstore: MODSEQ everywhere once asked for") {
  Rig rig;
  rig.fill(3);
  Client c(rig);
  c.talk(R"(
    C: 1 SELECT INBOX (CONDSTORE)
    S* 1 OK ...
    C: 2 FETCH 1 (MODSEQ)
    S: * 1 FETCH (MODSEQ (...))
    S: 2 OK ...
    C: 3 STORE 2 +FLAGS (\Seen)
    S: * 2 FETCH (UID 2 FLAGS (\Seen \Recent) MODSEQ (...))
    S: 3 OK ...
    -- The first message came with the first change, so its mod-sequence is 1.
    C: 4 STORE 1:3 (UNCHANGEDSINCE 1) +FLAGS (\Flagged)
    S: * 1 FETCH (UID 1 FLAGS (\Flagged \Recent) MODSEQ (...))
    S* 4 OK [MODIFIED 2:3] ...
    C: 5 UID STORE 1 (UNCHANGEDSINCE 999999) +FLAGS.SILENT (\Draft)
    S: * 1 FETCH (UID 1 MODSEQ (...))
    S: 5 OK STORE completed
    C: 6 UID FETCH 1:* (FLAGS) (CHANGEDSINCE 999999)
    S: 6 OK ...
    C: 7 SEARCH MODSEQ 1
    S: * SEARCH 1 2 3 (MODSEQ ...)
    S: 7 OK ...)");
  const std::string status = c.ask("STATUS INBOX (HIGHESTMODSEQ)");
  const std::string highest =
      status.substr(status.find("SEQ ") + 4, status.find(')') - status.find("SEQ ") - 4);
  c.talk("C: 8 UID STORE 3 +FLAGS.SILENT (\\Answered)\nS* 8 OK ...");
  CHECK(c.ask("UID FETCH 1:* (FLAGS) (CHANGEDSINCE " + highest + ")")
            .starts_with("* 3 FETCH (UID 3 FLAGS (\\Answered \\Recent) MODSEQ ("));
}

}  // namespace hauspost::imap::test
