// What senders hear of quotas and message sizes.
#include <catch2/catch.hpp>

#include "tests/unit/transport/rig.h"
#include "transport/receive/hand_over.h"

using namespace hauspost;
using namespace hauspost::transport;
using namespace hauspost::transport::test;

namespace {

// A transaction up to the answer to its data.
std::string mail_to(const std::vector<std::string>& recipients, std::size_t bytes,
                    const std::string& parameters = "") {
  std::string out = "MAIL FROM:<sender@example.net>" + parameters + "\r\n";
  for (const std::string& recipient : recipients) out += "RCPT TO:<" + recipient + ">\r\n";
  out += "DATA\r\nSubject: test\r\n\r\n";
  for (std::size_t i = 0; i < bytes; i += 50) out += std::string(48, 'x') + "\r\n";
  return out + ".\r\n";
}

}  // namespace

TEST_CASE("quota: a message that does not fit is refused after DATA", "[quota]") {
  Rig rig;
  rig.directory.limits[rig.anna].prohibit_receive_bytes = 1000;
  const std::string said =
      rig.pipe(rig.anonymous(), mail_to({"anna@example.org"}, 2000) + "QUIT\r\n");
  CHECK(said.find("\r\n552 5.2.2 Mailbox full\r\n221 ") != std::string::npos);
  CHECK(rig.workers["DB1"]->inbox(rig.anna).empty());
  CHECK(rig.queue->list().empty());
}

TEST_CASE("quota: a mailbox known to be full is refused at RCPT, the others go on", "[quota]") {
  Rig rig;
  rig.directory.limits[rig.anna].prohibit_receive_bytes = 1000;
  const std::string said = rig.pipe(
      rig.anonymous(), mail_to({"anna@example.org"}, 2000) +
                           mail_to({"anna@example.org", "bert@example.org"}, 500, " SIZE=2000") +
                           mail_to({"anna@example.org", "bert@example.org"}, 100) + "QUIT\r\n");
  CAPTURE(said);
  // By the declared size first; the third is small enough.
  CHECK(said.find("\r\n250 2.1.0 Ok\r\n552 5.2.2 Mailbox full\r\n250 2.1.5 Ok\r\n354 ") !=
        std::string::npos);
  CHECK(rig.workers["DB1"]->inbox(rig.bert).size() == 2);
  CHECK(rig.workers["DB1"]->inbox(rig.anna).size() == 1);
  CHECK(rig.queue->list().empty());
}

TEST_CASE("quota: room that was made is seen at the next RCPT", "[quota]") {
  Rig rig;
  rig.directory.limits[rig.anna].prohibit_receive_bytes = 1000;
  rig.pipe(rig.anonymous(), mail_to({"anna@example.org"}, 2000) + "QUIT\r\n");
  rig.directory.limits[rig.anna].prohibit_receive_bytes = 100'000;
  rig.pipe(rig.anonymous(), mail_to({"anna@example.org"}, 2000, " SIZE=2000") + "QUIT\r\n");
  CHECK(rig.workers["DB1"]->inbox(rig.anna).size() == 1);
}

TEST_CASE("quota: who becomes full in mid-message gets its copy when there is room", "[quota]") {
  Rig rig;
  rig.directory.limits[rig.anna].prohibit_receive_bytes = 1000;
  const std::string said = rig.pipe(
      rig.anonymous(),
      mail_to({"anna@example.org", "bert@example.org", "carl@example.org"}, 2000) + "QUIT\r\n");
  CHECK(said.find("\r\n250 2.0.0 Ok, id ") != std::string::npos);
  CHECK(rig.workers["DB1"]->inbox(rig.bert).size() == 1);
  CHECK(rig.workers["DB2"]->inbox(rig.carl).size() == 1);
  CHECK(rig.workers["DB1"]->inbox(rig.anna).empty());
  const auto waiting = rig.queue->list();
  REQUIRE(waiting.size() == 1);
  CHECK(waiting[0].recipients == std::vector<std::string>{"anna@example.org"});
  rig.directory.limits[rig.anna].prohibit_receive_bytes = 100'000;
  rig.queue->kick();
  rig.wait_until([&] { return rig.queue->list().empty(); });
  CHECK(rig.workers["DB1"]->inbox(rig.anna).size() == 1);
  CHECK(rig.workers["DB1"]->inbox(rig.bert).size() == 1);
}

