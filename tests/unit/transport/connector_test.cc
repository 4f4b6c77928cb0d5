// What receive connectors make of a session.
#include <catch2/catch.hpp>

#include "tests/unit/transport/rig.h"

using namespace hauspost;
using namespace hauspost::transport;
using namespace hauspost::transport::test;

namespace {

class OneConnector final : public Connectors {
 public:
  std::shared_ptr<const ReceiveConnector> find(std::string_view name) const override {
    if (name != connector.name) return nullptr;
    return std::make_shared<const ReceiveConnector>(connector);
  }
  ReceiveConnector connector;
};

// A rig whose sessions all come by one connector, "Test".
struct ConnectorRig : Rig {
  ConnectorRig() {
    connectors.connector.name = "Test";
    connectors.connector.permitted = bit(PermissionGroup::kAnonymous);
    connectors.connector.limits.tarpit_ms = 0;
    services().connectors = &connectors;
    services().rates = &rates;
  }
  ReceiveConnector& connector() { return connectors.connector; }
  link::SessionStart outside() const { return named(anonymous()); }
  link::SessionStart logged_in() const { return named(user()); }
  static link::SessionStart named(link::SessionStart start) {
    start.listener = "Test";
    return start;
  }
  // What the mailbox got of a message that was taken.
  std::string take(const link::SessionStart& start, const std::string& from,
                   const std::string& message) {
    const std::string said =
        pipe(start, "MAIL FROM:<" + from + ">\r\nRCPT TO:<bert@example.org>\r\nDATA\r\n" + message +
                        ".\r\n");
    INFO(said);
    REQUIRE(said.find("\r\n250 2.0.0 Ok, id ") != std::string::npos);
    const auto inbox = workers["DB1"]->inbox(bert);
    REQUIRE_FALSE(inbox.empty());
    return inbox.back();
  }

  OneConnector connectors;
  MessageRates rates{clock};
};

}  // namespace

TEST_CASE("receive connector: what each group may do") {
  struct Row {
    PermissionGroup group;
    bool submit, relay, any_sender, organisation;
  };
  for (const Row& row : {Row{PermissionGroup::kAnonymous, true, false, true, false},
                         Row{PermissionGroup::kUsers, true, true, false, false},
                         Row{PermissionGroup::kPartners, true, false, true, false},
                         Row{PermissionGroup::kServers, true, true, true, true},
                         Row{PermissionGroup::kExternallySecured, true, true, true, false}}) {
    const RightBits rights = default_rights(row.group);
    CAPTURE(kGroupNames[static_cast<std::size_t>(row.group)]);
    CHECK(((rights & kSubmit) != 0) == row.submit);
    CHECK(((rights & kAnyRecipient) != 0) == row.relay);
    CHECK(((rights & kAnySender) != 0) == row.any_sender);
    CHECK(((rights & kOrganisationHeaders) != 0) == row.organisation);
  }
}

TEST_CASE("receive connector: who is in which group") {
  ReceiveConnector connector;
  connector.permitted = bit(PermissionGroup::kAnonymous) | bit(PermissionGroup::kUsers) |
                        bit(PermissionGroup::kPartners);
  CHECK(membership(connector, false, false).groups == bit(PermissionGroup::kAnonymous));
  CHECK(membership(connector, false, true).groups ==
        (bit(PermissionGroup::kAnonymous) | bit(PermissionGroup::kPartners)));
  // A user is no stranger: what strangers may, any sender, is not the user's.
  CHECK(membership(connector, true, true).groups == bit(PermissionGroup::kUsers));
  CHECK((membership(connector, true, true).rights & kAnySender) == 0);
  connector.denied[0] = kOwnDomainSender;
  connector.granted[1] = kPriorityRight;
  CHECK((membership(connector, false, false).rights & kOwnDomainSender) == 0);
  CHECK((membership(connector, true, false).rights & kPriorityRight) != 0);
}

TEST_CASE("receive connector: without a group nobody sends") {
  ConnectorRig rig;
  rig.connector().permitted = 0;
  rig.talk(rig.outside(), R"(
      C: MAIL FROM:<a@example.net>
      S: 530 5.7.0 Authentication required)");
  rig.connector().permitted = bit(PermissionGroup::kAnonymous);
  rig.talk(rig.logged_in(), R"(
      C: MAIL FROM:<anna@example.org>
      S: 550 5.7.1 You may not send here)");
}

