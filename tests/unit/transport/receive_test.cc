#include <catch2/catch.hpp>

#include "tests/unit/transport/rig.h"

using namespace hauspost;
using namespace hauspost::transport;
using namespace hauspost::transport::test;

TEST_CASE("receive: a message from outside is in the mailbox when the 250 comes") {
  Rig rig;
  const auto end = rig.talk(rig.anonymous(), R"(
      C: MAIL FROM:<sender@example.net> SIZE=100
      S: 250 2.1.0 Ok
      C: RCPT TO:<anna@example.org>
      S: 250 2.1.5 Ok
      C: DATA
      S: 354 Send the message, end with CRLF.CRLF
      C: Subject: hello
      C:
      C: ..dot
      C: .
      S: 250 2.0.0 Ok, id *
      C: QUIT
      S: 221 2.0.0 mail.example.org Bye)");
  CHECK(end == SessionEnd::kInOrder);
  const auto inbox = rig.workers["DB1"]->inbox(rig.anna);
  REQUIRE(inbox.size() == 1);
  CHECK(
      inbox[0].starts_with("Return-Path: <sender@example.net>\r\n"
                           "Received: from client.example.net ([192.0.2.7])\r\n"
                           "\tby mail.example.org with ESMTP id "));
  CHECK(inbox[0].find("\r\n\tfor <anna@example.org>;\r\n\tSat, 21 Nov 2026 19:15:00 +0000\r\n") !=
        std::string::npos);
  CHECK(inbox[0].ends_with("\r\nSubject: hello\r\n\r\n.dot\r\n"));
  CHECK(inbox[0].find("DB1") == std::string::npos);
  CHECK(rig.queue->list().empty());
}

TEST_CASE("receive: everything pipelined at once is answered in order, however it is cut") {
  const std::string input =
      "MAIL FROM:<>\r\nRCPT TO:<bert@example.org>\r\nRCPT TO:<nobody@example.org>\r\nDATA\r\n"
      "Subject: one\r\n\r\nfirst\r\n.\r\nMAIL FROM:<x@example.net>\r\nRCPT "
      "TO:<bert@example.org>\r\n"
      "DATA\r\nSubject: two\r\n\r\nsecond\r\n.\r\nQUIT\r\n";
  for (const std::size_t piece : {std::string::npos, std::size_t{1}, std::size_t{17}}) {
    Rig rig;
    const std::string said = rig.pipe(rig.anonymous(), input, piece);
    CAPTURE(piece, said);
    CHECK(said.starts_with("250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n550 5.1.1 No such user here\r\n354 "));
    CHECK(said.ends_with("221 2.0.0 mail.example.org Bye\r\n"));
    const auto inbox = rig.workers["DB1"]->inbox(rig.bert);
    REQUIRE(inbox.size() == 2);
    CHECK(inbox[0].starts_with("Return-Path: <>\r\n"));
    CHECK(inbox[0].ends_with("first\r\n"));
    CHECK(inbox[1].ends_with("second\r\n"));
  }
}

TEST_CASE("receive: who may send to whom from outside") {
  Rig rig;
  rig.talk(rig.anonymous(), R"(
      C: MAIL FROM:<sender@example.net>
      S: 250 2.1.0 Ok
      C: RCPT TO:<someone@example.com>
      S: 550 5.7.1 Relaying denied
      C: RCPT TO:<"anna@example.org"@example.com>
      S: 550 5.7.1 Relaying denied
      C: RCPT TO:<@example.org:someone@example.com>
      S: 550 5.7.1 Relaying denied
      C: RCPT TO:<anna%example.com@example.org>
      S: 550 5.1.1 No such user here
      C: RCPT TO:<anna@[192.0.2.1]>
      S: 550 5.7.1 Relaying denied
      C: DATA
      S: 554 5.5.1 No valid recipients
      C: RCPT TO:<ANNA@Example.ORG>
      S: 250 2.1.5 Ok
      C: RCPT TO:<Postmaster>
      S: 250 2.1.5 Ok
      C: RSET
      S: 250 2.0.0 Ok
      C: QUIT
      S: 221 2.0.0 mail.example.org Bye)");
}

