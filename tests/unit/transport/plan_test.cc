#include "transport/resolve/plan.h"

#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/unit/transport/organisation.h"
#include "tests/unit/transport/rig.h"
#include "transport/resolve/srs.h"

using namespace hauspost;
using namespace hauspost::transport;
using namespace hauspost::transport::test;

namespace {

using Reports = GroupRules::Reports;

// Every event, as "NUMBER recipient detail".
class Listener final : public Tracker {
 public:
  void record(const TrackedEvent& event) override {
    events.emplace_back(event.event,
                        std::string(event.recipients.front()) + " " + std::string(event.detail));
  }
  std::vector<std::pair<TrackEvent, std::string>> events;
};

struct House {
  House() {
    services.srs = &srs;
    services.tracker = &tracker;
    envelope.delivery = Guid::random();
    envelope.sender = "sender@example.net";
  }

  Result<Plan> try_plan(const std::vector<std::string>& recipients, std::string_view header = {}) {
    PlanInput input{envelope, {}, header, 1000};
    for (const std::string& address : recipients)
      input.recipients.push_back({{address, notify, {}}, organisation.resolve(address)});
    return rig.wait_for(make_plan(services, std::move(input)));
  }
  Plan plan(const std::vector<std::string>& recipients, std::string_view header = {}) {
    auto made = try_plan(recipients, header);
    REQUIRE(made);
    return std::move(*made);
  }

