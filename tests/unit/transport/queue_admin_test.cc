// What administrators see of the queue and do with it; the Safety Net; poison.
#include "tests/unit/transport/queue_rig.h"
#include "transport/queue/attempt_marks.h"

using namespace hauspost;
using namespace hauspost::transport;
using namespace hauspost::transport::test;

namespace {

constexpr const char* kOut = "Remote/out/a.example";

struct StoppedRig : QueueRig {
  // Ten messages for a hop that is down.
  StoppedRig() {
    router.hops["a.example"] = remote("a.example");
    carrier.hops_down.insert("a.example");
    for (int i = 0; i < 10; ++i)
      put(remote("a.example"), envelope({"x@a.example"}, std::to_string(i) + "@example.net"));
    settle();
    carrier.attempts.clear();
  }
  void up() { carrier.hops_down.clear(); }
};

ItemWalk only(std::string_view filter) {
  return {.queue = {}, .filter = *ItemFilter::parse(filter), .cursor = {}, .limit = 1000};
}

}  // namespace

TEST_CASE("queue admin: a long queue is shown page by page") {
  StoppedRig rig;
  std::vector<std::string> senders;
  ItemWalk walk{.queue = kOut, .filter = {}, .cursor = {}, .limit = 3};
  int pages = 0;
  do {
    const auto page = rig.queue->list(walk);
    REQUIRE(page);
    CHECK(page->items.size() <= 3);
    for (const QueueItem& item : page->items) senders.push_back(item.sender);
    walk.cursor = page->next;
    ++pages;
  } while (!walk.cursor.empty());
  CHECK(pages == 4);
  REQUIRE(senders.size() == 10);
  for (int i = 0; i < 10; ++i) CHECK(senders[static_cast<std::size_t>(i)].front() == '0' + i);
  walk.cursor = "nonsense";
  CHECK(rig.queue->list(walk).error().code == ErrorCode::kInvalid);
}

TEST_CASE("queue admin: a suspended queue stands still, across a restart too") {
  StoppedRig rig;
  REQUIRE(rig.wait_for(rig.queue->suspend(kOut)));
  rig.up();
  rig.restart();
  rig.pass(Seconds(3600));
  CHECK(rig.carrier.attempts.empty());
  CHECK(rig.queue->summary(kOut)->state == QueueState::kSuspended);
  CHECK(rig.queue->list(kOut).at(0).state == ItemState::kSuspended);
  REQUIRE(rig.wait_for(rig.queue->resume(kOut)));
  rig.until([&] { return rig.queue->list().empty(); });
  CHECK(rig.carrier.attempts.size() == 10);
  CHECK(rig.wait_for(rig.queue->suspend("Remote/no/such")).error().code == ErrorCode::kNotFound);
}

TEST_CASE("queue admin: a suspended message stays while the others go") {
  StoppedRig rig;
  CHECK(rig.work({.action = ItemAction::kSuspend}, only("sender = 4@example.net")).items.size() ==
        1);
  rig.restart();
  rig.up();
  REQUIRE(rig.queue->retry(kOut));
  rig.until([&] { return rig.queue->list().size() == 1; });
  rig.pass(Seconds(3600));
  const auto left = rig.queue->list();
  REQUIRE(left.size() == 1);
  CHECK(left[0].sender == "4@example.net");
  CHECK(left[0].state == ItemState::kSuspended);
  CHECK_FALSE(left[0].next_attempt);
  rig.work({.action = ItemAction::kResume});
  rig.until([&] { return rig.queue->list().empty(); });
}

TEST_CASE("queue admin: what is removed comes back to its sender, unless told otherwise") {
  StoppedRig rig;
  CHECK(rig.work({.action = ItemAction::kRemove, .report = true, .to = {}, .dry_run = true},
                 only("sender = 1@example.net"))
            .items.size() == 1);
  CHECK(rig.queue->list().size() == 10);
  rig.work({.action = ItemAction::kRemove}, only("sender = 1@example.net"));
  CHECK(rig.queue->list().size() == 9);
  REQUIRE(rig.sink.reports.size() == 1);
  CHECK(rig.sink.reports[0].envelope.recipients.at(0).address == "1@example.net");
  CHECK(rig.sink.reports[0].message.find("Action: failed") != std::string::npos);
  rig.work({.action = ItemAction::kRemove, .report = false}, only("sender ~ example.net"));
  CHECK(rig.queue->list().empty());
  CHECK(rig.queue->waiting() == 0);
  CHECK(rig.sink.reports.size() == 1);
}

