// The service extensions of SMTP, as far as they reach beyond the dialogue.
#include <catch2/catch.hpp>

#include "tests/unit/transport/rig.h"
#include "transport/receive/binary.h"

using namespace hauspost;
using namespace hauspost::transport;
using namespace hauspost::transport::test;

namespace {

// A rig that passes on what users send, and reports to them.
struct ExtensionRig : Rig {
  ExtensionRig() { services().router = &router; }

  // Everything the session said to a message with these words behind MAIL and RCPT.
  std::string send(const link::SessionStart& start, const std::string& mail,
                   const std::string& rcpt) {
    return pipe(start, "MAIL FROM:<anna@example.org> " + mail + "\r\nRCPT TO:" + rcpt +
                           "\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\n");
  }
  std::string send_as_user(const std::string& mail, const std::string& rcpt) {
    const std::string said = send(user(), mail, rcpt);
    INFO(said);
    REQUIRE(said.find("\r\n250 2.0.0 Ok, id ") != std::string::npos);
    return said;
  }
  Envelope only_envelope() {
    const auto items = queue->list();
    REQUIRE(items.size() == 1);
    const auto envelope = queue->envelope(items[0].id);
    REQUIRE(envelope);
    return *envelope;
  }
  std::string take_chunk(const std::string& message) {
    return pipe(anonymous(),
                "MAIL FROM:<a@example.net> BODY=BINARYMIME\r\n"
                "RCPT TO:<bert@example.org>\r\n" +
                    fmt::format("BDAT {} LAST\r\n", message.size()) + message);
  }
};

class FixedPressure final : public Pressure {
 public:
  Level level() const override { return now; }
  Level now = Level::kNormal;
};

class KeptLines final : public ProtocolLog {
 public:
  void write(const ProtocolLine& line) override {
    lines.push_back(fmt::format("{} {} {}", line.number, static_cast<char>(line.event), line.text));
    connectors.emplace_back(line.connector);
  }
  std::vector<std::string> lines;
  std::vector<std::string> connectors;
};

class Named final : public Connectors {
 public:
  std::shared_ptr<const ReceiveConnector> find(std::string_view) const override {
    return std::make_shared<const ReceiveConnector>(connector);
  }
  ReceiveConnector connector;
};

}  // namespace

TEST_CASE("smtp extensions: NOTIFY=SUCCESS of a mailbox is reported at once") {
  ExtensionRig rig;
  rig.send_as_user("RET=HDRS ENVID=QQ+2B7",
                   "<bert@example.org> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b+2Bx@example.org");
  const auto reports = rig.workers["DB1"]->inbox(rig.anna);
  REQUIRE(reports.size() == 1);
  CAPTURE(reports[0]);
  CHECK(reports[0].starts_with("Return-Path: <>\r\n"));
  CHECK(reports[0].find("Original-Envelope-Id: QQ+7\r\n") != std::string::npos);
  CHECK(reports[0].find("Original-Recipient: rfc822; b+x@example.org\r\n") != std::string::npos);
  CHECK(reports[0].find("Action: delivered\r\n") != std::string::npos);
  rig.send_as_user("", "<bert@example.org> NOTIFY=NEVER");
  rig.send_as_user("", "<bert@example.org> NOTIFY=FAILURE,DELAY");
  rig.send_as_user("", "<bert@example.org>");
  CHECK(rig.workers["DB1"]->inbox(rig.anna).size() == 1);
}

TEST_CASE("smtp extensions: what was asked for reaches the envelope") {
  ExtensionRig rig;
  rig.send_as_user("RET=FULL ENVID=e1 BODY=8BITMIME REQUIRETLS MT-PRIORITY=-3 BY=3600;RT",
                   "<someone@example.com> NOTIFY=DELAY ORCPT=rfc822;who@example.net");
  const Envelope kept = rig.only_envelope();
  CHECK(kept.ret == smtp::Ret::kFull);
  CHECK(kept.envid == "e1");
  CHECK(kept.eight_bit);
  CHECK_FALSE(kept.binary);
  CHECK(kept.require_tls);
  CHECK(kept.priority == -3);
  CHECK(kept.deliver_by == rig.clock.wall + Seconds(3600));
  CHECK_FALSE(kept.deliver_by_notify);
  CHECK(kept.deliver_by_trace);
  REQUIRE(kept.recipients.size() == 1);
  CHECK(kept.recipients[0].notify == smtp::kNotifyDelay);
  CHECK(kept.recipients[0].orcpt == "rfc822;who@example.net");
}

