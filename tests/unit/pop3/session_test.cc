#include "protocols/pop3/session.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <fstream>

#include "tests/unit/pop3/session_rig.h"

namespace hauspost::pop3::test {
namespace {

std::string unique_id(Rig& rig, std::uint32_t uid) {
  return fmt::format("{:08x}{:08x}", rig.inbox().uid_validity, uid);
}

// Memory of this process that no file stands behind.
std::size_t private_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != "RssAnon:") continue;
    std::size_t kib = 0;
    status >> kib;
    return kib;
  }
  return 0;
}

}  // namespace

TEST_CASE("pop3 session: the example of RFC 1939 section 10") {
  Rig rig;
  rig.append("Subject: one\r\n\r\n" + std::string(102, 'a') + "\r\n");
  rig.append("Subject: two\r\n\r\n" + std::string(182, 'b') + "\r\n");
  Client c(rig);
  c.talk(R"(
    S: +OK Logged in, 2 messages (320 octets)
    C: STAT
    S: +OK 2 320
    C: LIST
    S: +OK 2 messages (320 octets)
    S: 1 120
    S: 2 200
    S: .
    C: RETR 1
    S: +OK 120 octets
    S: Subject: one
    S:
    S: aaa...
    S: .
    C: DELE 1
    S: +OK ...
    C: RETR 2
    S: +OK 200 octets
    S: Subject: two
    S:
    S: bbb...
    S: .
    C: DELE 2
    S: +OK ...
    C: QUIT
    S: +OK ...
    S: (closed))");
  CHECK(c.end() == SessionEnd::kInOrder);
  CHECK(rig.messages() == 0);
}

TEST_CASE("pop3 session: an empty maildrop") {
  Rig rig;
  Client c(rig);
  c.talk(R"(
    S: +OK Logged in, 0 messages (0 octets)
    C: STAT
    S: +OK 0 0
    C: LIST
    S: +OK 0 messages (0 octets)
    S: .
    C: UIDL
    S: +OK ...
    S: .
    C: RETR 1
    S: -ERR No such message
    C: QUIT
    S: +OK Goodbye)");
}

TEST_CASE("pop3 session: LIST, UIDL, DELE and RSET speak of the same messages") {
  Rig rig;
  rig.fill(3);
  Client c(rig);
  const std::string listing = R"(
    C: LIST
    S: +OK 3 messages (90 octets)
    S: 1 30
    S: 2 30
    S: 3 30
    S: .
  )";
  c.talk("S: +OK ...\n" + listing + R"(
    C: LIST 3
    S: +OK 3 30
    C: LIST 4
    S: -ERR No such message
    C: LIST 0
    S: -ERR No such message
    C: DELE 2
    S: +OK ...
    C: DELE 2
    S: -ERR No such message
    C: DELE 9
    S: -ERR No such message
    C: STAT
    S: +OK 2 60
    C: LIST
    S: +OK 2 messages (60 octets)
    S: 1 30
    S: 3 30
    S: .
    C: LIST 2
    S: -ERR No such message
    C: UIDL 2
    S: -ERR No such message
    C: RETR 2
    S: -ERR No such message
    C: TOP 2 0
    S: -ERR No such message
    C: RSET
    S: +OK 3 messages (90 octets)
  )" + listing);
  c.talk(fmt::format("C: UIDL\nS: +OK ...\nS: 1 {}\nS: 2 {}\nS: 3 {}\nS: .\nC: UIDL 2\nS: +OK 2 {}",
                     unique_id(rig, 1), unique_id(rig, 2), unique_id(rig, 3), unique_id(rig, 2)));
  c.talk("C: QUIT\nS: +OK ...");
  c.end();
  CHECK(rig.messages() == 3);
}

TEST_CASE("pop3 session: unique ids outlive sessions, deletions and the order") {
  Rig rig;
  rig.fill(3);
  {
    Client c(rig);
    c.talk("S: +OK ...\nC: DELE 1\nS: +OK ...\nC: QUIT\nS: +OK ...");
    c.end();
  }
  rig.fill(1);
  rig.order = SortOrder::kNewestFirst;
  Client c(rig);
  c.talk(fmt::format("S: +OK ...\nC: UIDL\nS: +OK ...\nS: 1 {}\nS: 2 {}\nS: 3 {}\nS: .",
                     unique_id(rig, 4), unique_id(rig, 3), unique_id(rig, 2)));
  c.talk("C: TOP 3 0\nS: +OK ...\nS: Subject: message 2\nS:\nS: .");
}