TEST_CASE("receive connector: one that is gone ends its sessions") {
  ConnectorRig rig;
  rig.connector().name = "Another";
  rig.talk(rig.outside(), R"(
      C: MAIL FROM:<a@example.net>
      S: 421 4.3.2 mail.example.org Service is closing, try again later)");
}

TEST_CASE("receive connector: servers relay, as whomever") {
  ConnectorRig rig;
  rig.connector().permitted = bit(PermissionGroup::kServers);
  rig.talk(rig.outside(), R"(
      C: MAIL FROM:<anyone@example.net>
      S: 250 2.1.0 Ok
      C: RCPT TO:<someone@example.com>
      S: 250 2.1.5 Ok
      C: DATA
      S: 354 *
      C: Subject: relayed
      C:
      C: x
      C: .
      S: 250 2.0.0 Ok, id *)");
  REQUIRE(rig.queue->list().size() == 1);
  CHECK(rig.queue->list()[0].recipients == std::vector<std::string>{"someone@example.com"});
}

TEST_CASE("receive connector: strangers do not take our domains' names when that is denied") {
  ConnectorRig rig;
  rig.connector().denied[0] = kOwnDomainSender;
  rig.talk(rig.outside(), R"(
      C: MAIL FROM:<anna@example.org>
      S: 550 5.7.1 Senders of this domain have to log in
      C: MAIL FROM:<nobody@EXAMPLE.org>
      S: 550 5.7.1 Senders of this domain have to log in
      C: MAIL FROM:<>
      S: 250 2.1.0 Ok
      C: RSET
      S: 250 *
      C: MAIL FROM:<anna@example.net>
      S: 250 2.1.0 Ok)");
}

TEST_CASE("receive connector: its limits and its name") {
  ConnectorRig rig;
  rig.connector().limits.recipients = 1;
  rig.connector().limits.messages = 7;
  rig.connector().limits.message_bytes = 1000;
  rig.connector().fqdn = "mx.example.org";
  rig.connector().not_offered = smtp::kChunkingExtension | smtp::kSmtpUtf8Extension;
  rig.talk(rig.outside(), R"(
      C: EHLO client.example
      S: 250-mx.example.org Hello client.example
      S: 250-SIZE 1000
      S: 250-PIPELINING
      S: 250-8BITMIME
      S: 250-ENHANCEDSTATUSCODES
      S: 250-DSN
      S: 250-LIMITS MAILMAX=7 RCPTMAX=1
      S: 250-MT-PRIORITY MIXER
      S: 250 DELIVERBY
      C: MAIL FROM:<a@example.net> SIZE=1001
      S: 552 5.3.4 Message too big
      C: MAIL FROM:<a@example.net> SMTPUTF8
      S: 555 5.5.4 SMTPUTF8 is not offered here
      C: MAIL FROM:<a@example.net>
      S: 250 2.1.0 Ok
      C: RCPT TO:<anna@example.org>
      S: 250 2.1.5 Ok
      C: RCPT TO:<bert@example.org>
      S: 452 4.5.3 Too many recipients
      C: QUIT
      S: 221 2.0.0 mx.example.org Bye)");
  CHECK(rig.pipe(rig.outside(), "BDAT 6\r\nQUIT\r\nNOOP\r\n") ==
        "502 5.5.1 BDAT is not offered here\r\n250 2.0.0 Ok\r\n");
}

TEST_CASE("receive connector: a size that servers may pass is still the server's") {
  ConnectorRig rig;
  rig.connector().permitted = bit(PermissionGroup::kServers);
  rig.connector().limits.message_bytes = 1000;
  CHECK(rig.pipe(rig.outside(), "MAIL FROM:<a@example.net> SIZE=1001\r\n") == "250 2.1.0 Ok\r\n");
  CHECK(rig.pipe(rig.outside(), "MAIL FROM:<a@example.net> SIZE=99999999999\r\n") ==
        "552 5.3.4 Message too big\r\n");
}