  Rig rig;
  Organisation organisation;
  Srs srs{{"sixteen octets at least"}};
  Listener tracker;
  Services services{organisation, rig.clients,        *rig.queue,
                    rig.clock,    "mail.example.org", ReceiveLimits{}};
  Envelope envelope;
  smtp::NotifyBits notify = 0;
};

// "sender > address" of every target, sorted.
std::vector<std::string> ways(const Plan& plan) {
  std::vector<std::string> out;
  for (const Fork& fork : plan.forks) {
    for (const Target& target : fork.targets)
      out.push_back(fork.envelope.sender + " > " + target.recipient.address);
  }
  std::ranges::sort(out);
  return out;
}

std::vector<std::string> refusals(const Plan& plan) {
  std::vector<std::string> out;
  for (const Refused& refused : plan.refused)
    out.push_back(std::string(refused.status) + " " + refused.recipient.address);
  return out;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("plan: a group within groups reaches each mailbox once") {
  House house;
  house.organisation.mailbox("anna@example.org");
  house.organisation.mailbox("bert@example.org");
  house.organisation.alias("b@example.org", "bert@example.org");
  house.organisation.group("all@example.org", {"team@example.org", "bert@example.org"});
  house.organisation.group("team@example.org",
                           {"anna@example.org", "b@example.org", "all@example.org"});
  const Plan plan = house.plan({"all@example.org", "b@example.org"});
  CHECK(ways(plan) ==
        Lines{"sender@example.net > anna@example.org", "sender@example.net > b@example.org"});
  CHECK(refusals(plan).empty());
  CHECK(plan.forks.size() == 1);
  CHECK(plan.forks[0].envelope.delivery == house.envelope.delivery);
  CHECK(std::ranges::count(house.tracker.events, TrackEvent::kExpand,
                           &std::pair<TrackEvent, std::string>::first) == 2);
}

TEST_CASE("plan: groups that hold only each other refuse") {
  House house;
  house.organisation.mailbox("anna@example.org");
  house.organisation.group("a@example.org", {"b@example.org"});
  house.organisation.group("b@example.org", {"a@example.org"});
  house.organisation.group("none@example.org", {});
  CHECK(refusals(house.plan({"a@example.org"})) == Lines{"5.2.4 a@example.org"});
  CHECK(refusals(house.plan({"none@example.org"})) == Lines{"5.2.4 none@example.org"});
  const Plan both = house.plan({"a@example.org", "anna@example.org"});
  CHECK(refusals(both) == Lines{"5.2.4 a@example.org"});
  CHECK(ways(both) == Lines{"sender@example.net > anna@example.org"});
}

TEST_CASE("plan: a group that is named beside one that holds it is no empty one") {
  House house;
  house.organisation.mailbox("anna@example.org");
  house.organisation.group("a@example.org", {"b@example.org"});
  house.organisation.group("b@example.org", {"anna@example.org"});
  const Plan plan = house.plan({"a@example.org", "b@example.org"});
  CHECK(refusals(plan).empty());
  CHECK(ways(plan) == Lines{"sender@example.net > anna@example.org"});
}

TEST_CASE("plan: a list has a reverse-path of its own, an alias does not") {
  House house;
  house.organisation.mailbox("anna@example.org");
  house.organisation.mailbox("olga@example.org");
  house.organisation.group("alias@example.org", {"anna@example.org"});
  house.organisation.group("list@example.org", {"anna@example.org", "x@example.com"},
                           {Reports::kOwner, "olga@example.org"});
  house.organisation.group("quiet@example.org", {"anna@example.org"}, {Reports::kNobody, {}});
  CHECK(ways(house.plan({"alias@example.org"})) == Lines{"sender@example.net > anna@example.org"});
  const Plan list = house.plan({"list@example.org"});
  CHECK(ways(list) ==
        Lines{"olga@example.org > anna@example.org", "olga@example.org > x@example.com"});
  for (const Fork& fork : list.forks)
    for (const Target& target : fork.targets) CHECK(target.recipient.orcpt.empty());
  const Plan quiet = house.plan({"quiet@example.org"});
  CHECK(ways(quiet) == Lines{" > anna@example.org"});
  CHECK(quiet.forks.back().targets[0].recipient.notify == smtp::kNotifyNever);
  house.envelope.sender.clear();
  CHECK(ways(house.plan({"list@example.org"})) == Lines{" > anna@example.org", " > x@example.com"});
}

TEST_CASE("plan: ids of forks follow from the message's") {
  House house;
  house.organisation.mailbox("anna@example.org");
  house.organisation.group("list@example.org", {"anna@example.org"}, {Reports::kNobody, {}});
  const Plan one = house.plan({"list@example.org"});
  const Plan again = house.plan({"list@example.org"});
  REQUIRE(one.forks.size() == 2);
  CHECK(one.forks[1].envelope.delivery == again.forks[1].envelope.delivery);
  CHECK(one.forks[1].envelope.delivery != one.forks[0].envelope.delivery);
  CHECK(one.forks[1].envelope.network == house.envelope.delivery);
  house.envelope.delivery = Guid::random();
  CHECK(house.plan({"list@example.org"}).forks[1].envelope.delivery !=
        one.forks[1].envelope.delivery);
}

TEST_CASE("plan: what is forwarded outside leaves under a rewritten reverse-path") {
  House house;
  house.organisation.mailbox("anna@example.org", "anna@example.com", false);
  const Plan plan = house.plan({"anna@example.org"});
  REQUIRE(plan.forks.size() == 2);
  CHECK(plan.forks[0].targets.empty());
  const Fork& fork = plan.forks[1];
  CHECK(fork.prefix == "Delivered-To: anna@example.org\r\n");
  REQUIRE(fork.targets.size() == 1);
  const Recipient& recipient = fork.targets[0].recipient;
  CHECK(recipient.address == "anna@example.com");
  CHECK(recipient.original == "anna@example.org");
  CHECK(recipient.orcpt == "rfc822;anna@example.org");
  const std::string& sender = fork.envelope.sender;
  CAPTURE(sender);
  CHECK(sender.ends_with("=example.net=sender@example.org"));
  CHECK(house.srs.reverse(sender.substr(0, sender.rfind('@')), house.rig.clock.now()) ==
        "sender@example.net");
}

TEST_CASE("plan: whose reverse-path is not rewritten") {
  House house;
  house.organisation.mailbox("anna@example.org", "anna@example.com");
  SECTION("the null one") { house.envelope.sender.clear(); }
  SECTION("one of ours") { house.envelope.sender = "bert@example.org"; }
  SECTION("where the domain does not want it") { house.organisation.srs = false; }
  const Plan plan = house.plan({"anna@example.org"});
  CHECK(plan.forks.back().envelope.sender == house.envelope.sender);
  CHECK(plan.forks.back().targets[0].recipient.address == "anna@example.com");
}

TEST_CASE("plan: a sender too long to be rewritten hears of failures, or who has a copy") {
  House house;
  house.envelope.sender = std::string(60, 'l') + "@example.net";
  house.organisation.mailbox("keeps@example.org", "keeps@example.com", true);
  house.organisation.mailbox("passes@example.org", "passes@example.com", false);
  CHECK(house.plan({"keeps@example.org"}).forks.back().envelope.sender == "keeps@example.org");
  CHECK(house.plan({"passes@example.org"}).forks.back().envelope.sender == house.envelope.sender);
}

TEST_CASE("plan: a forward keeps a copy when it is told to") {
  House house;
  house.organisation.mailbox("bert@example.org");
  house.organisation.mailbox("keeps@example.org", "bert@example.org", true);
  house.organisation.mailbox("passes@example.org", "bert@example.org", false);
  CHECK(ways(house.plan({"keeps@example.org"})) ==
        Lines{"sender@example.net > bert@example.org", "sender@example.net > keeps@example.org"});
  CHECK(ways(house.plan({"passes@example.org"})) == Lines{"sender@example.net > bert@example.org"});
  CHECK(std::ranges::count(house.tracker.events, TrackEvent::kRedirect,
                           &std::pair<TrackEvent, std::string>::first) == 2);
}

TEST_CASE("plan: forwards in a circle leave the message with one of them") {
  House house;
  house.organisation.mailbox("a@example.org", "b@example.org", false);
  house.organisation.mailbox("b@example.org", "c@example.org", false);
  house.organisation.mailbox("c@example.org", "a@example.org", false);
  CHECK(ways(house.plan({"a@example.org"})).size() == 1);
  CHECK(ways(house.plan({"a@example.org", "b@example.org", "c@example.org"})).size() == 1);
  CHECK(ways(house.plan({"c@example.org", "a@example.org"})).size() == 1);
  house.organisation.group("all@example.org", {"a@example.org", "b@example.org"});
  CHECK(ways(house.plan({"all@example.org"})).size() == 1);
  house.organisation.mailbox("self@example.org", "team@example.org", false);
  house.organisation.group("team@example.org", {"self@example.org"});
  CHECK(ways(house.plan({"self@example.org"})) == Lines{"sender@example.net > self@example.org"});
  CHECK(ways(house.plan({"team@example.org"})) == Lines{"sender@example.net > self@example.org"});
  CHECK(house.plan({"team@example.org"}).refused.empty());
}

TEST_CASE("plan: a forward to nobody leaves the message where it is") {
  House house;
  house.organisation.mailbox("a@example.org", "gone@example.org", false);
  CHECK(ways(house.plan({"a@example.org"})) == Lines{"sender@example.net > a@example.org"});
}

TEST_CASE("plan: what was forwarded from here before is not forwarded again") {
  House house;
  house.organisation.mailbox("anna@example.org", "anna@example.com", false);
  const Plan plan = house.plan({"anna@example.org"},
                               "Received: from there\r\nDelivered-To: Anna@example.org\r\n");
  CHECK(ways(plan) == Lines{"sender@example.net > anna@example.org"});
}

TEST_CASE("plan: a contact stands for an address outside") {
  House house;
  house.organisation.contact("partner@example.org", "partner@example.com");
  house.organisation.group("all@example.org", {"partner@example.org", "Partner@Example.com"});
  const Plan one = house.plan({"partner@example.org"});
  REQUIRE(one.forks.back().targets.size() == 1);
  CHECK(one.forks.back().targets[0].recipient.address == "partner@example.com");
  CHECK(one.forks.back().targets[0].resolved.leaves());
  const Plan all = house.plan({"all@example.org"});
  std::size_t targets = 0;
  for (const Fork& fork : all.forks) targets += fork.targets.size();
  CHECK(targets == 1);
}

TEST_CASE("plan: contacts that lead back are refused") {
  House house;
  house.organisation.contact("a@example.org", "b@example.org");
  house.organisation.contact("b@example.org", "a@example.org");
  const Plan plan = house.plan({"a@example.org"});
  CHECK(ways(plan).empty());
  CHECK(refusals(plan) == Lines{"5.4.6 a@example.org"});
}

TEST_CASE("plan: a restricted group stays closed through another one") {
  House house;
  const Guid anna = house.organisation.mailbox("anna@example.org");
  house.organisation.mailbox("bert@example.org");
  house.organisation.group("board@example.org", {"bert@example.org"});
  house.organisation.restrict("board@example.org", {anna});
  house.organisation.group("all@example.org", {"anna@example.org", "board@example.org"});
  const Plan outside = house.plan({"all@example.org"});
  CHECK(ways(outside) == Lines{"sender@example.net > anna@example.org"});
  CHECK(refusals(outside) == Lines{"5.7.1 board@example.org"});
  house.envelope.user = anna;
  CHECK(ways(house.plan({"all@example.org"})).size() == 2);
}

TEST_CASE("plan: a member who is gone is told of, the others get it") {
  House house;
  house.organisation.mailbox("anna@example.org");
  house.organisation.group("all@example.org", {"anna@example.org", "gone@example.org"});
  const Plan plan = house.plan({"all@example.org"});
  CHECK(ways(plan) == Lines{"sender@example.net > anna@example.org"});
  CHECK(refusals(plan) == Lines{"5.1.1 gone@example.org"});
}

TEST_CASE("plan: NOTIFY=SUCCESS on a group is answered for the group") {
  House house;
  house.notify = smtp::kNotifySuccess | smtp::kNotifyFailure;
  house.organisation.mailbox("anna@example.org");
  house.organisation.group("alias@example.org", {"anna@example.org"});
  house.organisation.group("list@example.org", {"anna@example.org"}, {Reports::kNobody, {}});
  const Plan alias = house.plan({"alias@example.org"});
  REQUIRE(alias.expanded.size() == 1);
  CHECK(alias.expanded[0].action == DsnAction::kExpanded);
  CHECK(alias.forks[0].targets[0].recipient.notify == smtp::kNotifyFailure);
  const Plan list = house.plan({"list@example.org"});
  REQUIRE(list.expanded.size() == 1);
  CHECK(list.expanded[0].action == DsnAction::kDelivered);
}

TEST_CASE("plan: a directory that cannot be read makes no plan") {
  House house;
  house.organisation.mailbox("a@example.org", "b@example.org");
  PlanInput input{house.envelope, {}, {}, 1000};
  input.recipients.push_back({{"a@example.org"}, house.organisation.resolve("a@example.org")});
  house.organisation.down = true;
  const auto made = house.rig.wait_for(make_plan(house.services, std::move(input)));
  REQUIRE_FALSE(made);
  CHECK(made.error().code == ErrorCode::kUnavailable);
}

TEST_CASE("plan: a group of thousands is expanded in pages") {
  House house;
  std::vector<std::string> members;
  for (int i = 0; i < 10'000; ++i) {
    members.push_back("user" + std::to_string(i) + "@example.org");
    house.organisation.mailbox(members.back());
  }
  house.organisation.group("all@example.org", members);
  const auto before = std::chrono::steady_clock::now();
  const Plan plan = house.plan({"all@example.org"});
  const auto took = std::chrono::steady_clock::now() - before;
  REQUIRE(plan.forks.size() == 1);
  CHECK(plan.forks[0].targets.size() == 10'000);
  CHECK(took < std::chrono::seconds(5));  // a debug build beside others
}

TEST_CASE("plan: what needs none") {
  House house;
  house.organisation.mailbox("plain@example.org");
  house.organisation.mailbox("forwards@example.org", "x@example.com");
  house.organisation.group("group@example.org", {});
  const auto target = [&](const std::string& address) {
    return Target{{address}, house.organisation.resolve(address)};
  };
  CHECK(
      is_plain({target("plain@example.org"), target("x@example.com"), target("x@relay.example")}));
  CHECK_FALSE(is_plain({target("plain@example.org"), target("forwards@example.org")}));
  CHECK_FALSE(is_plain({target("group@example.org")}));
}
