// MESSAGELIMIT (RFC 9738): what one command may process, and where the client is told to go on.
#include <catch2/catch.hpp>

#include "tests/unit/imap/session_rig.h"

namespace hauspost::imap::test {
namespace {

constexpr std::uint64_t kLimit = 3;

Rig& limited_rig(Rig& rig, int messages) {
  rig.limits.command_messages_max = kLimit;
  rig.fill(messages);
  return rig;
}

}  // namespace

TEST_CASE("imap messagelimit: announced with its number, and only where there is one") {
  Rig rig;
  Client plain(rig);
  CHECK_FALSE(plain.ask("CAPABILITY").contains("MESSAGELIMIT"));
  Rig other;
  Client c(limited_rig(other, 1));
  CHECK(c.ask("CAPABILITY").contains(" MESSAGELIMIT=3\r\n"));
  plain.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...
    C: 2 UID SEARCH UIDAFTER 1
    S: 2 BAD ...)");
}

TEST_CASE("imap messagelimit: FETCH, STORE and SEARCH do the latest, and say from where on") {
  Rig rig;
  Client c(limited_rig(rig, 6));
  c.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...
    C: 2 FETCH 1:5 (UID)
    S: * 3 FETCH (UID 3)
    S: * 4 FETCH (UID 4)
    S: * 5 FETCH (UID 5)
    S: 2 OK [MESSAGELIMIT 3 3] ...
    C: 3 UID FETCH 1:2,6 (UID)
    S: * 1 FETCH (UID 1)
    S: * 2 FETCH (UID 2)
    S: * 6 FETCH (UID 6)
    S: 3 OK FETCH completed
    C: 4 UID STORE 1:* +FLAGS (\Flagged)
    S: * 4 FETCH (UID 4 FLAGS (\Flagged \Recent))
    S: * 5 FETCH (UID 5 FLAGS (\Flagged \Recent))
    S: * 6 FETCH (UID 6 FLAGS (\Flagged \Recent))
    S: 4 OK [MESSAGELIMIT 3 4] ...
    -- What is looked at counts, not what matches.
    C: 5 SEARCH UNFLAGGED
    S: * SEARCH
    S: 5 OK [MESSAGELIMIT 3 4] ...
    C: 6 UID SEARCH UID 1:3 UNFLAGGED
    S: * SEARCH 1 2 3
    S: 6 OK SEARCH completed
    C: 7 UID SEARCH RETURN (SAVE COUNT) ALL
    S: * ESEARCH (TAG "7") UID COUNT 3
    S: 7 OK [MESSAGELIMIT 3 4] ...
    C: 8 FETCH $ (UID)
    S: * 4 FETCH (UID 4)
    S: * 5 FETCH (UID 5)
    S: * 6 FETCH (UID 6)
    S: 8 OK FETCH completed)");
}

TEST_CASE("imap messagelimit: COPY and APPEND do nothing, MOVE and UID EXPUNGE the latest") {
  Rig rig;
  Client c(limited_rig(rig, 7));
  c.talk(R"(
    C: 1 CREATE There
    S* 1 OK ...
    C: 2 SELECT INBOX
    S* 2 OK ...
    C: 3 UID COPY 1:4 There
    S: 3 NO [MESSAGELIMIT 3 2] ...
    C: 4 STATUS There (MESSAGES)
    S: * STATUS "There" (MESSAGES 0)
    S: 4 OK ...
    C: 5 UID COPY 2:4 There
    S: 5 OK [COPYUID ... 2:4 1:3] ...
    C: 6 UID MOVE 1:4 There
    S: * OK [COPYUID ... 2:4 4:6] ...
    S: * 4 EXPUNGE
    S: * 3 EXPUNGE
    S: * 2 EXPUNGE
    S: 6 OK [MESSAGELIMIT 3 2] ...
    C: 7 UID MOVE 1:4 There
    S: * OK [COPYUID ... 1 7] ...
    S: * 1 EXPUNGE
    S: 7 OK MOVE completed
    C: 8 APPEND There {1+}
    C: a {1+}
    C: b {1+}
    C: c {1+}
    C: d
    S: 8 NO [MESSAGELIMIT 3] ...)");
}