TEST_CASE("queue admin: a removal whose report cannot be made does not happen") {
  StoppedRig rig;
  rig.sink.broken = true;
  const auto done = rig.wait_for(
      rig.queue->work(only("sender = 1@example.net"), {.action = ItemAction::kRemove}, nullptr));
  CHECK_FALSE(done);
  CHECK(rig.queue->list().size() == 10);
}

TEST_CASE("queue admin: redirected mail goes where it was sent, others are routed again") {
  StoppedRig rig;
  ItemWork away{.action = ItemAction::kRedirect};
  away.to = {NextHop::Kind::kConnector, "other", "relay.example"};
  CHECK(rig.work(away, only("sender = 2@example.net")).items.size() == 1);
  rig.until([&] { return rig.queue->list().size() == 9; });
  REQUIRE(rig.carrier.attempts.size() == 1);
  CHECK(rig.carrier.attempts[0].hop.name == "other");
  rig.router.hops["a.example"] = remote("b.example");
  rig.work({.action = ItemAction::kRedirect});
  rig.until([&] { return rig.queue->list().empty(); });
  CHECK(rig.carrier.attempts.size() == 10);
  CHECK(rig.carrier.attempts.back().hop == remote("b.example"));
}

TEST_CASE("queue admin: retry does not wait for its time") {
  StoppedRig rig;
  rig.up();
  rig.settle();
  CHECK(rig.carrier.attempts.empty());
  REQUIRE(rig.queue->retry(kOut));
  rig.until([&] { return rig.queue->list().empty(); });
  CHECK(rig.queue->retry("Remote/no/such").error().code == ErrorCode::kNotFound);
}

TEST_CASE("queue admin: an item that is being tried is left alone") {
  QueueRig rig;
  rig.router.hops["a.example"] = remote("a.example");
  rig.carrier.closed = true;
  rig.put(remote("a.example"), rig.envelope({"x@a.example"}));
  rig.until([&] { return rig.carrier.at_once == 1; });
  CHECK(rig.queue->list().at(0).state == ItemState::kActive);
  CHECK(rig.work({.action = ItemAction::kRemove}).items.empty());
  CHECK(rig.busy.size() == 1);
  CHECK(rig.queue->list().size() == 1);
  rig.carrier.open();
  rig.until([&] { return rig.queue->list().empty(); });
  CHECK(rig.sink.reports.empty());
}

TEST_CASE("queue admin: empty queues of foreign domains are forgotten") {
  StoppedRig rig;
  rig.up();
  REQUIRE(rig.queue->retry(kOut));
  rig.until([&] { return rig.queue->list().empty(); });
  CHECK(rig.queue->summary(kOut));
  for (int i = 0; i < 6; ++i) rig.pass(Seconds(60));
  CHECK_FALSE(rig.queue->summary(kOut));
  rig.put(remote("a.example"), rig.envelope({"x@a.example"}));
  rig.until([&] { return rig.queue->list().empty(); });
  CHECK(rig.carrier.attempts.size() == 11);
}