TEST_CASE("receive: a directory that cannot be read is never a refusal for good") {
  Rig rig;
  rig.directory.down = true;
  rig.talk(rig.anonymous(), R"(
      C: MAIL FROM:<sender@example.net>
      S: 250 2.1.0 Ok
      C: RCPT TO:<anna@example.org>
      S: 451 4.3.0 Try again later)");
  rig.talk(rig.user(), R"(
      C: MAIL FROM:<anna@example.org>
      S: 451 4.3.0 Try again later)");
}

TEST_CASE("receive: a user sends under its own addresses only, and to anybody") {
  Rig rig;
  rig.talk(rig.user(), R"(
      C: MAIL FROM:<bert@example.org>
      S: 550 5.7.60 You may not send as this sender
      C: MAIL FROM:<>
      S: 550 5.7.60 You may not send as this sender
      C: MAIL FROM:<anna@example.net>
      S: 550 5.7.60 You may not send as this sender
      C: MAIL FROM:<anna.alias@example.org>
      S: 250 2.1.0 Ok
      C: RCPT TO:<someone@example.com> NOTIFY=NEVER
      S: 250 2.1.5 Ok
      C: RCPT TO:<nobody@example.org>
      S: 550 5.1.1 No such user here
      C: RCPT TO:<carl@example.org>
      S: 250 2.1.5 Ok
      C: DATA
      S: 354 *
      C: Subject: out
      C: Bcc: secret@example.com
      C:
      C: text
      C: .
      S: 250 2.0.0 Ok, id *)");
  const auto inbox = rig.workers["DB2"]->inbox(rig.carl);
  REQUIRE(inbox.size() == 1);
  CHECK(inbox[0].find("with ESMTPSA\r\n\t(TLSv1.3 TLS_AES_128_GCM_SHA256) id ") !=
        std::string::npos);
  CHECK(inbox[0].find("\r\nDate: Sat, 21 Nov 2026 19:15:00 +0000\r\nMessage-ID: <") !=
        std::string::npos);
  CHECK(inbox[0].find("for <") == std::string::npos);
  CHECK(inbox[0].find("Bcc") == std::string::npos);
  const auto items = rig.queue->list();
  REQUIRE(items.size() == 1);
  CHECK(items[0].queue == "Unreachable");
  CHECK(items[0].sender == "anna.alias@example.org");
  CHECK(items[0].recipients == std::vector<std::string>{"someone@example.com"});
  CHECK_FALSE(items[0].next_attempt);
}

TEST_CASE("receive: a submission port without a login takes nothing") {
  Rig rig;
  link::SessionStart start = rig.anonymous();
  start.listener = "submission";
  rig.talk(start, R"(
      C: MAIL FROM:<anna@example.org>
      S: 530 5.7.0 Authentication required
      C: RCPT TO:<anna@example.org>
      S: 503 5.5.1 MAIL first)");
}

TEST_CASE("receive: what a user's own program has put there stays as it is") {
  Rig rig;
  rig.talk(rig.user(), R"(
      C: MAIL FROM:<anna@example.org>
      S: 250 *
      C: RCPT TO:<anna@example.org>
      S: 250 *
      C: DATA
      S: 354 *
      C: Message-ID: <own@id>
      C: Date: Mon, 1 Jan 2024 00:00:00 +0000
      C:
      C: x
      C: .
      S: 250 *)");
  const auto inbox = rig.workers["DB1"]->inbox(rig.anna);
  REQUIRE(inbox.size() == 1);
  CHECK(inbox[0].find("Date: Sat") == std::string::npos);
  CHECK(
      inbox[0].ends_with("+0000\r\nFrom: <anna@example.org>\r\nMessage-ID: <own@id>\r\nDate: Mon, "
                         "1 Jan 2024 00:00:00 +0000"
                         "\r\n\r\nx\r\n"));
}