TEST_CASE("imap messagelimit: UID EXPUNGE counts what is deleted, EXPUNGE and CLOSE know no limit") {
  Rig rig;
  Client c(limited_rig(rig, 9));
  c.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...
    C: 2 STORE 1:3 +FLAGS.SILENT (\Deleted)
    S: 2 OK ...
    -- Six messages, three of them deleted.
    C: 3 UID EXPUNGE 1:6
    S: * 3 EXPUNGE
    S: * 2 EXPUNGE
    S: * 1 EXPUNGE
    S: 3 OK EXPUNGE completed
    C: 4 UID STORE 4:6 +FLAGS.SILENT (\Deleted)
    S: 4 OK ...
    C: 5 UID STORE 7:9 +FLAGS.SILENT (\Deleted)
    S: 5 OK ...
    C: 6 UID EXPUNGE 4:8
    S: * 5 EXPUNGE
    S: * 4 EXPUNGE
    S: * 3 EXPUNGE
    S: 6 OK [MESSAGELIMIT 3 6] ...
    C: 7 UID EXPUNGE 4:8
    S: * 2 EXPUNGE
    S: * 1 EXPUNGE
    S: 7 OK EXPUNGE completed)");
  rig.fill(4);
  c.talk(R"(
    C: 8 NOOP
    S* 8 OK ...
    C: 9 STORE 3:5 +FLAGS.SILENT (\Deleted)
    S: 9 OK ...
    C: 10 STORE 2 +FLAGS.SILENT (\Deleted)
    S: 10 OK ...
    C: 11 EXPUNGE
    S: * 5 EXPUNGE
    S: * 4 EXPUNGE
    S: * 3 EXPUNGE
    S: * 2 EXPUNGE
    S: * 1 EXPUNGE
    S: 11 OK EXPUNGE completed)");
}

TEST_CASE("imap messagelimit: one code has room, so the other goes ahead") {
  Rig rig;
  Client c(limited_rig(rig, 5));
  Client other(rig);
  other.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...)");
  c.talk(R"(
    C: 1 ENABLE QRESYNC
    S* 1 OK ...
    C: 2 SELECT INBOX
    S* 2 OK ...)");
  other.talk(R"(
    C: 2 STORE 4 +FLAGS.SILENT (\Deleted)
    S: 2 OK ...
    C: 3 EXPUNGE
    S: * 4 EXPUNGE
    S: 3 OK ...)");
  c.talk(R"(
    C: 3 FETCH 1:5 (UID)
    S: * 3 FETCH (UID 3)
    S: * 5 FETCH (UID 5)
    S: * NO [MESSAGELIMIT 3 3] ...
    S* 3 OK [EXPUNGEISSUED] ...
    C: 4 NOOP
    S* 4 OK ...
    C: 5 UID STORE 1:* (UNCHANGEDSINCE 1) +FLAGS.SILENT (\Seen)
    S: * NO [MESSAGELIMIT 3 2] ...
    S* 5 OK [MODIFIED 2:3,5] ...
    C: 6 UID MOVE 1:* INBOX
    S: * OK [COPYUID ... 2:3,5 6:8] ...
    S: * NO [MESSAGELIMIT 3 2] ...
    S: * VANISHED 2:3,5
    S* 6 OK [HIGHESTMODSEQ ...] ...)");
}

TEST_CASE("imap messagelimit: what cannot be cut is refused") {
  Rig rig;
  Client c(limited_rig(rig, 4));
  c.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...
    C: 2 UID FETCH 1:* (UID) (PARTIAL -1:-4)
    S: 2 NO [MESSAGELIMIT 3] ...
    C: 3 UID FETCH 1:* (UID) (PARTIAL -1:-2)
    S: * 3 FETCH (UID 3)
    S: * 4 FETCH (UID 4)
    S: 3 OK FETCH completed
    C: 4 UID SEARCH RETURN (PARTIAL 1:4) ALL
    S: 4 NO [MESSAGELIMIT 3] ...
    C: 5 SORT (SUBJECT) UTF-8 ALL
    S: 5 NO [MESSAGELIMIT 3] ...
    C: 6 SORT (REVERSE ARRIVAL) UTF-8 2:4
    S: * SORT ...
    S: 6 OK ...
    C: 7 THREAD REFERENCES UTF-8 ALL
    S: 7 NO [MESSAGELIMIT 3] ...
    C: 8 ESEARCH IN (selected) ALL
    S: * ESEARCH (TAG "8" MAILBOX "INBOX" UIDVALIDITY ...) UID ALL 2:4
    S: 8 OK [MESSAGELIMIT 3 2] ...
    C: 9 ESEARCH IN (personal) ALL
    S: 9 NO [MESSAGELIMIT 3] ...)");
}

TEST_CASE("imap messagelimit: UIDAFTER and UIDBEFORE never mean the last message by themselves") {
  Rig rig;
  rig.limits.command_messages_max = 1000;
  rig.fill(4);
  Client c(rig);
  c.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...
    C: 2 UID SEARCH UIDAFTER 2
    S: * SEARCH 3 4
    S: 2 OK ...
    C: 3 UID SEARCH UIDAFTER 4
    S: * SEARCH
    S: 3 OK ...
    C: 4 UID SEARCH UIDBEFORE 1
    S: * SEARCH
    S: 4 OK ...
    C: 5 UID SEARCH NOT UIDBEFORE 3
    S: * SEARCH 3 4
    S: 5 OK ...
    C: 6 UID SEARCH UIDAFTER 4294967295
    S: * SEARCH
    S: 6 OK ...
    C: 7 UID SEARCH UIDAFTER 0
    S: 7 BAD ...
    C: 8 UID SEARCH UIDBEFORE *
    S: 8 BAD ...)");
}

}  // namespace hauspost::imap::test
