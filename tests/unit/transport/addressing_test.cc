// Who has a message after it was handed over: groups, forwards and reports, with real mailboxes and
// a real queue behind them.
#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/unit/transport/organisation.h"
#include "tests/unit/transport/rig.h"
#include "transport/receive/hand_over.h"
#include "transport/resolve/srs.h"

using namespace hauspost;
using namespace hauspost::transport;
using namespace hauspost::transport::test;

namespace {

using Reports = GroupRules::Reports;

struct House {
  House() {
    organisation.socket = rig.socket_of("DB1");
    anna = organisation.mailbox("anna@example.org");
    bert = organisation.mailbox("bert@example.org");
    organisation.alias("postmaster@example.org", "anna@example.org");
    services.srs = &srs;
    envelope.delivery = Guid::random();
    envelope.sender = "sender@example.net";
    envelope.received = rig.clock.now();
  }

  Result<> submit(const std::vector<std::string>& recipients,
                  const std::string& message = "Subject: hello\r\n\r\ntext\r\n") {
    Envelope out = envelope;
    for (const std::string& address : recipients) out.recipients.push_back({address, notify, {}});
    return rig.wait_for(submit_internal(services, std::move(out), message));
  }
  std::vector<std::string> inbox(const Guid& mailbox) { return rig.workers["DB1"]->inbox(mailbox); }

  Rig rig;
  Organisation organisation;
  Srs srs{{"sixteen octets at least"}};
  Services services{organisation, rig.clients,        *rig.queue,
                    rig.clock,    "mail.example.org", ReceiveLimits{}};
  Envelope envelope;
  smtp::NotifyBits notify = 0;
  Guid anna, bert;
};

// Everything leaves by one connector. There is no queue whose name is not UTF-8.
struct OneConnector final : Router {
  NextHop route(const Recipient&, std::uint64_t) const override {
    return {NextHop::Kind::kConnector, name, {}};
  }
  std::string name = "\xff";
};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("addressing: an alias, a group and its member are one message") {
  House house;
  house.organisation.alias("a@example.org", "anna@example.org");
  house.organisation.group("all@example.org", {"anna@example.org", "bert@example.org"});
  REQUIRE(house.submit({"all@example.org", "a@example.org", "anna@example.org"}));
  CHECK(house.inbox(house.anna).size() == 1);
  CHECK(house.inbox(house.bert).size() == 1);
  CHECK(house.rig.queue->list().empty());
}

TEST_CASE("addressing: what is submitted again is there once") {
  House house;
  house.organisation.group("list@example.org", {"anna@example.org", "bert@example.org"},
                           {Reports::kOwner, "bert@example.org"});
  for (int i = 0; i < 2; ++i) REQUIRE(house.submit({"list@example.org", "bert@example.org"}));
  REQUIRE(house.inbox(house.anna).size() == 1);
  CHECK(house.inbox(house.anna)[0].starts_with("Return-Path: <bert@example.org>\r\n"));
  REQUIRE(house.inbox(house.bert).size() == 1);
  CHECK(house.inbox(house.bert)[0].starts_with("Return-Path: <sender@example.net>\r\n"));
}

TEST_CASE("addressing: who has what could not be kept for others gets it once") {
  House house;
  OneConnector router;
  house.services.router = &router;
  const auto send = [&] {
    Incoming incoming;
    incoming.envelope = house.envelope;
    incoming.envelope.delivery = Guid::random();
    for (const std::string address : {"anna@example.org", "x@example.net"}) {
      incoming.recipients.push_back(
          {{address, 0, {}}, address, house.organisation.resolve(address)});
    }
    incoming.message = "Subject: hello\r\n\r\ntext\r\n";
    const auto reply = house.rig.wait_for(hand_over(house.services, std::move(incoming)));
    return reply ? reply->code : 0;
  };
  CHECK(send() == 451);
  CHECK(house.inbox(house.anna).size() == 1);
  CHECK(send() == 451);
  router.name = "out";
  CHECK(send() == 250);
  CHECK(house.inbox(house.anna).size() == 1);
  CHECK(house.rig.queue->list().size() == 1);
  // The next one is another message, be it the same.
  CHECK(send() == 250);
  CHECK(house.inbox(house.anna).size() == 2);
}

TEST_CASE("addressing: a forward keeps its copy here and queues the other") {
  House house;
  const Guid carla = house.organisation.mailbox("carla@example.org", "carla@example.com", true);
  REQUIRE(house.submit({"carla@example.org"}));
  REQUIRE(house.inbox(carla).size() == 1);
  CHECK_FALSE(has(house.inbox(carla)[0], "Delivered-To"));
  const auto items = house.rig.queue->list();
  REQUIRE(items.size() == 1);
  CHECK(items[0].recipients == std::vector<std::string>{"carla@example.com"});
  CHECK(items[0].sender.starts_with("SRS0="));
  CHECK(items[0].sender.ends_with("=example.net=sender@example.org"));
}

TEST_CASE("addressing: a member who is gone is reported to the sender") {
  House house;
  house.envelope.sender = "bert@example.org";
  house.organisation.group("all@example.org", {"anna@example.org", "gone@example.org"});
  REQUIRE(house.submit({"all@example.org"}));
  CHECK(house.inbox(house.anna).size() == 1);
  const auto reports = house.inbox(house.bert);
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].starts_with("Return-Path: <>\r\n"));
  CHECK(has(reports[0], "Action: failed"));
  CHECK(has(reports[0], "Status: 5.1.1"));
  CHECK(has(reports[0], "gone@example.org"));
  // Repeated, it is told once.
  REQUIRE(house.submit({"all@example.org"}));
  CHECK(house.inbox(house.bert).size() == 1);
}

