// QRESYNC (RFC 7162 section 3.2).
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "protocols/imap/resync.h"
#include "tests/unit/imap/session_rig.h"

namespace hauspost::imap::test {
namespace {

std::string validity_of(Client& c) {
  const std::string status = c.ask("STATUS INBOX (UIDVALIDITY)");
  const std::size_t at = status.find("UIDVALIDITY ") + 12;
  return status.substr(at, status.find(')', at) - at);
}

SequenceSet set_of(std::vector<SequenceSet::Range> ranges) {
  SequenceSet set;
  set.ranges = std::move(ranges);
  return set;
}

}  // namespace

TEST_CASE("imap qresync: only after ENABLE, and its words only where they belong") {
  Rig rig;
  rig.fill(2);
  Client c(rig);
  c.talk(R"(
    C: 1 SELECT INBOX (QRESYNC (1 1))
    S: 1 BAD QRESYNC is not enabled
    C: 2 SELECT INBOX
    S* 2 OK ...
    C: 3 UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)
    S: 3 BAD QRESYNC is not enabled
    C: 4 ENABLE QRESYNC
    S: * ENABLED QRESYNC
    S: * OK [HIGHESTMODSEQ ...] ...
    S: 4 OK ENABLE completed
    C: 5 FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)
    S: 5 BAD unknown FETCH modifier
    C: 6 UID FETCH 1:* (FLAGS) (VANISHED)
    S: 6 BAD VANISHED needs CHANGEDSINCE
    C: 7 SELECT INBOX (QRESYNC (0 1))
    S: 7 BAD ...
    C: 8 SELECT INBOX (QRESYNC (1 1 1:*))
    S: 8 BAD numbers expected
    C: 9 SELECT INBOX (QRESYNC (1 1 1:2 (1,2 1)))
    S: 9 BAD ...
    C: 10 SELECT INBOX (QRESYNC (1 1 1:2 (2,1 2,1)))
    S: 10 BAD ...
    -- A refused SELECT of this kind leaves the mailbox selected.
    C: 11 UID FETCH 1 (UID)
    S: * 1 FETCH (UID 1)
    S: 11 OK ...)");
}

TEST_CASE("imap qresync: expunges are told as VANISHED, with the mod-sequence reached") {
  Rig rig;
  rig.fill(11);
  Client c(rig);
  c.talk(R"(
    C: 1 ENABLE QRESYNC CONDSTORE
    S: * ENABLED CONDSTORE QRESYNC
    S: 1 OK ENABLE completed
    C: 2 SELECT INBOX
    S* 2 OK ...
    C: 3 STORE 3,4,7,11 +FLAGS.SILENT (\Deleted)
    S: * 3 FETCH (UID 3 MODSEQ (12))
    S: * 4 FETCH (UID 4 MODSEQ (12))
    S: * 7 FETCH (UID 7 MODSEQ (12))
    S: * 11 FETCH (UID 11 MODSEQ (12))
    S: 3 OK STORE completed
    C: A202 EXPUNGE
    S: * VANISHED 3:4,7,11
    S: A202 OK [HIGHESTMODSEQ 13] EXPUNGE completed
    C: A203 EXPUNGE
    S: A203 OK EXPUNGE completed
    C: 4 UID STORE 5 +FLAGS.SILENT (\Deleted)
    S: * 3 FETCH (UID 5 MODSEQ (14))
    S: 4 OK ...
    C: 5 UID EXPUNGE 1:6
    S: * VANISHED 5
    S: 5 OK [HIGHESTMODSEQ 15] EXPUNGE completed
    C: 6 UID MOVE 1:2 Trash
    S: * OK [COPYUID ... 1:2 1:2] Moved
    S: * VANISHED 1:2
    S: 6 OK [HIGHESTMODSEQ 16] MOVE completed
    C: 7 UID STORE 10 +FLAGS.SILENT (\Deleted)
    S: * 4 FETCH (UID 10 MODSEQ (17))
    S: 7 OK ...
    -- RFC 7162 section 3.2.8: CLOSE tells no mod-sequence.
    C: 8 CLOSE
    S: 8 OK CLOSE completed)");
}

