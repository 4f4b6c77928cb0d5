// The queue's patience and choice: ladder, reports, priorities, fairness, limits.
#include "tests/unit/transport/queue_rig.h"

using namespace hauspost;
using namespace hauspost::transport;
using namespace hauspost::transport::test;

namespace {

using Kind = RecipientResult::Kind;

// Long lines of a report are folded.
bool holds(std::string text, std::string_view part) {
  for (std::size_t at = 0; (at = text.find("\r\n ", at)) != std::string::npos;) text.erase(at, 2);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("queue engine: the first attempt is at once, and what was taken is gone") {
  QueueRig rig;
  rig.router.hops["a.example"] = remote("a.example");
  rig.put(remote("a.example"), rig.envelope({"x@a.example", "y@a.example"}), "hello");
  rig.until([&] { return rig.queue->list().empty(); });
  REQUIRE(rig.carrier.attempts.size() == 1);
  CHECK(rig.carrier.attempts[0].envelope.recipients.size() == 2);
  CHECK(rig.carrier.attempts[0].message == "Subject: q\r\n\r\nhello\r\n");
  rig.until([&] { return rig.queue->waiting() == 0; });
  CHECK(rig.sink.reports.empty());
}

TEST_CASE("queue engine: a hop that fails is tried after 4 x 1, 6 x 5 and then 10 minutes") {
  QueueRig rig;
  rig.options.delay_notice = Seconds(0);
  rig.restart();
  rig.router.hops["a.example"] = remote("a.example");
  rig.carrier.hops_down.insert("a.example");
  for (int i = 0; i < 3; ++i) rig.put(remote("a.example"), rig.envelope({"x@a.example"}));
  rig.settle();
  REQUIRE(rig.carrier.attempts.size() >= 1);
  std::size_t attempts = rig.carrier.attempts.size();
  for (const int minutes : {1, 1, 1, 1, 5, 5, 5, 5, 5, 5, 10, 10, 10}) {
    CAPTURE(minutes, attempts);
    rig.pass(Seconds(minutes * 60 - 1));
    CHECK(rig.carrier.attempts.size() == attempts);
    rig.pass(Seconds(1));
    CHECK(rig.carrier.attempts.size() == ++attempts);
  }
  const auto summary = rig.queue->summary("Remote/out/a.example");
  REQUIRE(summary);
  CHECK(summary->state == QueueState::kRetry);
  CHECK(summary->items == 3);
  CHECK(summary->last_error == "connection refused");
  REQUIRE(summary->next_attempt);
  CHECK(*summary->next_attempt - rig.clock.wall == Seconds(600));
  rig.carrier.hops_down.clear();
  rig.pass(Seconds(600));
  rig.until([&] { return rig.queue->list().empty(); });
  CHECK(rig.queue->summary("Remote/out/a.example")->failures == 0);
}

TEST_CASE("queue engine: the failures of one hop are no other's") {
  QueueRig rig;
  for (const char* domain : {"a.example", "b.example"}) rig.router.hops[domain] = remote(domain);
  rig.carrier.hops_down.insert("a.example");
  rig.put(remote("a.example"), rig.envelope({"x@a.example"}));
  rig.put(remote("b.example"), rig.envelope({"x@b.example"}));
  rig.until([&] { return rig.queue->list("Remote/out/b.example").empty(); });
  CHECK(rig.queue->list("Remote/out/a.example").size() == 1);
}

TEST_CASE("queue engine: a delay is reported once after four hours, the end after two days") {
  QueueRig rig;
  rig.router.hops["a.example"] = remote("a.example");
  rig.carrier.hops_down.insert("a.example");
  rig.put(remote("a.example"), rig.envelope({"x@a.example"}));
  rig.settle();
  for (int i = 0; i < 23; ++i) rig.pass(Seconds(600));
  CHECK(rig.sink.reports.empty());
  for (int i = 0; i < 3; ++i) rig.pass(Seconds(600));
  REQUIRE(rig.sink.reports.size() == 1);
  CHECK(holds(rig.sink.reports[0].message, "Action: delayed"));
  CHECK(rig.sink.reports[0].envelope.sender.empty());
  CHECK(rig.sink.reports[0].envelope.report);
  CHECK(rig.sink.reports[0].envelope.recipients.at(0).address == "sender@example.net");
  rig.restart();
  for (int i = 0; i < 12; ++i) rig.pass(Seconds(600));
  CHECK(rig.sink.reports.size() == 1);
  CHECK(rig.queue->list().size() == 1);
  rig.pass(Seconds(42 * 3600));
  for (int i = 0; i < 3; ++i) rig.pass(Seconds(600));
  REQUIRE(rig.sink.reports.size() == 2);
  CHECK(holds(rig.sink.reports[1].message, "Action: failed"));
  CHECK(holds(rig.sink.reports[1].message, "Status: 4.4.7"));
  CHECK(holds(rig.sink.reports[1].message, "connection refused"));
  CHECK(rig.queue->list().empty());
  CHECK(rig.queue->waiting() == 0);
}

TEST_CASE("queue engine: nothing is said about a report or to nobody") {
  QueueRig rig;
  rig.router.hops["a.example"] = remote("a.example");
  rig.carrier.usual = {Kind::kFailed, "5.1.1", "550 no", "mx"};
  Envelope report = rig.envelope({"x@a.example"});
  report.report = true;
  rig.put(remote("a.example"), report);
  rig.put(remote("a.example"), rig.envelope({"x@a.example"}, ""));
  Envelope silent = rig.envelope({"x@a.example"});
  silent.recipients[0].notify = smtp::kNotifyNever;
  rig.put(remote("a.example"), silent);
  rig.until([&] { return rig.queue->list().empty(); });
  CHECK(rig.carrier.attempts.size() == 3);
  CHECK(rig.sink.reports.empty());
}

TEST_CASE("queue engine: each recipient has its own end") {
  QueueRig rig;
  rig.router.hops["a.example"] = remote("a.example");
  rig.carrier.results["gone@a.example"] = {Kind::kFailed, "5.1.1", "550 5.1.1 who", "mx"};
  rig.carrier.results["full@a.example"] = {Kind::kDeferred, "4.2.2", "452 4.2.2 full", "mx"};
  rig.put(remote("a.example"), rig.envelope({"ok@a.example", "gone@a.example", "full@a.example"}));
  rig.settle();
  REQUIRE(rig.sink.reports.size() == 1);
  CHECK(holds(rig.sink.reports[0].message, "gone@a.example"));
  CHECK_FALSE(holds(rig.sink.reports[0].message, "full@a.example"));
  auto items = rig.queue->list();
  REQUIRE(items.size() == 1);
  CHECK(items[0].recipients == std::vector<std::string>{"full@a.example"});
  CHECK(items[0].state == ItemState::kRetry);
  CHECK(holds(items[0].last_error, "452 4.2.2 full"));
  rig.pass(Seconds(299));
  CHECK(rig.carrier.attempts.size() == 1);
  rig.pass(Seconds(1));
  CHECK(rig.carrier.attempts.size() == 2);
  CHECK(rig.carrier.attempts[1].envelope.recipients.size() == 1);
  rig.carrier.results.clear();
  rig.pass(Seconds(300));
  CHECK(rig.queue->list().empty());
  CHECK(rig.sink.reports.size() == 1);
}

TEST_CASE("queue engine: success is reported where it was asked for and nobody else does it") {
  QueueRig rig;
  rig.router.hops["a.example"] = remote("a.example");
  rig.carrier.results["in@a.example"] = {Kind::kDelivered, "2.1.5", {}, {}};
  rig.carrier.results["blind@a.example"] = {Kind::kRelayedBlind, "2.0.0", "250 Ok", "mx"};
  Envelope asks = rig.envelope({"in@a.example", "blind@a.example", "known@a.example"});
  for (Recipient& to : asks.recipients) to.notify = smtp::kNotifySuccess;
  rig.put(remote("a.example"), asks);
  rig.put(remote("a.example"), rig.envelope({"in@a.example", "blind@a.example"}));
  rig.until([&] { return rig.queue->list().empty(); });
  REQUIRE(rig.sink.reports.size() == 2);
  const std::string all = rig.sink.reports[0].message + rig.sink.reports[1].message;
  CHECK(holds(all, "Action: delivered"));
  CHECK(holds(all, "Action: relayed"));
  CHECK_FALSE(holds(all, "known@a.example"));
}

TEST_CASE("queue engine: a recipient leaves only when its report is durable, and it is the same") {
  QueueRig rig;
  rig.router.hops["a.example"] = remote("a.example");
  rig.carrier.usual = {Kind::kFailed, "5.1.1", "550 5.1.1 who", "mx"};
  rig.sink.broken = true;
  rig.put(remote("a.example"), rig.envelope({"x@a.example"}));
  rig.settle();
  REQUIRE(rig.sink.reports.size() == 1);
  REQUIRE(rig.queue->list().size() == 1);
  CHECK(rig.queue->list()[0].recipients == std::vector<std::string>{"x@a.example"});
  rig.sink.broken = false;
  rig.restart();
  rig.pass(Seconds(300));
  CHECK(rig.queue->list().empty());
  REQUIRE(rig.sink.reports.size() == 2);
  CHECK(rig.sink.reports[0].envelope.delivery == rig.sink.reports[1].envelope.delivery);
}

TEST_CASE("queue engine: a higher priority goes first, and within one senders take turns") {
  QueueRig rig;
  rig.options.hop_connections_max = 1;
  rig.restart();
  rig.router.hops["a.example"] = remote("a.example");
  rig.carrier.closed = true;
  for (int i = 0; i < 10; ++i)
    rig.put(remote("a.example"), rig.envelope({"x@a.example"}, "many@example.net"));
  rig.put(remote("a.example"), rig.envelope({"x@a.example"}, "one@example.net"));
  Envelope urgent = rig.envelope({"x@a.example"}, "urgent@example.net");
  urgent.priority = 4;
  rig.put(remote("a.example"), urgent);
  rig.carrier.open();
  rig.until([&] { return rig.queue->list().empty(); });
  CHECK(rig.carrier.most_at_once == 1);
  REQUIRE(rig.carrier.attempts.size() == 12);
  const auto sender = [&](std::size_t i) { return rig.carrier.attempts[i].envelope.sender; };
  CHECK(sender(0) == "many@example.net");  // it was under way already
  CHECK(sender(1) == "urgent@example.net");
  CHECK((sender(2) == "one@example.net" || sender(3) == "one@example.net"));
}

TEST_CASE("queue engine: a hop gets no more attempts at once than it may, nor all together") {
  QueueRig rig;
  rig.options.hop_connections_max = 7;
  rig.options.connections_max = 10;
  rig.restart();
  rig.carrier.closed = true;
  for (const char* domain : {"a.example", "b.example"}) {
    rig.router.hops[domain] = remote(domain);
    for (int i = 0; i < 40; ++i)
      rig.put(remote(domain), rig.envelope({std::string("x@") + domain}));
  }
  rig.settle();
  CHECK(rig.carrier.at_once == 10);
  CHECK(rig.queue->summary("Remote/out/a.example")->active == 5);
  rig.carrier.let(30);
  rig.settle();
  CHECK(rig.carrier.at_once == 10);
  const auto active = [&](const char* name) { return rig.queue->summary(name)->active; };
  CHECK(active("Remote/out/a.example") <= 7);
  CHECK(active("Remote/out/b.example") <= 7);
  rig.carrier.open();
  rig.until([&] { return rig.queue->list().empty(); });
  CHECK(rig.carrier.most_at_once == 10);
  CHECK(rig.carrier.attempts.size() == 80);
}

TEST_CASE("queue engine: a hop gets no more messages a minute than it may") {
  QueueRig rig;
  rig.options.hop_messages_a_minute = 3;
  rig.restart();
  rig.router.hops["a.example"] = remote("a.example");
  for (int i = 0; i < 7; ++i) rig.put(remote("a.example"), rig.envelope({"x@a.example"}));
  rig.settle();
  CHECK(rig.carrier.attempts.size() == 3);
  rig.pass(Seconds(59));
  CHECK(rig.carrier.attempts.size() == 3);
  rig.pass(Seconds(1));
  CHECK(rig.carrier.attempts.size() == 6);
  rig.pass(Seconds(60));
  CHECK(rig.carrier.attempts.size() == 7);
}

TEST_CASE("queue engine: what is held goes when its time has come") {
  QueueRig rig;
  rig.router.hops["a.example"] = remote("a.example");
  Envelope held = rig.envelope({"x@a.example"});
  held.hold_until = rig.clock.now() + std::chrono::hours(72);
  rig.put(remote("a.example"), held);
  rig.restart();
  CHECK(rig.queue->retry("Remote/out/a.example"));
  rig.settle();
  rig.pass(Seconds(71 * 3600));
  CHECK(rig.carrier.attempts.empty());
  CHECK(rig.sink.reports.empty());
  rig.pass(Seconds(3600));
  CHECK(rig.carrier.attempts.size() == 1);
  CHECK(rig.queue->list().empty());
}

TEST_CASE("queue engine: the sender's own time for delivery") {
  QueueRig rig;
  rig.router.hops["a.example"] = remote("a.example");
  rig.carrier.usual = {Kind::kDeferred, "4.2.1", "450 later", "mx"};
  Envelope back = rig.envelope({"x@a.example"});
  back.deliver_by = rig.clock.now() + Seconds(100);
  Envelope tell = back;
  tell.delivery = Guid::random();
  tell.deliver_by_notify = true;
  rig.put(remote("a.example"), back);
  rig.put(remote("a.example"), tell);
  rig.settle();
  CHECK(rig.sink.reports.empty());
  rig.pass(Seconds(100));
  REQUIRE(rig.sink.reports.size() == 2);
  const bool first_failed = holds(rig.sink.reports[0].message, "Action: failed");
  CHECK(holds(rig.sink.reports[first_failed ? 0 : 1].message, "Status: 5.4.7"));
  CHECK(holds(rig.sink.reports[first_failed ? 1 : 0].message, "Action: delayed"));
  CHECK(rig.queue->list().size() == 1);
}

TEST_CASE("queue engine: what is to come back when it is late is not delivered late") {
  QueueRig rig;
  rig.router.hops["a.example"] = remote("a.example");
  rig.carrier.hops_down.insert("a.example");
  Envelope envelope = rig.envelope({"x@a.example"});
  envelope.deliver_by = rig.clock.now() + Seconds(100);
  rig.put(remote("a.example"), envelope);
  rig.settle();
  CHECK(rig.carrier.attempts.size() == 1);
  rig.carrier.hops_down.clear();
  rig.pass(Seconds(200));
  CHECK(rig.carrier.attempts.size() == 1);
  REQUIRE(rig.sink.reports.size() == 1);
  CHECK(holds(rig.sink.reports[0].message, "Status: 5.4.7"));
  CHECK(rig.queue->list().empty());
}

TEST_CASE("queue engine: what nobody takes waits for a change of configuration, and expires") {
  QueueRig rig;
  rig.put(NextHop{}, rig.envelope({"x@a.example"}));
  rig.put(NextHop{}, rig.envelope({"x@b.example"}));
  rig.settle();
  CHECK(rig.carrier.attempts.empty());
  CHECK(rig.queue->list("Unreachable").size() == 2);
  rig.router.hops["a.example"] = remote("a.example");
  rig.configuration = 2;
  rig.pass(Seconds(6));
  CHECK(rig.carrier.attempts.size() == 1);
  CHECK(rig.queue->list("Unreachable").size() == 1);
  rig.pass(Seconds(4 * 3600));
  REQUIRE(rig.sink.reports.size() == 1);
  CHECK(holds(rig.sink.reports[0].message, "Action: delayed"));
  rig.pass(Seconds(44 * 3600));
  REQUIRE(rig.sink.reports.size() == 2);
  CHECK(holds(rig.sink.reports[1].message, "no send connector takes mail for this domain"));
  CHECK(rig.queue->list().empty());
}

TEST_CASE("queue engine: recipients whose way has parted go apart, each once") {
  QueueRig rig;
  rig.router.hops["a.example"] = remote("a.example");
  rig.router.hops["b.example"] = remote("b.example");
  rig.put(NextHop{}, rig.envelope({"x@a.example", "x@b.example", "x@c.example"}));
  rig.until([&] { return rig.carrier.attempts.size() == 2; });
  rig.settle();
  const auto left = rig.queue->list();
  REQUIRE(left.size() == 1);
  CHECK(left[0].queue == "Unreachable");
  CHECK(left[0].recipients == std::vector<std::string>{"x@c.example"});
  CHECK(rig.queue->waiting() == 1);
}

TEST_CASE("queue engine: a part that cannot go to its queue makes no other part go twice") {
  QueueRig rig;
  rig.router.hops["a.example"] = remote("a.example");
  // No folder can have that name.
  rig.router.hops["b.example"] = {NextHop::Kind::kConnector, "\xff\xfe", {}};
  rig.put(NextHop{}, rig.envelope({"x@a.example", "x@b.example"}));
  rig.settle();
  CHECK(rig.carrier.attempts.size() == 1);
  for (int i = 0; i < 3; ++i) rig.pass(Seconds(300));
  CHECK(rig.carrier.attempts.size() == 1);
  const auto left = rig.queue->list();
  REQUIRE(left.size() == 1);
  CHECK(left[0].recipients == std::vector<std::string>{"x@b.example"});
  rig.router.hops["b.example"] = remote("b.example");
  rig.pass(Seconds(300));
  rig.until([&] { return rig.queue->list().empty(); });
  CHECK(rig.carrier.attempts.size() == 2);
}

TEST_CASE("queue engine: a start in the middle repeats what was not settled, nothing else") {
  QueueRig rig;
  rig.router.hops["a.example"] = remote("a.example");
  rig.carrier.closed = true;
  rig.carrier.let_through = 2;
  for (int i = 0; i < 9; ++i) rig.put(remote("a.example"), rig.envelope({"x@a.example"}));
  rig.until([&] { return rig.queue->list().size() == 7; });
  rig.settle();
  rig.stop();
  rig.carrier.attempts.clear();
  rig.carrier.open();
  rig.start();
  CHECK(rig.queue->waiting() == 7);
  rig.until([&] { return rig.queue->list().empty(); });
  CHECK(rig.carrier.attempts.size() == 7);
}

TEST_CASE("queue engine: a hop that refuses some connections gets fewer of them") {
  QueueRig rig;
  rig.router.hops["a.example"] = remote("a.example");
  rig.carrier.closed = true;
  for (int i = 0; i < 30; ++i) rig.put(remote("a.example"), rig.envelope({"x@a.example"}));
  rig.settle();
  CHECK(rig.carrier.at_once == 5);
  rig.carrier.let(1);  // taken: six at once from now on
  rig.settle();
  CHECK(rig.carrier.at_once == 6);
  rig.carrier.hops_down.insert("a.example");
  rig.carrier.let(1);
  rig.settle();
  rig.carrier.hops_down.clear();
  const auto summary = rig.queue->summary("Remote/out/a.example");
  CHECK(summary->active == 5);
  CHECK(summary->failures == 0);
  rig.carrier.open();
  rig.until([&] { return rig.queue->list().empty(); });
}
