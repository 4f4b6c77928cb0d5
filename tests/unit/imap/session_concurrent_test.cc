// What one session learns of another's deeds, and when.
#include <catch2/catch.hpp>

#include "tests/unit/imap/session_rig.h"

namespace hauspost::imap::test {
namespace {

void select_both(Client& a, Client& b) {
  a.talk("C: s SELECT INBOX\nS* s OK ...");
  b.talk("C: s SELECT INBOX\nS* s OK ...");
}

}  // namespace

TEST_CASE("imap sessions see each other's flags at the next command") {
  Rig rig;
  rig.fill(3);
  Client a(rig);
  Client b(rig);
  select_both(a, b);
  a.talk(R"(
    C: 1 STORE 2 +FLAGS.SILENT (\Flagged $new)
    S: 1 OK ...)");
  b.talk(R"(
    C: 1 NOOP
    S: * FLAGS (... $new)
    S: * OK [PERMANENTFLAGS ...
    S: * 2 FETCH (UID 2 FLAGS (\Flagged $new))
    S: 1 OK NOOP completed
    C: 2 NOOP
    S: 2 OK NOOP completed)");
}

TEST_CASE("imap sessions: expunges wait for a command that may tell them") {
  Rig rig;
  rig.fill(4);
  Client a(rig);
  Client b(rig);
  select_both(a, b);
  a.talk(R"(
    C: 1 STORE 2 +FLAGS.SILENT (\Deleted)
    S: 1 OK ...
    C: 2 EXPUNGE
    S: * 2 EXPUNGE
    S: 2 OK ...)");
  b.talk(R"(
    C: 1 FETCH 3 UID
    S: * 3 FETCH (UID 3)
    S: 1 OK FETCH completed
    C: 2 FETCH 1:3 (UID)
    S: * 1 FETCH (UID 1)
    S: * 3 FETCH (UID 3)
    S: 2 OK [EXPUNGEISSUED] ...
    C: 3 SEARCH ALL
    S: * SEARCH 1 3 4
    S: 3 OK ...
    C: 4 STORE 2:3 +FLAGS (\Seen)
    S: * 3 FETCH (FLAGS (\Seen))
    S: 4 OK ...
    C: 5 UID STORE 2 +FLAGS (\Seen)
    S: 5 OK STORE completed
    C: 6 NOOP
    S: * 2 EXPUNGE
    S: 6 OK NOOP completed
    C: 7 FETCH 2 UID
    S: * 2 FETCH (UID 3)
    S: 7 OK ...)");
}

TEST_CASE("imap sessions: new mail while expunges wait keeps its number until then") {
  Rig rig;
  rig.fill(2);
  Client a(rig);
  Client b(rig);
  select_both(a, b);
  a.talk(R"(
    C: 1 STORE 1 +FLAGS.SILENT (\Deleted)
    S: 1 OK ...
    C: 2 EXPUNGE
    S* 2 OK ...)");
  rig.fill(1);
  b.talk(R"(
    C: 1 SEARCH 3
    S: * SEARCH
    S: * 3 EXISTS
    S: * 1 RECENT
    S: 1 OK ...
    C: 2 FETCH 3 UID
    S: * 3 FETCH (UID 3)
    S: 2 OK ...
    C: 3 CHECK
    S: * 1 EXPUNGE
    S: 3 OK CHECK completed
    C: 4 FETCH 2 UID
    S: * 2 FETCH (UID 3)
    S: 4 OK ...)");
}

TEST_CASE("imap idle: mail, flags and expunges come at once") {
  Rig rig;
  rig.fill(2);
  Client a(rig);
  Client b(rig);
  select_both(a, b);
  b.talk(R"(
    C: 1 IDLE
    S: + idling)");
  rig.fill(1);
  b.talk(R"(
    S: * 3 EXISTS
    S: * 1 RECENT)");
  // UIDs are known to everybody at once, also to who was not told of them yet.
  a.talk(R"(
    C: 1 UID STORE 3 +FLAGS.SILENT (\Deleted)
    S: * 3 EXISTS
    S: * 2 RECENT
    S: 1 OK ...)");
  b.talk("S: * 3 FETCH (UID 3 FLAGS (\\Deleted \\Recent))");
  a.talk(R"(
    C: 2 EXPUNGE
    S* 2 OK ...)");
  b.talk(R"(
    S: * 3 EXPUNGE
    C: DONE
    S: 1 OK IDLE completed
    C: 2 IDLE
    S: + idling
    C: huh
    S: 2 BAD DONE expected
    C: 3 NOOP
    S: 3 OK ...)");
  b.send("4 IDLE\r\nDONE\r\n5 NOOP\r\n");
  b.talk(R"(
    S: + idling
    S: 4 OK IDLE completed
    S: 5 OK NOOP completed)");
}

TEST_CASE("imap idle: without a selected mailbox it only waits") {
  Rig rig;
  Client c(rig);
  c.talk(R"(
    C: 1 idle
    S: + idling
    S-
    C: done
    S: 1 OK IDLE completed)");
}

TEST_CASE("imap sessions: one deletes what the other has selected") {
  Rig rig;
  Client a(rig);
  Client b(rig);
  a.talk(R"(
    C: 1 CREATE gone
    S: 1 OK ...
    C: 2 SELECT gone
    S* 2 OK ...)");
  b.talk(R"(
    C: 1 SELECT gone
    S* 1 OK ...
    C: 2 IDLE
    S: + idling)");
  a.talk(R"(
    C: 3 DELETE gone
    S: * OK [CLOSED] ...
    S: 3 OK DELETE completed
    C: 4 CHECK
    S: 4 BAD No mailbox selected)");
  b.talk(R"(
    S: * BYE The selected mailbox was deleted
    S: (closed))");
  CHECK(b.end() == SessionEnd::kInOrder);
}

TEST_CASE("imap sessions: a rename does not disturb who has it selected") {
  Rig rig;
  Client a(rig);
  Client b(rig);
  a.talk(R"(
    C: 1 CREATE old
    S: 1 OK ...)");
  b.talk(R"(
    C: 1 SELECT old
    S* 1 OK ...)");
  a.talk(R"(
    C: 2 RENAME old new
    S: 2 OK ...)");
  rig.deliver("x", "new");
  b.talk(R"(
    C: 2 NOOP
    S: * 1 EXISTS
    S: * 1 RECENT
    S: 2 OK ...)");
}

TEST_CASE("imap recent: one session alone sees a message as recent") {
  Rig rig;
  rig.fill(2);
  Client a(rig);
  Client b(rig);
  a.talk(R"(
    C: 1 EXAMINE INBOX
    S* * 0 RECENT
    S* 1 OK ...
    C: 2 SELECT INBOX
    S* * 2 RECENT
    S* 2 OK ...)");
  b.talk(R"(
    C: 1 SELECT INBOX
    S* * 0 RECENT
    S* 1 OK ...
    C: 2 SEARCH NEW
    S: * SEARCH
    S: 2 OK ...)");
  a.talk(R"(
    C: 3 SEARCH NEW
    S: * SEARCH 1 2
    S: 3 OK ...)");
}

TEST_CASE("imap sessions: more news than a session can hear is found by comparing") {
  Rig rig;
  rig.fill(3);
  Client a(rig);
  Client b(rig);
  select_both(a, b);
  a.talk(R"(
    C: 1 STORE 1 +FLAGS.SILENT (\Deleted)
    S: 1 OK ...
    C: 2 EXPUNGE
    S* 2 OK ...)");
  for (std::size_t i = 0; i < store::FolderWatch::kEventsMax + 10; ++i)
    a.ask(i % 2 == 0 ? "STORE 1 +FLAGS.SILENT (\\Seen)" : "STORE 1 -FLAGS.SILENT (\\Seen)");
  rig.fill(1);
  b.talk(R"(
    C: 1 NOOP
    S: * 1 EXPUNGE
    S: * 3 EXISTS
    S: * 1 RECENT
    S: * 1 FETCH (UID 2 FLAGS ())
    S* 1 OK NOOP completed
    C: 2 NOOP
    S: 2 OK NOOP completed)");
}

}  // namespace hauspost::imap::test