TEST_CASE("safety net: delivered items are kept, delivered again when asked, and dropped") {
  QueueRig rig;
  rig.options.safety_net = std::chrono::hours(48);
  rig.restart();
  rig.router.hops["ours.example"] = mailboxes("DB1");
  rig.carrier.usual = {RecipientResult::Kind::kDelivered, "2.1.5", {}, {}};
  const Envelope first = rig.envelope({"a@ours.example"});
  rig.put(mailboxes("DB1"), first);
  rig.put(mailboxes("DB1"), rig.envelope({"b@ours.example"}, "other@example.net"));
  rig.pass(Seconds(5));
  rig.until([&] { return rig.queue->waiting() == 0; });
  CHECK(rig.queue->list().empty());
  REQUIRE(rig.carrier.attempts.size() == 2);
  rig.restart();
  Resubmission what;
  what.from = rig.clock.now() - Seconds(3600);
  what.to = rig.clock.now() + Seconds(3600);
  what.filter = *ItemFilter::parse("sender = sender@example.net");
  what.dry_run = true;
  CHECK(rig.wait_for(rig.queue->resubmit(what))->items == 1);
  CHECK(rig.queue->waiting() == 0);
  what.dry_run = false;
  what.database = "DB2";
  CHECK(rig.wait_for(rig.queue->resubmit(what))->items == 0);
  what.database = "DB1";
  CHECK(rig.wait_for(rig.queue->resubmit(what))->items == 1);
  rig.until([&] { return rig.carrier.attempts.size() == 3; });
  CHECK(rig.carrier.attempts[2].envelope.delivery == first.delivery);
  CHECK(rig.carrier.attempts[2].hop == mailboxes("DB1"));
  rig.until([&] { return rig.queue->waiting() == 0; });
  std::size_t kept = 0;
  for (const QueueSummary& summary : rig.queue->summaries()) kept += summary.items;
  CHECK(kept == 2);  // the repeated one is there once
  rig.pass(Seconds(48 * 3600));
  CHECK(rig.queue->summaries().size() == 1);
  rig.pass(Seconds(2 * 3600));
  CHECK(rig.queue->summaries().empty());
}

TEST_CASE("safety net: what never stood in the net is not resubmitted") {
  QueueRig rig;
  rig.router.hops["ours.example"] = mailboxes("DB1");
  rig.carrier.usual = {RecipientResult::Kind::kDelivered, "2.1.5", {}, {}};
  rig.put(mailboxes("DB1"), rig.envelope({"a@ours.example"}));
  rig.pass(Seconds(5));
  rig.until([&] { return rig.queue->waiting() == 0; });
  CHECK(rig.queue->summaries().empty());
  Resubmission all;
  all.to = rig.clock.now() + Seconds(3600);
  CHECK(rig.wait_for(rig.queue->resubmit(all))->items == 0);
}

TEST_CASE("poison: what was under way at each death is kept where nobody tries it") {
  StoppedRig rig;
  const auto items = rig.queue->list(kOut);
  const std::string id = items.at(3).id;
  rig.stop();
  const auto dash = id.find('-');
  const MarkedItem item{static_cast<std::uint32_t>(std::stoul(id.substr(0, dash))),
                        static_cast<std::uint32_t>(std::stoul(id.substr(dash + 1)))};
  for (std::uint32_t death = 0; death < AttemptMarks::kKillsMax; ++death) {
    auto marks = AttemptMarks::open(rig.folder.path("queue/attempts"));
    REQUIRE(marks);
    CHECK(marks->poisonous().empty());
    marks->begin(item);
  }
  rig.up();
  rig.start();
  rig.until([&] { return rig.queue->waiting() == 0; });
  const auto poison = rig.queue->list("Poison");
  REQUIRE(poison.size() == 1);
  CHECK(poison[0].sender == "3@example.net");
  CHECK(poison[0].state == ItemState::kPoison);
  CHECK(rig.carrier.attempts.size() == 9);
  rig.restart();
  rig.settle();
  CHECK(rig.queue->list("Poison").size() == 1);
  rig.work({.action = ItemAction::kResume}, {.queue = "Poison"});
  rig.until([&] { return rig.queue->list().empty(); });
  CHECK(rig.carrier.attempts.size() == 10);
}

TEST_CASE("poison: after a death suspects go one at a time, without a pause between them") {
  StoppedRig rig;
  const auto items = rig.queue->list(kOut);
  rig.stop();
  {
    auto marks = AttemptMarks::open(rig.folder.path("queue/attempts"));
    REQUIRE(marks);
    for (std::size_t i = 0; i < 6; ++i) {
      const std::string& id = items.at(i).id;
      const auto dash = id.find('-');
      marks->begin({static_cast<std::uint32_t>(std::stoul(id.substr(0, dash))),
                    static_cast<std::uint32_t>(std::stoul(id.substr(dash + 1)))});
    }
  }
  rig.up();
  rig.carrier.closed = true;
  rig.start();
  rig.settle();
  CHECK(rig.carrier.at_once == 5);  // four innocent ones, and one suspect
  rig.carrier.open();
  rig.until([&] { return rig.queue->list().empty(); });
  CHECK(rig.carrier.attempts.size() == 10);
}