TEST_CASE("smtp extensions: REQUIRETLS is known under TLS alone") {
  ExtensionRig rig;
  CHECK(rig.pipe(rig.anonymous(), "MAIL FROM:<> REQUIRETLS\r\n") ==
        "555 5.5.4 REQUIRETLS is not offered here\r\n");
  auto under_tls = rig.anonymous();
  under_tls.tls = true;
  CHECK(rig.pipe(under_tls, "MAIL FROM:<> REQUIRETLS\r\n") == "250 2.1.0 Ok\r\n");
  CHECK(rig.pipe(under_tls, "EHLO a.example\r\n").find("250-REQUIRETLS\r\n") != std::string::npos);
  CHECK(rig.pipe(rig.anonymous(), "EHLO a.example\r\n").find("REQUIRETLS") == std::string::npos);
}

TEST_CASE("smtp extensions: a message is held until its time, and not beyond the limit") {
  ExtensionRig rig;
  rig.send_as_user("HOLDFOR=3600", "<bert@example.org>");
  CHECK(rig.workers["DB1"]->inbox(rig.bert).empty());
  CHECK(rig.only_envelope().hold_until == rig.clock.wall + Seconds(3600));
  rig.clock.pass(Seconds(3599));
  rig.queue->look();
  CHECK(rig.queue->list().size() == 1);
  rig.clock.pass(Seconds(2));
  rig.queue->look();
  rig.wait_until([&] { return rig.queue->list().empty(); });
  CHECK(rig.workers["DB1"]->inbox(rig.bert).size() == 1);
  rig.talk(rig.user(), R"(
      C: MAIL FROM:<anna@example.org> HOLDFOR=604801
      S: 501 5.5.4 At most 604800 seconds may be asked for
      C: MAIL FROM:<anna@example.org> HOLDUNTIL=2027-11-21T19:15:00Z
      S: 501 5.5.4 At most 604800 seconds may be asked for
      C: MAIL FROM:<anna@example.org> HOLDFOR=60 BY=60;R
      S: 501 5.5.4 It would be late before it is released
      C: MAIL FROM:<anna@example.org> HOLDUNTIL=2026-11-21T19:00:00Z
      S: 250 *)");
  // It is for submission alone.
  CHECK(rig.pipe(rig.anonymous(), "MAIL FROM:<> HOLDFOR=60\r\n") ==
        "555 5.5.4 FUTURERELEASE is not offered here\r\n");
  CHECK(rig.pipe(rig.user(), "EHLO a.example\r\n")
            .find("250-FUTURERELEASE 604800 2026-11-28T20:15:01Z\r\n") != std::string::npos);
  // What is past is due, however long ago it is.
  rig.send_as_user("HOLDUNTIL=0000-01-01T00:00:00Z", "<bert@example.org>");
  CHECK(rig.workers["DB1"]->inbox(rig.bert).size() == 2);
}

TEST_CASE("smtp extensions: a message that is late for a mailbox is brought, or reported") {
  ExtensionRig rig;
  rig.stop_worker("DB1");
  rig.send_as_user("BY=60;R", "<bert@example.org>");
  rig.clock.pass(Seconds(61));
  rig.queue->look();
  rig.wait_until([&] {
    const auto items = rig.queue->list();
    return items.size() == 1 && items[0].sender.empty();
  });
  // What is left is the report, for anna's mailbox is not there either.
  const auto report = rig.queue->message(rig.queue->list()[0].id);
  REQUIRE(report);
  CHECK(report->bytes.find("Status: 5.4.7\r\n") != std::string::npos);
}

TEST_CASE("smtp extensions: binary parts are kept as lines") {
  ExtensionRig rig;
  const std::string header =
      "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n";
  const std::string octets("\x89PNG\r\n\x1a\n\0\xff\r\n.\r\n", 15);
  const std::string part = "Content-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n";
  const std::string message = header + "--b\r\n" + part + octets + "\r\n--b--\r\n";
  CHECK(rig.take_chunk(message).find("\r\n250 2.0.0 Ok, id ") != std::string::npos);
  const auto inbox = rig.workers["DB1"]->inbox(rig.bert);
  REQUIRE(inbox.size() == 1);
  CHECK(inbox[0].find("Content-Transfer-Encoding: base64\r\n\r\niVBORw0KGgoA/w0KLg0K\r\n--b--") !=
        std::string::npos);
  // What has nothing binary stays as it came, to the octet.
  const std::string plain = header + "--b\r\n" + part + "x=\xc3\xbc\r\n--b--\r\n";
  CHECK(rig.take_chunk(plain).find("\r\n250 2.0.0 Ok, id ") != std::string::npos);
  CHECK(rig.workers["DB1"]->inbox(rig.bert).at(1).ends_with(plain));
  CHECK(rig.pipe(rig.anonymous(),
                 "MAIL FROM:<> BODY=BINARYMIME\r\nRCPT TO:<bert@example.org>\r\nDATA\r\n")
            .ends_with("503 5.5.1 A message of BODY=BINARYMIME comes by BDAT\r\n"));
}

