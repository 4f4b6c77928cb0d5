#include "transport/queue/envelope.h"

#include <catch2/catch.hpp>

#include "store/database.h"
#include "transport/delivery/delivery_wire.h"

using namespace hauspost;
using namespace hauspost::transport;

namespace {

Envelope full_envelope() {
  Envelope envelope;
  envelope.delivery = Guid::random();
  envelope.sender = "a@example.org";
  envelope.recipients = {{"b@example.org", smtp::kNotifyNever, "rfc822;b@example.org"},
                         {"c d@example.net", 0, ""}};
  envelope.received = WallTime(std::chrono::microseconds(1795288500123456));
  envelope.envid = "QQ314159";
  envelope.ret = smtp::Ret::kHeaders;
  envelope.smtputf8 = true;
  envelope.eight_bit = true;
  envelope.session = Guid::random();
  envelope.user = Guid::random();
  envelope.attempts = 7;
  envelope.next_attempt = WallTime(std::chrono::seconds(1795288600));
  envelope.last_error = "why";
  return envelope;
}

}  // namespace

TEST_CASE("queue envelope: comes back as it was written") {
  const Envelope before = full_envelope();
  const auto after = envelope_from_annotation(to_annotation(before));
  REQUIRE(after);
  CHECK(after->delivery == before.delivery);
  CHECK(after->sender == before.sender);
  REQUIRE(after->recipients.size() == 2);
  CHECK(after->recipients[0].address == "b@example.org");
  CHECK(after->recipients[0].notify == smtp::kNotifyNever);
  CHECK(after->recipients[0].orcpt == "rfc822;b@example.org");
  CHECK(after->recipients[1].address == "c d@example.net");
  CHECK(after->received == before.received);
  CHECK(after->envid == before.envid);
  CHECK(after->ret == before.ret);
  CHECK(after->smtputf8);
  CHECK(after->eight_bit);
  CHECK(after->session == before.session);
  CHECK(after->user == before.user);
  CHECK(after->attempts == 7);
  CHECK(after->next_attempt == before.next_attempt);
  CHECK(after->last_error == "why");
}

TEST_CASE("queue envelope: other bytes are corrupt, never a crash") {
  const std::string good = to_annotation(full_envelope());
  CHECK(envelope_from_annotation("").error().code == ErrorCode::kCorrupt);
  CHECK(envelope_from_annotation("garbage").error().code == ErrorCode::kCorrupt);
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x55);
    const auto read = envelope_from_annotation(bad);
    if (!read) CHECK(read.error().code == ErrorCode::kCorrupt);
  }
}

TEST_CASE("queue envelope: however many recipients, every annotation fits") {
  Envelope envelope = full_envelope();
  envelope.recipients.clear();
  for (int i = 0; i < 1000; ++i) {
    envelope.recipients.push_back(
        {std::to_string(i) + std::string(240, 'x') + "@example.org", 2, std::string(500, 'y')});
  }
  const auto pieces = split_to_fit(envelope);
  CHECK(pieces.size() > 1);
  std::size_t next = 0;
  for (const Envelope& piece : pieces) {
    CHECK(to_annotation(piece).size() <= store::kAnnotationMax);
    CHECK(piece.delivery == envelope.delivery);
    CHECK(piece.sender == envelope.sender);
    for (const Recipient& recipient : piece.recipients) {
      REQUIRE(next < envelope.recipients.size());
      CHECK(recipient.address == envelope.recipients[next++].address);
    }
  }
  CHECK(next == 1000);
}

TEST_CASE("delivery wire: the trailer comes off and leaves the message") {
  DeliverRequest request;
  request.delivery = Guid::random();
  request.internal_date_s = 1795288500;
  request.targets = {{Guid::random(), "a@example.org"}, {Guid::random(), "b@example.org", "Junk"}};
  request.user = Guid::random();
  std::string body = "From: x\r\n\r\nbody\r\n" + to_trailer(request);
  const auto taken = take_trailer(body);
  REQUIRE(taken);
  CHECK(body == "From: x\r\n\r\nbody\r\n");
  CHECK(taken->delivery == request.delivery);
  CHECK(taken->internal_date_s == request.internal_date_s);
  CHECK(taken->user == request.user);
  CHECK(taken->session.is_nil());
  REQUIRE(taken->targets.size() == 2);
  CHECK(taken->targets[0].folder == "INBOX");
  CHECK(taken->targets[1].folder == "Junk");
  CHECK(taken->targets[1].mailbox == request.targets[1].mailbox);
}

TEST_CASE("envelope: what others said need not be UTF-8, and is read back as it was") {
  Envelope envelope;
  envelope.delivery = Guid::random();
  envelope.sender = "m\xfcller@example.net";
  envelope.envid = "id\xff\xfe";
  envelope.recipients = {{"\xe4@example.org"}};
  envelope.recipients[0].orcpt = "rfc822;\xe4@example.org";
  // Cut in the middle of a character.
  for (int i = 0; i < 400; ++i) envelope.recipients[0].last_error += "\xc3\xa4";
  envelope.recipients[0].last_error.insert(0, "x");
  const auto read = envelope_from_annotation(to_annotation(envelope));
  REQUIRE(read);
  CHECK(read->sender == envelope.sender);
  CHECK(read->envid == envelope.envid);
  CHECK(read->recipients[0].address == envelope.recipients[0].address);
  CHECK(read->recipients[0].orcpt == envelope.recipients[0].orcpt);
  CHECK(read->recipients[0].last_error == envelope.recipients[0].last_error.substr(0, 500));
}

TEST_CASE("delivery wire: bad trailers are refused") {
  DeliverRequest no_targets;
  no_targets.delivery = Guid::random();
  for (std::string bad : {std::string(), std::string("abc"), std::string("\xff\xff\xff\xff", 4),
                          std::string("xx\x02\0\0\0", 6), to_trailer(no_targets)}) {
    CHECK(take_trailer(bad).error().code == ErrorCode::kCorrupt);
  }
  DeliverRequest many;
  many.delivery = Guid::random();
  many.targets.resize(kDeliverTargetsMax + 1);
  std::string body = to_trailer(many);
  CHECK(take_trailer(body).error().code == ErrorCode::kCorrupt);
}

TEST_CASE("delivery wire: results go there and back") {
  using Outcome = DeliverResult::Outcome;
  const DeliverResult results[] = {{Outcome::kDelivered, ""},
                                   {Outcome::kDuplicate, ""},
                                   {Outcome::kExhausted, "full"},
                                   {Outcome::kRetry, "later"}};
  const auto read = deliver_results_from_wire(to_wire(results));
  REQUIRE(read);
  REQUIRE(read->size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK((*read)[i].outcome == results[i].outcome);
    CHECK((*read)[i].text == results[i].text);
  }
  CHECK_FALSE(deliver_results_from_wire("\x0a\x02\x08\x09"));
  CHECK_FALSE(deliver_results_from_wire("\xff"));
}