TEST_CASE("receive: commands out of order") {
  Rig rig;
  rig.talk(rig.anonymous(), R"(
      C: RCPT TO:<anna@example.org>
      S: 503 5.5.1 MAIL first
      C: DATA
      S: 503 5.5.1 MAIL first
      C: MAIL FROM:<a@example.net>
      S: 250 *
      C: MAIL FROM:<a@example.net>
      S: 503 5.5.1 A message is under way
      C: DATA
      S: 503 5.5.1 RCPT first
      C: STARTTLS
      S: 503 5.5.1 Bad sequence of commands
      C: AUTH PLAIN AGEAYg==
      S: 503 5.5.1 Bad sequence of commands
      C: RCPT TO:<anna@example.org>
      S: 250 *
      C: EHLO other.example
      S: 250-mail.example.org Hello other.example
      S: 250-SIZE 52428800
      S: 250-PIPELINING
      S: 250-8BITMIME
      S: 250-SMTPUTF8
      S: 250-CHUNKING
      S: 250-BINARYMIME
      S: 250-ENHANCEDSTATUSCODES
      S: 250-DSN
      S: 250-LIMITS MAILMAX=1000 RCPTMAX=1000
      S: 250-MT-PRIORITY MIXER
      S: 250 DELIVERBY
      C: DATA
      S: 503 5.5.1 MAIL first
      C: NOOP
      S: 250 2.0.0 Ok
      C: VRFY anna
      S: 252 2.5.2 *
      C: EXPN list
      S: 502 5.5.1 *
      C: HELP
      S: 214 2.0.0 *
      C: HELO old.example
      S: 250 mail.example.org
      C: XYZZY
      S: 500 5.5.1 Unknown command)");
}

TEST_CASE("receive: a bare LF in a command is refused and nothing is lost behind it") {
  Rig rig;
  const std::string said = rig.pipe(
      rig.anonymous(), "MAIL FROM:<a@example.net>\nNOOP\r\nRCPT TO:<anna@example.org>\r\nQUIT\r\n");
  CHECK(said ==
        "500 5.5.2 Lines must end in CRLF\r\n250 2.0.0 Ok\r\n503 5.5.1 MAIL first\r\n"
        "221 2.0.0 mail.example.org Bye\r\n");
}

TEST_CASE("receive: a smuggled second message is part of the first, which is refused") {
  for (const std::string ending : {"\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r\n", "\r\n.\r"}) {
    CAPTURE(ending);
    Rig rig;
    const std::string said = rig.pipe(
        rig.anonymous(),
        "MAIL FROM:<a@example.net>\r\nRCPT TO:<anna@example.org>\r\nDATA\r\nSubject: x\r\n\r\nx" +
            ending +
            "MAIL FROM:<admin@example.org>\r\nRCPT TO:<bert@example.org>\r\nDATA\r\nevil\r\n.\r\n"
            "QUIT\r\n");
    CHECK(said.starts_with("250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 "));
    CHECK(said.find("\r\n550 5.6.0 Message contains bare ") != std::string::npos);
    CHECK(said.ends_with("\r\n221 2.0.0 mail.example.org Bye\r\n"));
    CHECK(rig.workers["DB1"]->inbox(rig.anna).empty());
    CHECK(rig.workers["DB1"]->inbox(rig.bert).empty());
  }
}

TEST_CASE("receive: BDAT joins chunks, and dots mean nothing in it") {
  for (const std::size_t piece : {std::string::npos, std::size_t{1}}) {
    Rig rig;
    const std::string said = rig.pipe(
        rig.anonymous(),
        "MAIL FROM:<a@example.net>\r\nRCPT TO:<anna@example.org>\r\nBDAT 14\r\nSubject: x\r\n\r\n"
        "BDAT 8 LAST\r\n.\r\n..a\r\nQUIT\r\n",
        piece);
    CAPTURE(said);
    CHECK(
        said.starts_with("250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n250 2.0.0 14 octets received\r\n"
                         "250 2.0.0 Ok, id "));
    CHECK(said.ends_with("221 2.0.0 mail.example.org Bye\r\n"));
    const auto inbox = rig.workers["DB1"]->inbox(rig.anna);
    REQUIRE(inbox.size() == 1);
    CHECK(inbox[0].ends_with("\r\nSubject: x\r\n\r\n.\r\n..a\r\n"));
  }
}