TEST_CASE("addressing: what is found out of another recipient later is told, too") {
  House house;
  house.envelope.sender = "bert@example.org";
  house.organisation.group("one@example.org", {"anna@example.org", "gone@example.org"});
  house.organisation.group("two@example.org", {"anna@example.org", "lost@example.org"});
  REQUIRE(house.submit({"one@example.org"}));
  REQUIRE(house.submit({"two@example.org"}));
  CHECK(house.inbox(house.anna).size() == 1);
  const auto reports = house.inbox(house.bert);
  REQUIRE(reports.size() == 2);
  CHECK(has(reports[0], "gone@example.org"));
  CHECK(has(reports[1], "lost@example.org"));
}

TEST_CASE("addressing: who is told that members of a list are gone") {
  House house;
  house.organisation.mailbox("carla@example.org");
  house.envelope.sender = "bert@example.org";
  GroupRules rules;
  std::size_t for_anna = 0, for_bert = 0;
  SECTION("the owner") {
    rules = {Reports::kOwner, "anna@example.org"};
    for_anna = 1;
  }
  SECTION("the sender") { for_bert = 1; }
  SECTION("nobody") { rules = {Reports::kNobody, {}}; }
  house.organisation.group("list@example.org", {"carla@example.org", "gone@example.org"}, rules);
  REQUIRE(house.submit({"list@example.org"}));
  CHECK(house.inbox(house.anna).size() == for_anna);
  CHECK(house.inbox(house.bert).size() == for_bert);
}

TEST_CASE("addressing: success is reported where it was asked for") {
  House house;
  house.envelope.sender = "bert@example.org";
  house.notify = smtp::kNotifySuccess;
  REQUIRE(house.submit({"anna@example.org"}));
  REQUIRE(house.inbox(house.bert).size() == 1);
  CHECK(has(house.inbox(house.bert)[0], "Action: delivered"));
  house.notify = smtp::kNotifyNever;
  house.envelope.delivery = Guid::random();
  REQUIRE(house.submit({"anna@example.org"}));
  CHECK(house.inbox(house.bert).size() == 1);
}

TEST_CASE("addressing: a report is never answered by a report") {
  House house;
  house.organisation.group("all@example.org", {"anna@example.org", "gone@example.org"});
  SECTION("of the null sender") { house.envelope.sender.clear(); }
  SECTION("of a report") {
    house.envelope.sender = "bert@example.org";
    house.envelope.report = true;
  }
  REQUIRE(house.submit({"all@example.org"}));
  CHECK(house.inbox(house.anna).size() == 1);
  CHECK(house.inbox(house.bert).empty());
}

TEST_CASE("addressing: a message for nobody is refused, not reported") {
  House house;
  house.envelope.sender = "bert@example.org";
  house.organisation.group("none@example.org", {});
  const auto empty = house.submit({"none@example.org"});
  REQUIRE_FALSE(empty);
  CHECK(empty.error().code == ErrorCode::kDenied);
  CHECK(house.submit({"gone@example.org"}).error().code == ErrorCode::kDenied);
  CHECK(house.inbox(house.bert).empty());
  CHECK(house.rig.queue->list().empty());
}

TEST_CASE("addressing: a bounce to a rewritten sender goes back to who it was") {
  House house;
  house.envelope.sender.clear();
  Resolved back{.kind = Resolved::Kind::kExternal,
                .label = "SRS0=x@example.org",
                .target = "sender@example.net"};
  house.organisation.entries["srs0=x@example.org"] = back;
  REQUIRE(house.submit({"SRS0=x@example.org"}));
  const auto items = house.rig.queue->list();
  REQUIRE(items.size() == 1);
  CHECK(items[0].sender.empty());
  CHECK(items[0].recipients == std::vector<std::string>{"sender@example.net"});
}

TEST_CASE("addressing: whose database is away gets it later, the others now") {
  House house;
  const Guid carl = house.organisation.mailbox("carl@example.org");
  house.organisation.entries["carl@example.org"].database = "DB2";
  house.organisation.entries["carl@example.org"].socket = house.rig.socket_of("DB2");
  house.rig.stop_worker("DB2");
  house.organisation.group("all@example.org", {"anna@example.org", "carl@example.org"});
  REQUIRE(house.submit({"all@example.org"}));
  CHECK(house.inbox(house.anna).size() == 1);
  const auto items = house.rig.queue->list();
  REQUIRE(items.size() == 1);
  CHECK(items[0].recipients == std::vector<std::string>{"carl@example.org"});
  house.rig.start_worker("DB2");
  CHECK(house.rig.workers["DB2"]->inbox(carl).empty());
}