TEST_CASE("receive connector: messages a minute, by address") {
  ConnectorRig rig;
  rig.connector().limits.messages_per_minute = 2;
  const std::string three = "MAIL FROM:<>\r\nRSET\r\nMAIL FROM:<>\r\nRSET\r\nMAIL FROM:<>\r\n";
  CHECK(rig.pipe(rig.outside(), three)
            .ends_with("450 4.7.0 Too many messages from your address, try again in a minute\r\n"));
  auto other = rig.outside();
  other.client_address = "198.51.100.1";
  CHECK(rig.pipe(other, "MAIL FROM:<>\r\n") == "250 2.1.0 Ok\r\n");
  rig.clock.pass(Seconds(60));
  CHECK(rig.pipe(rig.outside(), "MAIL FROM:<>\r\n") == "250 2.1.0 Ok\r\n");
}

TEST_CASE("receive connector: the header firewall") {
  const std::string message =
      "Return-Path: <forged@example.net>\r\n"
      "Received: from a by b; x\r\n"
      "X-Hauspost-Organization-SCL: -1\r\n"
      "x-hauspost-forest-a: 1\r\n"
      "X-Hauspost-Other: stays\r\n"
      "Authentication-Results: (who) mail.example.org;\r\n spf=pass\r\n"
      "Authentication-Results: mail.example.org.example.net; spf=pass\r\n"
      "Resent-From: <a@example.net>\r\n"
      "Subject: x\r\n\r\nReturn-Path: body\r\n";
  ConnectorRig rig;
  const std::string outside = rig.take(rig.outside(), "a@example.net", message);
  CHECK(
      outside.ends_with("+0000\r\nReceived: from a by b; x\r\nX-Hauspost-Other: stays\r\n"
                        "Authentication-Results: mail.example.org.example.net; spf=pass\r\n"
                        "Resent-From: <a@example.net>\r\nSubject: x\r\n\r\n"
                        "Return-Path: body\r\n"));
  rig.connector().denied[0] = kRoutingHeaders;
  CHECK(rig.take(rig.outside(), "a@example.net", message)
            .ends_with("+0000\r\nX-Hauspost-Other: stays\r\n"
                       "Authentication-Results: mail.example.org.example.net; spf=pass\r\n"
                       "Subject: x\r\n\r\nReturn-Path: body\r\n"));
  rig.connector().permitted = bit(PermissionGroup::kServers);
  const std::string trusted = rig.take(rig.outside(), "a@example.net", message);
  CHECK(trusted.find("X-Hauspost-Organization-SCL: -1\r\n") != std::string::npos);
  CHECK(trusted.find("(who) mail.example.org;") != std::string::npos);
  CHECK(trusted.find("forged") == std::string::npos);
}

TEST_CASE("receive connector: a message that was here too often is a loop") {
  ConnectorRig rig;
  std::string message;
  for (int i = 0; i < 8; ++i)
    message += "Received: from x by\r\n\tMAIL.example.org (Hauspost); now\r\n";
  const std::string start = "MAIL FROM:<>\r\nRCPT TO:<bert@example.org>\r\nDATA\r\n";
  CHECK(rig.pipe(rig.outside(), start + message + "\r\nx\r\n.\r\n")
            .ends_with("554 5.4.6 Mail loop: this message was here before, too often\r\n"));
  // Said by a client of itself, it is no loop.
  std::string lies;
  for (int i = 0; i < 8; ++i) lies += "Received: from mail.example.org by elsewhere; now\r\n";
  CHECK(rig.pipe(rig.outside(), start + lies + "\r\nx\r\n.\r\n").find("250 2.0.0 Ok, id") !=
        std::string::npos);
}