TEST_CASE("receive: BDAT where it does not belong still takes its octets") {
  Rig rig;
  const std::string said =
      rig.pipe(rig.anonymous(),
               "BDAT 6\r\nQUIT\r\nMAIL FROM:<a@example.net>\r\nBDAT 6 LAST\r\nQUIT\r\n"
               "RCPT TO:<x@example.com>\r\nBDAT 6 LAST\r\nQUIT\r\nRCPT TO:<anna@example.org>\r\n"
               "BDAT 6\r\nA: b\r\nDATA\r\nRCPT TO:<bert@example.org>\r\nBDAT 0 LAST\r\n");
  CHECK(said.starts_with(
      "503 5.5.1 MAIL and RCPT first\r\n250 2.1.0 Ok\r\n503 5.5.1 MAIL and RCPT first\r\n"
      "550 5.7.1 Relaying denied\r\n554 5.5.1 No valid recipients\r\n250 2.1.5 Ok\r\n"
      "250 2.0.0 6 octets received\r\n503 5.5.1 BDAT is under way\r\n"
      "503 5.5.1 BDAT is under way\r\n250 2.0.0 Ok, id "));
  CHECK(rig.workers["DB1"]->inbox(rig.anna).size() == 1);
  CHECK(rig.workers["DB1"]->inbox(rig.bert).empty());
}

TEST_CASE("receive: a chunk of unknown size ends the session") {
  Rig rig;
  CHECK(rig.pipe(rig.anonymous(), "BDAT many\r\nNOOP\r\n") ==
        "501 5.5.4 A chunk size is needed\r\n");
}

TEST_CASE("receive: sizes") {
  Rig rig;
  rig.limits.message_bytes_max = 100;
  const std::string start = "MAIL FROM:<a@example.net>\r\nRCPT TO:<anna@example.org>\r\n";
  const std::string big(150, 'x');
  CHECK(rig.pipe(rig.anonymous(), "MAIL FROM:<a@example.net> SIZE=101\r\n") ==
        "552 5.3.4 Message too big\r\n");
  CHECK(rig.pipe(rig.anonymous(), start + "DATA\r\n" + big + "\r\n.\r\nNOOP\r\n")
            .ends_with("\r\n552 5.3.4 Message too big\r\n250 2.0.0 Ok\r\n"));
  CHECK(rig.pipe(rig.anonymous(), start + "BDAT 150\r\n" + big + "BDAT 1 LAST\r\nxNOOP\r\n")
            .ends_with("\r\n552 5.3.4 Message too big\r\n503 5.5.1 MAIL and RCPT first\r\n"
                       "250 2.0.0 Ok\r\n"));
  CHECK(rig.pipe(rig.anonymous(), start + "BDAT 401\r\n" + big)
            .ends_with("\r\n421 4.3.4 mail.example.org Chunk too big\r\n"));
  CHECK(rig.pipe(rig.anonymous(), start + "DATA\r\n" + std::string(5000, 'x'))
            .ends_with("\r\n421 4.3.4 mail.example.org Message too big\r\n"));
  CHECK(rig.workers["DB1"]->inbox(rig.anna).empty());
}

TEST_CASE("receive: headers have limits") {
  Rig rig;
  rig.limits.header_fields_max = 20;
  rig.limits.header_bytes_max = 1000;
  rig.limits.header_field_bytes_max = 300;
  rig.limits.hops_max = 5;
  const auto send = [&](const std::string& message) {
    const std::string said = rig.pipe(
        rig.anonymous(), "MAIL FROM:<a@example.net>\r\nRCPT TO:<anna@example.org>\r\nDATA\r\n" +
                             message + "\r\nbody\r\n.\r\n");
    const std::string last = said.substr(said.rfind("\r\n", said.size() - 3) + 2);
    return last.substr(0, 9);
  };
  const auto times = [](int count, const std::string& text) {
    std::string out;
    for (int i = 0; i < count; ++i) out += text;
    return out;
  };
  CHECK(send(times(4, "Received: x\r\n")) == "250 2.0.0");
  CHECK(send(times(5, "Received: x\r\n")) == "554 5.4.6");
  CHECK(send(times(20, "X: y\r\n")) == "250 2.0.0");
  CHECK(send(times(21, "X: y\r\n")) == "554 5.6.0");
  CHECK(send("X: " + std::string(250, 'y') + "\r\n") == "250 2.0.0");
  CHECK(send("X: " + std::string(300, 'y') + "\r\n") == "554 5.6.0");
  CHECK(send(times(10, "X: " + std::string(200, 'y') + "\r\n")) == "554 5.6.0");
}