TEST_CASE("quota: who has its copy leaves the item that waits for another's room", "[quota]") {
  Rig rig;
  rig.stop_worker("DB1");
  rig.directory.limits[rig.anna].prohibit_receive_bytes = 1000;
  rig.pipe(rig.anonymous(), mail_to({"anna@example.org", "bert@example.org"}, 2000) + "QUIT\r\n");
  REQUIRE(rig.queue->list().size() == 1);
  CHECK(rig.queue->list()[0].recipients.size() == 2);
  rig.start_worker("DB1");
  rig.queue->kick();
  rig.wait_until([&] { return rig.queue->list()[0].recipients.size() == 1; });
  CHECK(rig.queue->list()[0].recipients == std::vector<std::string>{"anna@example.org"});
  CHECK(rig.workers["DB1"]->inbox(rig.bert).size() == 1);
  CHECK(rig.workers["DB1"]->inbox(rig.anna).empty());
  rig.directory.limits[rig.anna].prohibit_receive_bytes = 100'000;
  rig.queue->kick();
  rig.wait_until([&] { return rig.queue->list().empty(); });
  CHECK(rig.workers["DB1"]->inbox(rig.anna).size() == 1);
  CHECK(rig.workers["DB1"]->inbox(rig.bert).size() == 1);
}

TEST_CASE("quota: who holds too much cannot send", "[quota]") {
  Rig rig;
  rig.pipe(rig.anonymous(), mail_to({"anna@example.org"}, 2000) + "QUIT\r\n");
  rig.directory.limits[rig.anna].prohibit_send_bytes = 1000;
  rig.talk(rig.user(), R"(
      C: MAIL FROM:<anna@example.org>
      S: 552 5.2.2 Your mailbox is too full to send: delete messages first
      C: RCPT TO:<bert@example.org>
      S: 503 5.5.1 MAIL first
      C: QUIT
      S: 221 2.0.0 mail.example.org Bye)");
  rig.directory.limits[rig.anna].prohibit_send_bytes = 100'000;
  rig.talk(rig.user(), R"(
      C: MAIL FROM:<anna@example.org>
      S: 250 2.1.0 Ok
      C: QUIT
      S: 221 2.0.0 mail.example.org Bye)");
}

TEST_CASE("quota: a worker that does not answer keeps nobody from sending", "[quota]") {
  Rig rig;
  rig.directory.limits[rig.anna].prohibit_send_bytes = 0;
  rig.stop_worker("DB1");
  rig.talk(rig.user(), R"(
      C: MAIL FROM:<anna@example.org>
      S: 250 2.1.0 Ok
      C: QUIT
      S: 221 2.0.0 mail.example.org Bye)");
}

TEST_CASE("quota: messages too big for one mailbox", "[quota]") {
  Rig rig;
  rig.directory.message_bytes_max[rig.anna] = 1000;
  rig.talk(rig.anonymous(), R"(
      C: MAIL FROM:<sender@example.net> SIZE=2000
      S: 250 2.1.0 Ok
      C: RCPT TO:<anna@example.org>
      S: 552 5.3.4 Message too big for this mailbox
      C: RCPT TO:<bert@example.org>
      S: 250 2.1.5 Ok
      C: QUIT
      S: 221 2.0.0 mail.example.org Bye)");
  // Who does not say how much comes hears it at the end.
  const std::string said =
      rig.pipe(rig.anonymous(), mail_to({"anna@example.org"}, 2000) + "QUIT\r\n");
  CHECK(said.find("552 5.3.4 Message too big for anna@example.org") != std::string::npos);
  rig.talk(rig.user(), R"(
      C: MAIL FROM:<anna@example.org> SIZE=2000
      S: 552 5.3.4 Message too big
      C: QUIT
      S: 221 2.0.0 mail.example.org Bye)");
  CHECK(rig.workers["DB1"]->inbox(rig.anna).empty());
}

TEST_CASE("quota: a report that does not fit waits for room", "[quota]") {
  Rig rig;
  rig.directory.limits[rig.anna].prohibit_receive_bytes = 1000;
  Envelope envelope;
  envelope.delivery = Guid::random();
  envelope.received = rig.clock.now();
  envelope.report = true;
  envelope.recipients = {{"anna@example.org", smtp::kNotifyNever}};
  const std::string text = "Subject: report\r\n\r\n" + std::string(2000, 'x') + "\r\n";
  REQUIRE(rig.wait_for(submit_internal(rig.services(), envelope, text)));
  CHECK(rig.workers["DB1"]->inbox(rig.anna).empty());
  CHECK(rig.queue->list("Delivery/DB1").size() == 1);
  envelope.delivery = Guid::random();
  envelope.report = false;
  CHECK_FALSE(rig.wait_for(submit_internal(rig.services(), envelope, text)));
}
