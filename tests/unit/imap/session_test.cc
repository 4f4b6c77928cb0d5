#include <catch2/catch.hpp>

#include "tests/unit/imap/session_rig.h"

namespace hauspost::imap::test {

TEST_CASE("imap session: greeting, NOOP and LOGOUT") {
  Rig rig;
  Client c(rig);
  c.talk(R"(
    C: 1 NOOP
    S: 1 OK NOOP completed
    C: 2 capability
    S: * CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ ... APPENDLIMIT=52428800...
    S: 2 OK CAPABILITY completed
    C: 3 NAMESPACE
    S: * NAMESPACE (("" "/")) NIL NIL
    S: 3 OK NAMESPACE completed
    C: 4 ID ("name" "Thunderbird" "version" "153.7.0")
    S: * ID ("name" "Hauspost" ...
    S: 4 OK ID completed
    C: 5 ENABLE CONDSTORE UTF8=ACCEPT
    S: * ENABLED CONDSTORE UTF8=ACCEPT
    S: 5 OK ENABLE completed
    C: 6 ENABLE X-NOTHING
    S: * ENABLED
    S: 6 OK ENABLE completed
    C: 7 LOGOUT
    S: * BYE Logging out
    S: 7 OK LOGOUT completed
    S: (closed))");
  CHECK(c.end() == SessionEnd::kInOrder);
}

TEST_CASE("imap session: commands in the wrong state") {
  Rig rig;
  Client c(rig);
  c.talk(R"(
    C: 1 LOGIN a b
    S: 1 BAD Already logged in
    C: 2 STARTTLS
    S: 2 BAD Already logged in
    C: 3 AUTHENTICATE PLAIN
    S: 3 BAD Already logged in
    C: 4 FETCH 1 FLAGS
    S: 4 BAD No mailbox selected
    C: 5 CLOSE
    S: 5 BAD No mailbox selected
    C: 6 SELECT nowhere
    S: 6 NO [NONEXISTENT] ...
    C: 7 EXPUNGE
    S: 7 BAD No mailbox selected)");
}

TEST_CASE("imap session: pipelined commands are answered in order") {
  Rig rig;
  rig.fill(2);
  Client c(rig);
  c.send("1 SELECT INBOX\r\n2 FETCH 1 UID\r\n3 FETCH 2 UID\r\n4 NOO");
  c.talk(R"(
    S* 1 OK [READ-WRITE] ...
    S: * 1 FETCH (UID 1)
    S: 2 OK FETCH completed
    S: * 2 FETCH (UID 2)
    S: 3 OK FETCH completed
    S-
    C: P
    S: 4 OK NOOP completed)");
}

TEST_CASE("imap session: literals are asked for, LITERAL+ is not") {
  Rig rig;
  Client c(rig);
  c.send("1 CREATE {4}\r\n");
  c.talk("S: + OK");
  c.send("a b \r\n");
  c.talk("S: 1 OK [MAILBOXID (...)] CREATE completed");
  c.send("2 STATUS {4+}\r\na b  (MESSAGES)\r\n");
  c.talk(R"(
    S: * STATUS "a b " (MESSAGES 0)
    S: 2 OK STATUS completed)");
}

TEST_CASE("imap session: what is too long or too big") {
  Rig rig;
  Client c(rig);
  c.send("1 NOOP " + std::string(70'000, 'x') + "\r\n2 NOOP\r\n");
  c.talk(R"(
    S: 1 BAD Line is too long
    S: 2 OK NOOP completed
    C: 3 APPEND INBOX {60000000}
    S: 3 NO [TOOBIG] Literal is too big
    C: 4 SEARCH BODY {70000}
    S: 4 BAD [TOOBIG] Literal is too big
    C: 5 NOOP
    S: 5 OK NOOP completed)");
  c.send("6 NOOP\n");
  c.talk(R"(
    S: 6 BAD Line does not end in CRLF
    C: 7 APPEND INBOX {300000000+}
    S: * BYE [TOOBIG] ...
    S: (closed))");
  CHECK(c.end() == SessionEnd::kInOrder);
}

TEST_CASE("imap session: more than twenty bad commands end it") {
  Rig rig;
  Client c(rig);
  for (int i = 0; i < 20; ++i) CHECK(c.ask("FOO").ends_with("BAD unknown command\r\n"));
  c.talk(R"(
    C: x FOO
    S: x BAD unknown command
    S: * BYE Too many bad commands
    S: (closed))");
  CHECK(c.end() == SessionEnd::kInOrder);
}

TEST_CASE("imap session: a client that goes away leaves a broken session") {
  Rig rig;
  Client c(rig);
  c.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...)");
  c.hang_up();
  CHECK(c.end() == SessionEnd::kBroken);
}

TEST_CASE("imap session: idle too long is autologout") {
  Rig rig;
  rig.limits.autologout = std::chrono::milliseconds(50);
  Client c(rig);
  c.talk(R"(
    S: * BYE Autologout; idle for too long
    S: (closed))");
  CHECK(c.end() == SessionEnd::kInOrder);
  Client idling(rig);
  idling.talk(R"(
    C: 1 IDLE
    S: + idling
    S: * BYE Autologout; idle for too long
    S: (closed))");
}

TEST_CASE("imap session: stopping the worker cancels it") {
  Rig rig;
  {
    const Client c(rig);
  }
  Client idling(rig);
  idling.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...
    C: 2 IDLE
    S: + idling)");
}

}  // namespace hauspost::imap::test