TEST_CASE("receive connector: From and Sender of a user") {
  ConnectorRig rig;
  rig.connector().permitted = bit(PermissionGroup::kUsers);
  const auto answer = [&](const std::string& header) {
    const std::string said = rig.pipe(
        rig.logged_in(), "MAIL FROM:<anna@example.org>\r\nRCPT TO:<bert@example.org>\r\nDATA\r\n" +
                             header + "\r\nx\r\n.\r\n");
    return said.substr(said.rfind("\r\n", said.size() - 3) + 2, 9);
  };
  CHECK(answer("From: Anna <anna@example.org>\r\n") == "250 2.0.0");
  CHECK(answer("From: bert@example.org\r\n") == "550 5.7.6");
  CHECK(answer("From: Anna <anna@example.org>, bert@example.org\r\n") == "550 5.7.6");
  CHECK(answer("From: \"anna@example.org\" <bert@example.org>\r\n") == "550 5.7.6");
  CHECK(answer("From: anna@example.org\r\nFrom: bert@example.org\r\n") == "550 5.6.0");
  CHECK(answer("From:\r\n") == "550 5.6.0");
  std::string many = "From: anna@example.org";
  for (int i = 0; i < 99; ++i) many += ",\r\n anna@example.org";
  CHECK(answer(many + "\r\n") == "250 2.0.0");
  CHECK(answer(many + ",\r\n bert@example.org\r\n") == "550 5.6.0");
  CHECK(answer("Subject: x\r\nno field\r\nFrom: bert@example.org\r\n") == "550 5.7.6");
  CHECK(answer("From: anna@example.org\r\nSender: bert@example.org\r\n") == "550 5.7.6");
  const std::string added =
      rig.take(rig.logged_in(), "anna@example.org", "Subject: x\r\n\r\nx\r\n");
  CHECK(added.find("\r\nFrom: <anna@example.org>\r\n") != std::string::npos);
  const std::string two = rig.take(rig.logged_in(), "anna@example.org",
                                   "From: anna@example.org, anna.alias@example.org\r\n\r\nx\r\n");
  CHECK(two.find("\r\nSender: <anna@example.org>\r\n") != std::string::npos);
}

TEST_CASE("receive connector: LMTP answers for each recipient") {
  ConnectorRig rig;
  rig.connector().listener = "lmtp";
  const std::string said = rig.pipe(
      rig.outside(),
      "EHLO client.example\r\nLHLO client.example\r\nMAIL FROM:<>\r\nRCPT TO:<anna@example.org>\r\n"
      "RCPT TO:<nobody@example.org>\r\nRCPT TO:<carl@example.org>\r\nRCPT TO:<Anna@example.org>\r\n"
      "DATA\r\nSubject: x\r\n\r\nx\r\n.\r\nQUIT\r\n");
  CAPTURE(said);
  CHECK(said.starts_with("500 5.5.1 This is LMTP: send LHLO\r\n250-mail.example.org Hello "));
  const std::string ok = "250 2.0.0 Ok, id ";
  const std::size_t data = said.find("354 ");
  REQUIRE(data != std::string::npos);
  std::size_t answers = 0;
  for (std::size_t at = data; (at = said.find(ok, at)) != std::string::npos; at += ok.size())
    ++answers;
  CHECK(answers == 3);
  CHECK(rig.workers["DB1"]->inbox(rig.anna).size() == 1);
  const auto carl = rig.workers["DB2"]->inbox(rig.carl);
  REQUIRE(carl.size() == 1);
  CHECK(carl[0].find("with LMTP id ") != std::string::npos);
  CHECK(rig.pipe(rig.outside(),
                 "MAIL FROM:<>\r\nRCPT TO:<anna@example.org>\r\n"
                 "RCPT TO:<carl@example.org>\r\nDATA\r\nx\ny\r\n.\r\nNOOP\r\n")
            .ends_with("550 5.6.0 Message contains bare LF\r\n"
                       "550 5.6.0 Message contains bare LF\r\n250 2.0.0 Ok\r\n"));
  rig.connector().listener = "smtp";
  CHECK(rig.pipe(rig.outside(), "LHLO client.example\r\n") == "500 5.5.1 Unknown command\r\n");
}

TEST_CASE("receive connector: a priority that was not granted is lowered") {
  ConnectorRig rig;
  CHECK(rig.pipe(rig.outside(), "MAIL FROM:<> MT-PRIORITY=3\r\n") ==
        "250 2.3.6 0 is the priority of this message\r\n");
  CHECK(rig.pipe(rig.outside(), "MAIL FROM:<> MT-PRIORITY=-3\r\n") == "250 2.1.0 Ok\r\n");
  rig.connector().permitted = bit(PermissionGroup::kServers);
  CHECK(rig.pipe(rig.outside(), "MAIL FROM:<> MT-PRIORITY=3\r\n") == "250 2.1.0 Ok\r\n");
}