TEST_CASE("pop3 session: TOP gives header and lines") {
  Rig rig;
  rig.append("Subject: x\r\nTo: y\r\n\r\n.one\r\ntwo\r\nthree\r\n");
  Client c(rig);
  c.talk(R"(
    S: +OK ...
    C: TOP 1 0
    S: +OK ...
    S: Subject: x
    S: To: y
    S:
    S: .
    C: TOP 1 2
    S: +OK ...
    S: Subject: x
    S: To: y
    S:
    S: ..one
    S: two
    S: .)");
  CHECK(c.message("TOP 1 1000") == c.message("RETR 1"));
}

TEST_CASE("pop3 session: every octet comes back, whatever the message is made of") {
  std::string large = "Subject: large\r\n\r\n";
  while (large.size() < 3'000'000) large += "." + std::string(large.size() % 977, 'x') + "\r\n";
  const std::string long_line = "Subject: y\r\n\r\n" + std::string(700'000, 'y') + "\r\n.\r\n";
  std::string dots;
  while (dots.size() < 600'000) dots += ".\r\n";
  const std::string messages[] = {
      "Subject: dots\r\n\r\n.\r\n..\r\n.a\r\n. \r\n\r\n.\r\n",
      "Subject: bare\n\na\n.\nb\r\n..\n\r\n",
      std::string("Subject: \xff\0\xfe\r\n\r\n\x80\0\r\n", 20),
      ".",
      "\r\n",
      large,
      long_line,
      dots,
  };
  Rig rig;
  for (const std::string& message : messages) rig.append(message);
  Client c(rig);
  c.next_line();
  for (std::size_t i = 0; i < std::size(messages); ++i) {
    const std::string& stored = messages[i];
    INFO("message " << i + 1);
    c.talk(fmt::format("C: LIST {}\nS: +OK {} {}", i + 1, i + 1, stored.size()));
    const std::string got = c.message(fmt::format("RETR {}", i + 1));
    CHECK((got == stored + (stored.ends_with('\n') ? "" : "\r\n")));
  }
}

TEST_CASE("pop3 session: only QUIT deletes") {
  Rig rig;
  rig.fill(2);
  SECTION("the client hangs up") {
    Client c(rig);
    c.talk("S: +OK ...\nC: DELE 1\nS: +OK ...");
    c.hang_up();
    CHECK(c.end() == SessionEnd::kBroken);
  }
  SECTION("the client is idle for too long: closed without a word") {
    rig.limits.autologout = std::chrono::milliseconds(50);
    Client c(rig);
    c.talk("S: +OK ...\nC: DELE 1\nS: +OK ...\nS: (closed)");
    CHECK(c.end() == SessionEnd::kInOrder);
  }
  SECTION("too many bad commands") {
    rig.limits.bad_commands_max = 2;
    Client c(rig);
    c.talk(R"(
      S: +OK ...
      C: DELE 1
      S: +OK ...
      C: XTND
      S: -ERR Unknown command
      C: RETR
      S: -ERR Malformed arguments
      C: USER x
      S: -ERR Already logged in
      S: (closed))");
  }
  SECTION("a flood") {
    Client c(rig);
    c.talk("S: +OK ...\nC: DELE 1\nS: +OK ...");
    c.send(std::string(kLineFloodMax, 'x'));
    c.talk("S: -ERR Line is too long\nS: (closed)");
  }
  SECTION("the session is cancelled") {
    Client c(rig);
    c.talk("S: +OK ...\nC: DELE 1\nS: +OK ...");
  }
  CHECK(rig.messages() == 2);
}

TEST_CASE("pop3 session: a QUIT that cannot delete says so and deleted nothing") {
  Rig rig;
  rig.fill(3);
  SECTION("the mailbox was deleted meanwhile") {
    Client c(rig);
    c.talk("S: +OK ...\nC: DELE 1\nS: +OK ...");
    REQUIRE(rig.wait_for(rig.database->delete_mailbox({}, rig.mailbox)));
    c.talk(R"(
      C: RETR 2
      S: -ERR The message was removed by another session
      C: QUIT
      S: -ERR [SYS/PERM] Nothing was deleted
      S: (closed))");
    CHECK(c.end() == SessionEnd::kInOrder);
  }
  SECTION("the database is closing") {
    Client c(rig);
    c.talk("S: +OK ...\nC: DELE 1\nS: +OK ...\nC: DELE 3\nS: +OK ...");
    rig.database->close();
    c.talk("C: QUIT\nS: -ERR [SYS/TEMP] Nothing was deleted\nS: (closed)");
    CHECK(c.end() == SessionEnd::kInOrder);
  }
}

TEST_CASE("pop3 session: IMAP and other sessions go on beside it") {
  Rig rig;
  rig.fill(3);
  Client c(rig);
  Client other(rig);
  c.talk("S: +OK Logged in, 3 ...");
  other.talk("S: +OK Logged in, 3 ...\nC: DELE 2\nS: +OK ...\nC: QUIT\nS: +OK ...");
  other.end();
  rig.fill(1);
  c.talk(R"(
    C: STAT
    S: +OK 3 90
    C: RETR 2
    S: -ERR The message was removed by another session
    C: TOP 2 1
    S: -ERR The message was removed by another session
    C: RETR 4
    S: -ERR No such message
    C: RETR 3
    S: +OK 30 octets
    S: Subject: message 3
    S:
    S: body 3
    S: .
    C: DELE 1
    S: +OK ...
    C: DELE 2
    S: +OK ...
    C: QUIT
    S: +OK Goodbye)");
  c.end();
  CHECK(rig.messages() == 2);
}

TEST_CASE("pop3 session: pipelined commands are answered in order, also one octet at a time") {
  Rig rig;
  rig.fill(2);
  const std::string commands =
      "STAT\r\nRETR 1\r\nNOPE\r\nSTAT\nuidl 9\r\nDELE 1\r\nlist\r\nRETR\r\nQUIT\r\nSTAT\r\n";
  const std::string_view answers = R"(
    S: +OK 2 60
    S: +OK 30 octets
    S: Subject: message 1
    S:
    S: body 1
    S: .
    S: -ERR Unknown command
    S: -ERR Lines end in CRLF
    S: -ERR No such message
    S: +OK ...
    S: +OK 1 message (30 octets)
    S: 2 30
    S: .
    S: -ERR Malformed arguments
    S: +OK Goodbye
    S: (closed))";
  Client c(rig);
  c.next_line();
  SECTION("whole") { c.send(commands); }
  SECTION("in pieces") {
    for (const char octet : commands) c.send(std::string(1, octet));
  }
  c.talk(answers);
}

TEST_CASE("pop3 session: what is said after login") {
  Rig rig;
  Client c(rig);
  c.talk(R"(
    S: +OK ...
    C: NOOP
    S: +OK ...
    C: LANG
    S: +OK ...
    S: en English
    S: i-default ...
    S: .
    C: LANG xx
    S: -ERR ...
    C: USER a
    S: -ERR Already logged in
    C: PASS b
    S: -ERR Already logged in
    C: AUTH PLAIN
    S: -ERR Already logged in
    C: STLS
    S: -ERR Already logged in
    C: UTF8
    S: -ERR Already logged in
    C: APOP a b
    S: -ERR Unknown command)");
  const std::string capabilities = c.multi_line("CAPA");
  CHECK(capabilities.contains("\r\nIMPLEMENTATION Hauspost\r\n"));
  CHECK_FALSE(capabilities.contains("STLS"));
  const std::string line(510, 'x');
  c.talk("C: " + line + "\nS: -ERR Unknown command\nC: " + line + "x\nS: -ERR Line is too long");
}

TEST_CASE("pop3 session: long listings come in slices and whole") {
  Rig rig;
  constexpr int kMessages = 45'000;
  std::vector<store::NewMessage> messages(kMessages);
  const auto body = std::make_shared<const std::string>("Subject: n\r\n\r\n\r\n");
  for (store::NewMessage& message : messages) message.body = body;
  REQUIRE(rig.wait_for(rig.database->append({}, rig.inbox().id, std::move(messages))));
  Client c(rig);
  c.talk(fmt::format("S: +OK Logged in, {} messages ({} octets)", kMessages, kMessages * 16));
  std::string expected;
  for (int i = 1; i <= kMessages; ++i) expected += fmt::format("{} 16\r\n", i);
  CHECK((c.multi_line("LIST") == expected + ".\r\n"));
}

// Takes a minute: run it by its tag.
TEST_CASE("pop3 session: a maildrop of a million messages costs little memory", "[.million]") {
  Rig rig;
  constexpr int kMessages = 1'000'000;
  constexpr int kBatch = 50'000;
  const auto body = std::make_shared<const std::string>("Subject: n\r\n\r\n\r\n");
  for (int i = 0; i < kMessages; i += kBatch) {
    std::vector<store::NewMessage> messages(kBatch);
    for (store::NewMessage& message : messages) message.body = body;
    REQUIRE(rig.wait_for(rig.database->append({}, rig.inbox().id, std::move(messages))));
  }
  const std::size_t before_kib = private_kib();
  const auto begun = std::chrono::steady_clock::now();
  Client c(rig);
  c.talk(fmt::format("S: +OK Logged in, {} messages ({} octets)", kMessages, kMessages * 16ULL));
  const std::chrono::duration<double> login = std::chrono::steady_clock::now() - begun;
  c.talk(fmt::format("C: LIST {0}\nS: +OK {0} 16\nC: DELE {0}\nS: +OK ...", kMessages));
  const std::size_t grown_kib = private_kib() - std::min(private_kib(), before_kib);
  WARN("login " << login.count() << " s, memory of the session " << grown_kib << " KiB");
  CHECK(grown_kib < 32 * 1024);
  CHECK(login < std::chrono::seconds(5));
}

}  // namespace hauspost::pop3::test