TEST_CASE("imap qresync: SELECT tells what vanished and what changed") {
  Rig rig;
  rig.fill(9);
  Client c(rig);
  const std::string validity = validity_of(c);
  Client other(rig);
  other.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...
    C: 2 STORE 2,4:5 +FLAGS.SILENT (\Deleted)
    S: 2 OK ...
    C: 3 EXPUNGE
    S: * 5 EXPUNGE
    S: * 4 EXPUNGE
    S: * 2 EXPUNGE
    S: 3 OK ...
    C: 4 UID STORE 7 +FLAGS.SILENT (\Seen)
    S: 4 OK ...)");
  c.talk(R"(
    C: 1 ENABLE QRESYNC
    S: * ENABLED QRESYNC
    S: 1 OK ENABLE completed)");
  c.send(fmt::format("A03 SELECT INBOX (QRESYNC ({} 9))\r\n", validity));
  c.talk(R"(
    S: * FLAGS ...
    S: * OK [PERMANENTFLAGS ...
    S: * 6 EXISTS
    S: * 0 RECENT
    S: * OK [UNSEEN 1] ...
    S: * OK [UIDVALIDITY ...
    S: * OK [UIDNEXT 10] ...
    S: * OK [HIGHESTMODSEQ 12] ...
    S: * OK [MAILBOXID (F...-...)] ...
    S: * VANISHED (EARLIER) 2,4:5
    S: * 4 FETCH (UID 7 FLAGS (\Seen) MODSEQ (12))
    S: A03 OK [READ-WRITE] SELECT completed)");
  // Only the UIDs the client knows.
  c.send(fmt::format("A04 SELECT INBOX (QRESYNC ({} 9 1:4))\r\n", validity));
  c.talk(R"(
    S: * OK [CLOSED] ...
    S* * VANISHED (EARLIER) 2,4
    S: A04 OK [READ-WRITE] ...)");
  // Nothing since.
  c.send(fmt::format("A05 EXAMINE INBOX (QRESYNC ({} 12))\r\n", validity));
  c.talk(R"(
    S* * OK [MAILBOXID ...
    S: A05 OK [READ-ONLY] EXAMINE completed)");
  // The sample shows that the client knows of 2 but not of 4 and 5.
  c.send(fmt::format("A06 SELECT INBOX (QRESYNC ({} 9 1:9 (1,2,4 1,3,6)))\r\n", validity));
  c.talk(R"(
    S* * OK [MAILBOXID ...
    S: * VANISHED (EARLIER) 4:5
    S: * 4 FETCH (UID 7 ...
    S: A06 OK ...)");
  // Another UIDVALIDITY: as if nothing had been said.
  c.talk(R"(
    C: A02 SELECT INBOX (QRESYNC (67890007 1 1:9))
    S* * OK [MAILBOXID ...
    S: A02 OK [READ-WRITE] ...)");
}

TEST_CASE("imap qresync: UID FETCH (CHANGEDSINCE VANISHED)") {
  Rig rig;
  rig.fill(12);
  Client c(rig);
  c.talk(R"(
    C: 1 ENABLE QRESYNC
    S: * ENABLED QRESYNC
    S: 1 OK ...
    C: 2 SELECT INBOX
    S* 2 OK ...
    C: 3 UID STORE 1:3,5,11 +FLAGS.SILENT (\Deleted)
    S* 3 OK ...
    C: 4 EXPUNGE
    S: * VANISHED 1:3,5,11
    S: 4 OK ...
    C: 5 UID STORE 4 +FLAGS (\Seen)
    S: * 1 FETCH (UID 4 FLAGS (\Seen \Recent) MODSEQ (15))
    S: 5 OK ...
    C: s100 UID FETCH 2:9 (FLAGS) (CHANGEDSINCE 12 VANISHED)
    S: * VANISHED (EARLIER) 2:3,5
    S: * 1 FETCH (UID 4 FLAGS (\Seen \Recent) MODSEQ (15))
    S: s100 OK FETCH completed
    C: s101 UID FETCH 2:9 (FLAGS) (VANISHED CHANGEDSINCE 14)
    S: * 1 FETCH (UID 4 ...
    S: s101 OK FETCH completed)");
}

TEST_CASE("imap qresync: what others expunge, and the mod-sequence while it is held back") {
  Rig rig;
  rig.fill(4);
  Client c(rig);
  Client other(rig);
  c.talk(R"(
    C: 1 ENABLE QRESYNC
    S: * ENABLED QRESYNC
    S: 1 OK ...
    C: 2 SELECT INBOX
    S* 2 OK ...)");
  other.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...
    C: 2 UID STORE 2 +FLAGS.SILENT (\Deleted)
    S: 2 OK ...
    C: 3 EXPUNGE
    S: * 2 EXPUNGE
    S: 3 OK ...)");
  // Flags were set by record 5, the message went with 6; our own STORE is 7.
  c.talk(R"(
    C: 3 STORE 1 +FLAGS.SILENT (\Seen)
    S: * 1 FETCH (UID 1 MODSEQ (7))
    S: * OK [HIGHESTMODSEQ 5] ...
    S: 3 OK STORE completed
    C: 4 NOOP
    S: * VANISHED 2
    S: * OK [HIGHESTMODSEQ 7] ...
    S: 4 OK NOOP completed
    C: 5 NOOP
    S: 5 OK NOOP completed)");
}

TEST_CASE("imap qresync: IDLE tells VANISHED, and never of what the client did not know") {
  Rig rig;
  rig.fill(3);
  Client c(rig);
  Client other(rig);
  c.talk(R"(
    C: 1 ENABLE QRESYNC
    S: * ENABLED QRESYNC
    S: 1 OK ...
    C: 2 SELECT INBOX
    S* 2 OK ...)");
  // One that comes and goes before this client looks.
  rig.deliver("Subject: brief\r\n\r\nx\r\n");
  other.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...
    C: 2 UID STORE 2,4 +FLAGS.SILENT (\Deleted)
    S: 2 OK ...
    C: 3 EXPUNGE
    S* 3 OK ...)");
  c.talk(R"(
    C: 3 NOOP
    S: * VANISHED 2
    S: 3 OK NOOP completed
    C: 4 IDLE
    S: + idling)");
  other.talk(R"(
    C: 4 UID STORE 1 +FLAGS.SILENT (\Deleted)
    S: 4 OK ...
    C: 5 EXPUNGE
    S* 5 OK ...)");
  c.talk(R"(
    S* * VANISHED 1
    C: DONE
    S: 4 OK IDLE completed)");
}

TEST_CASE("imap qresync: the sample's last pair that agrees, however large it is") {
  const std::vector<std::uint32_t> uids = {3, 6, 9, 12, 15, 21, 24};
  CHECK(matching_prefix(uids, {}, {}) == 0);
  CHECK(matching_prefix(uids, set_of({{1, 1}, {2, 2}, {4, 4}}),
                        set_of({{3, 3}, {6, 6}, {12, 12}})) == 12);
  // 18 is gone: position 6 holds 21 now.
  CHECK(matching_prefix(uids, set_of({{5, 5}, {6, 6}, {7, 7}}),
                        set_of({{15, 15}, {18, 18}, {21, 21}})) == 15);
  CHECK(matching_prefix(uids, set_of({{1, 4'000'000'000}}), set_of({{1, 4'000'000'000}})) == 0);
  CHECK(matching_prefix(uids, set_of({{9, 9}}), set_of({{30, 30}})) == 0);
}

}  // namespace hauspost::imap::test