TEST_CASE("smtp extensions: nothing binary gets between fields") {
  ExtensionRig rig;
  const auto refused = [&](std::string_view message) {
    const std::string said = rig.take_chunk(std::string(message));
    return said.substr(said.rfind("\r\n", said.size() - 3) + 2, 9);
  };
  CHECK(refused("Subject: x\nX-Hauspost-Organization-SCL: -1\r\n\r\nx\r\n") == "550 5.6.0");
  CHECK(refused("Subject: x\rX-Hauspost-Forest-A: 1\r\n\r\nx\r\n") == "550 5.6.0");
  CHECK(refused(std::string_view("Subject: \0\r\n\r\nx\r\n", 17)) == "550 5.6.0");
  CHECK(refused("Content-Type: multipart/mixed; boundary=b\r\n\r\npre\namble\r\n--b\r\n\r\nx\r\n"
                "--b--\r\n") == "550 5.6.0");
  CHECK(refused("Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nx\ny\r\n--b\r\n\r\n"
                "s\r\n--b--\r\n") == "554 5.6.3");
  CHECK(rig.workers["DB1"]->inbox(rig.bert).empty());
  // Without the word for it, no chunk may hold such octets.
  const std::string said = rig.pipe(rig.anonymous(),
                                    "MAIL FROM:<>\r\nRCPT TO:<bert@example.org>\r\nBDAT 17 LAST\r\n"
                                    "Subject: x\r\n\r\ny\nz");
  CHECK(said.ends_with("550 5.6.0 Message contains bare LF\r\n"));
}

TEST_CASE("smtp extensions: binary text without MIME becomes text") {
  const auto made = without_binary("Subject: x\r\n\r\none\ntwo\r\n");
  REQUIRE(made);
  CHECK(made->find("Content-Transfer-Encoding: quoted-printable\r\n\r\none=0Atwo\r\n") !=
        std::string::npos);
  CHECK(without_binary("no header\r\n").value() == "no header\r\n");
}

TEST_CASE("smtp back pressure: strangers wait first, then everybody") {
  ExtensionRig rig;
  FixedPressure pressure;
  rig.services().pressure = &pressure;
  const std::string refused = "452 4.3.1 Insufficient system resources, try again later\r\n";
  CHECK(rig.pipe(rig.anonymous(), "MAIL FROM:<>\r\n") == "250 2.1.0 Ok\r\n");
  pressure.now = Pressure::Level::kMedium;
  CHECK(rig.pipe(rig.anonymous(), "MAIL FROM:<>\r\n") == refused);
  CHECK(rig.pipe(rig.user(), "MAIL FROM:<anna@example.org>\r\n") == "250 2.1.0 Ok\r\n");
  pressure.now = Pressure::Level::kHigh;
  CHECK(rig.pipe(rig.user(), "MAIL FROM:<anna@example.org>\r\n") == refused);
}

TEST_CASE("smtp protocol log: the dialogue is kept, the message is not") {
  ExtensionRig rig;
  KeptLines log;
  Named connectors;
  connectors.connector.name = "Port 25";
  connectors.connector.permitted = bit(PermissionGroup::kAnonymous);
  rig.services().connectors = &connectors;
  rig.services().receive_log = &log;
  const std::string dialogue =
      "MAIL FROM:<a@example.net>\r\nRCPT TO:<bert@example.org>\r\nDATA\r\nSubject: secret\r\n\r\n"
      "x\r\n.\r\nNOSUCH\r\nQUIT\r\n";
  rig.pipe(rig.anonymous(), dialogue);
  CHECK(log.lines.empty());
  connectors.connector.protocol_log = true;
  rig.pipe(rig.anonymous(), dialogue);
  REQUIRE(log.lines.size() == 13);
  CHECK(log.connectors[3] == "Port 25");
  CHECK(log.lines[0] == "0 + EHLO client.example.net");
  CHECK(log.lines[1] == "1 < MAIL FROM:<a@example.net>");
  CHECK(log.lines[12].ends_with(" - in order"));
  std::string all;
  for (const std::string& line : log.lines) all += line + "\n";
  CHECK(all.find(" > 354 Send the message") != std::string::npos);
  CHECK(all.find(" > 250 2.0.0 Ok, id ") != std::string::npos);
  CHECK(all.find(" < NOSUCH\n") != std::string::npos);
  CHECK(all.find("secret") == std::string::npos);
}
