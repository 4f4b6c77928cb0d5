#include <catch2/catch.hpp>

#include "tests/unit/transport/rig.h"

using namespace hauspost;
using namespace hauspost::transport;
using namespace hauspost::transport::test;

namespace {

std::string message_to(const std::string& recipients, const std::string& text) {
  std::string out = "MAIL FROM:<sender@example.net>\r\n";
  for (const char name : recipients) {
    out += std::string("RCPT TO:<") +
           (name == 'a'   ? "anna"
            : name == 'b' ? "bert"
                          : "carl") +
           "@example.org>\r\n";
  }
  return out + "DATA\r\nSubject: x\r\n\r\n" + text + "\r\n.\r\n";
}

bool is_taken(const std::string& said) {
  return said.find("\r\n250 2.0.0 Ok, id ") != std::string::npos;
}

}  // namespace

TEST_CASE("queue: what a stopped database misses waits and arrives when it is back") {
  Rig rig;
  rig.stop_worker("DB1");
  CHECK(is_taken(rig.pipe(rig.anonymous(), message_to("abc", "waits"))));
  CHECK(rig.workers["DB2"]->inbox(rig.carl).size() == 1);
  auto items = rig.queue->list();
  REQUIRE(items.size() == 1);
  CHECK(items[0].queue == "Delivery/DB1");
  CHECK(items[0].sender == "sender@example.net");
  CHECK(items[0].recipients == std::vector<std::string>{"anna@example.org", "bert@example.org"});
  CHECK(items[0].received == rig.clock.wall);
  CHECK(items[0].next_attempt > rig.clock.wall);
  CHECK(rig.queue->list("Delivery/DB2").empty());
  CHECK(rig.queue->list("Delivery/DB1").size() == 1);

  rig.start_worker("DB1");
  rig.queue->kick();
  rig.wait_until([&] { return rig.queue->list().empty(); });
  const auto inbox = rig.workers["DB1"]->inbox(rig.anna);
  REQUIRE(inbox.size() == 1);
  CHECK(inbox[0].starts_with("Return-Path: <sender@example.net>\r\nReceived: "));
  CHECK(inbox[0].ends_with("\r\n\r\nwaits\r\n"));
  CHECK(rig.workers["DB1"]->inbox(rig.bert).size() == 1);
  CHECK(rig.workers["DB2"]->inbox(rig.carl).size() == 1);
}

TEST_CASE("queue: items outlive the process and go at the next start") {
  Rig rig;
  rig.stop_worker("DB1");
  for (int i = 0; i < 20; ++i) {
    CHECK(is_taken(rig.pipe(rig.anonymous(), message_to("a", std::to_string(i)))));
  }
  const auto before = rig.queue->list();
  REQUIRE(before.size() == 20);
  rig.close_queue();
  rig.open_queue();
  auto after = rig.queue->list();
  REQUIRE(after.size() == 20);
  for (std::size_t i = 0; i < 20; ++i) {
    CHECK(after[i].id == before[i].id);
    CHECK(after[i].recipients == before[i].recipients);
    CHECK(after[i].received == before[i].received);
    CHECK(after[i].bytes == before[i].bytes);
  }
  rig.close_queue();
  rig.start_worker("DB1");
  rig.open_queue();
  rig.wait_until([&] { return rig.queue->list().empty(); });
  CHECK(rig.workers["DB1"]->inbox(rig.anna).size() == 20);
}

TEST_CASE("queue: a delivery that is repeated is there once") {
  Rig rig;
  Envelope envelope;
  envelope.delivery = Guid::random();
  envelope.sender = "s@example.net";
  envelope.recipients = {{"anna@example.org"}};
  envelope.received = rig.clock.now();
  const auto message = std::make_shared<const std::string>("A: b\r\n\r\nonce\r\n");
  for (int i = 0; i < 3; ++i) {
    CHECK(rig.wait_for(rig.queue->enqueue({{{NextHop::Kind::kDatabase, "DB1", {}}, envelope}}, message)));
  }
  CHECK(rig.queue->list().size() == 3);
  rig.queue->kick();
  rig.wait_until([&] { return rig.queue->list().empty(); });
  CHECK(rig.workers["DB1"]->inbox(rig.anna).size() == 1);
}