TEST_CASE("receive: recipients, errors, junk and messages are counted") {
  Rig rig;
  rig.limits.recipients_max = 1;
  CHECK(rig.pipe(rig.anonymous(),
                 "MAIL FROM:<>\r\nRCPT TO:<anna@example.org>\r\nRCPT TO:<bert@example.org>\r\n") ==
        "250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n452 4.5.3 Too many recipients\r\n");
  std::string wrong;
  for (int i = 0; i < 30; ++i) wrong += "WRONG\r\n";
  const std::string said = rig.pipe(rig.anonymous(), wrong);
  CHECK(std::count(said.begin(), said.end(), '\n') == 20);
  CHECK(said.ends_with("\r\n421 4.7.0 mail.example.org Too many errors, closing connection\r\n"));
  std::string junk;
  for (int i = 0; i < 110; ++i) junk += "NOOP\r\n";
  const std::string to_junk = rig.pipe(rig.anonymous(), junk);
  CHECK(std::count(to_junk.begin(), to_junk.end(), '\n') == 101);
  CHECK(to_junk.ends_with("421 4.7.0 mail.example.org Too many commands, closing connection\r\n"));
  rig.limits.messages_max = 1;
  CHECK(rig.pipe(rig.anonymous(),
                 "MAIL FROM:<>\r\nRCPT TO:<anna@example.org>\r\nDATA\r\n\r\n.\r\nMAIL FROM:<>\r\n")
            .ends_with("421 4.7.0 mail.example.org Too many messages, closing connection\r\n"));
}

TEST_CASE("receive: a message without a header keeps its first lines") {
  for (const std::string body : {"", " indented\r\n", "just text\r\n"}) {
    Rig rig;
    rig.pipe(rig.anonymous(),
             "MAIL FROM:<>\r\nRCPT TO:<anna@example.org>\r\nDATA\r\n" + body + ".\r\n");
    const auto inbox = rig.workers["DB1"]->inbox(rig.anna);
    REQUIRE(inbox.size() == 1);
    CHECK(inbox[0].ends_with("+0000\r\n\r\n" + body));
  }
}

TEST_CASE("receive: two addresses of one mailbox get one copy; two databases get one each") {
  Rig rig;
  rig.pipe(rig.anonymous(),
           "MAIL FROM:<>\r\nRCPT TO:<anna@example.org>\r\nRCPT TO:<anna.alias@example.org>\r\n"
           "RCPT TO:<anna@example.org>\r\nRCPT TO:<carl@example.org>\r\nDATA\r\n\r\nx\r\n.\r\n");
  CHECK(rig.workers["DB1"]->inbox(rig.anna).size() == 1);
  CHECK(rig.workers["DB2"]->inbox(rig.carl).size() == 1);
  CHECK(rig.queue->list().empty());
}

TEST_CASE("receive: a client that leaves in mid-message leaves nothing behind") {
  Rig rig;
  auto [server, client] = MemoryStream::pair(rig.io.get_executor());
  const auto written = rig.wait_for(client->write(std::string_view(
      "MAIL FROM:<>\r\nRCPT TO:<anna@example.org>\r\nDATA\r\nSubject: x\r\n\r\nhalf")));
  CHECK(written);
  client->close();
  CHECK(rig.wait_for(serve_smtp(*server, rig.anonymous(), rig.services())) == SessionEnd::kBroken);
  CHECK(rig.workers["DB1"]->inbox(rig.anna).empty());
  CHECK(rig.queue->list().empty());
}