TEST_CASE("queue: who is gone comes back to the sender, the others get theirs") {
  Rig rig;
  rig.stop_worker("DB1");
  CHECK(is_taken(rig.pipe(rig.anonymous(), message_to("ab", "x"))));
  rig.directory.remove("bert@example.org");
  rig.start_worker("DB1");
  rig.queue->kick();
  rig.wait_until([&] { return rig.workers["DB1"]->inbox(rig.anna).size() == 1; });
  rig.wait_until([&] { return rig.queue->list("Delivery/DB1").empty(); });
  rig.wait_until([&] { return rig.queue->list("Delivery").empty(); });
  const auto items = rig.queue->list();
  REQUIRE(items.size() == 1);
  CHECK(items[0].queue == "Unreachable");
  CHECK(items[0].sender.empty());
  CHECK(items[0].recipients == std::vector<std::string>{"sender@example.net"});
  const auto report = rig.queue->message(items[0].id);
  REQUIRE(report);
  CHECK(report->bytes.find("bert@example.org") != std::string_view::npos);
  CHECK(report->bytes.find("Status: 5.1.1") != std::string_view::npos);
  CHECK(report->bytes.find("anna@example.org") == std::string_view::npos);
}

TEST_CASE("queue: a mailbox that moved to another database gets its mail there") {
  Rig rig;
  rig.stop_worker("DB1");
  CHECK(is_taken(rig.pipe(rig.anonymous(), message_to("ab", "x"))));
  rig.directory.add("bert@example.org", rig.bert, "DB2", rig.socket_of("DB2"));
  rig.queue->kick();
  rig.wait_until([&] { return rig.queue->list("Delivery/DB2").size() == 1; });
  rig.queue->kick();
  rig.wait_until([&] { return rig.workers["DB2"]->inbox(rig.bert).size() == 1; });
  rig.start_worker("DB1");
  rig.queue->kick();
  rig.wait_until([&] { return rig.queue->list().empty(); });
  CHECK(rig.workers["DB1"]->inbox(rig.anna).size() == 1);
}

TEST_CASE("queue: a database that stays down backs off its queue") {
  Rig rig;
  rig.stop_worker("DB1");
  CHECK(is_taken(rig.pipe(rig.anonymous(), message_to("a", "x"))));
  const auto waiting = [&] { return rig.queue->list("Delivery/DB1").at(0); };
  CHECK(waiting().attempts == 0);
  CHECK(*waiting().next_attempt - rig.clock.wall == Seconds(5));
  const auto wake = [&] { rig.queue->look(); };
  std::uint32_t attempts = 0;
  for (const int wait : {5, 10, 20, 40, 80, 160, 300, 300}) {
    rig.clock.pass(Seconds(1));
    wake();
    CHECK(waiting().attempts == attempts);
    rig.clock.pass(std::chrono::ceil<Seconds>(*waiting().next_attempt - rig.clock.wall));
    wake();
    rig.wait_until([&] { return waiting().attempts == attempts + 1; });
    ++attempts;
    CHECK(*waiting().next_attempt - rig.clock.wall == Seconds(wait));
    CHECK_FALSE(waiting().last_error.empty());
  }
}

TEST_CASE("queue: foreign mail waits in Unreachable until its domain is ours") {
  Rig rig;
  CHECK(
      rig.pipe(rig.user(),
               "MAIL FROM:<anna@example.org>\r\nRCPT TO:<x@example.com>\r\nDATA\r\n\r\nx\r\n.\r\n")
          .find("\r\n250 2.0.0 Ok, id ") != std::string::npos);
  rig.queue->kick();
  auto items = rig.queue->list();
  REQUIRE(items.size() == 1);
  CHECK(items[0].queue == "Unreachable");
  CHECK(items[0].last_error == "no send connector takes mail for this domain");
  CHECK_FALSE(items[0].next_attempt);
  CHECK(items[0].attempts == 0);
  const auto summaries = rig.queue->summaries();
  REQUIRE(summaries.size() == 1);
  CHECK(summaries[0].items == 1);
  CHECK(summaries[0].bytes == items[0].bytes);
  rig.directory.add("x@example.com", rig.bert, "DB1", rig.socket_of("DB1"));
  rig.queue->kick();
  rig.wait_until([&] { return rig.queue->list().empty(); });
  const auto inbox = rig.workers["DB1"]->inbox(rig.bert);
  REQUIRE(inbox.size() == 1);
  CHECK(inbox[0].starts_with("Return-Path: <anna@example.org>\r\nReceived: "));
}

TEST_CASE("queue: a message for more recipients than an envelope holds becomes several items") {
  Rig rig;
  Envelope envelope;
  envelope.delivery = Guid::random();
  envelope.received = rig.clock.now();
  for (int i = 0; i < 1000; ++i) {
    envelope.recipients.push_back({std::to_string(i) + "@example.com", 2, std::string(400, 'y')});
  }
  const auto message = std::make_shared<const std::string>("A: b\r\n\r\nx\r\n");
  CHECK(rig.wait_for(rig.queue->enqueue({{NextHop{}, envelope}}, message)));
  std::size_t recipients = 0;
  const auto items = rig.queue->list();
  CHECK(items.size() > 1);
  for (const QueueItem& item : items) recipients += item.recipients.size();
  CHECK(recipients == 1000);
}
