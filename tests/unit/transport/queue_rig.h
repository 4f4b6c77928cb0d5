// A queue alone: what it carries, where to and when is the test's word.
#pragma once

#include <catch2/catch.hpp>

#include <deque>
#include <set>

#include "base/condition.h"
#include "base/task_group.h"
#include "tests/unit/transport/rig.h"
#include "transport/queue/queue.h"

namespace hauspost::transport::test {

// By domain: "DB1" for a mailbox there, "remote" for a connector of its own queue, else nowhere.
class MapRouter final : public Router {
 public:
  NextHop route(const Recipient& recipient, std::uint64_t) const override {
    const std::string domain = recipient.address.substr(recipient.address.find('@') + 1);
    const auto found = hops.find(domain);
    return found == hops.end() ? NextHop{} : found->second;
  }
  std::map<std::string, NextHop> hops;
};

inline NextHop remote(std::string domain) {
  return {NextHop::Kind::kConnector, "out", std::move(domain)};
}
inline NextHop mailboxes(std::string database) {
  return {NextHop::Kind::kDatabase, std::move(database), {}};
}

// Takes everything, unless told otherwise.
class HandCarrier final : public Carrier {
 public:
  explicit HandCarrier(Executor executor) : gate_(executor) {}

  Task<CarryReport> carry(const NextHop& hop, const Envelope& envelope,
                          std::string_view message) override {
    attempts.push_back({hop, envelope, std::string(message)});
    most_at_once = std::max(most_at_once, ++at_once);
    const std::size_t turn = attempts.size();
    while (closed && turn > let_through) {
      if (!co_await gate_.wait()) {
        --at_once;
        co_return CarryReport{.hop_failed = true, .error = "stopped", .recipients = {}};
      }
    }
    --at_once;
    CarryReport report;
    if (hops_down.contains(hop.domain)) {
      report.hop_failed = true;
      report.error = "connection refused";
      co_return report;
    }
    for (const Recipient& recipient : envelope.recipients) {
      const auto found = results.find(recipient.address);
      report.recipients.push_back(found != results.end() ? found->second : usual);
    }
    co_return report;
  }
  void open() {
    closed = false;
    gate_.notify_all();
  }
  void let(std::size_t more) {
    let_through += more;
    gate_.notify_all();
  }

  struct Attempt {
    NextHop hop;
    Envelope envelope;
    std::string message;
  };
  std::vector<Attempt> attempts;
  std::set<std::string> hops_down;
  std::map<std::string, RecipientResult> results;
  RecipientResult usual{RecipientResult::Kind::kRelayed, "2.0.0", "250 Ok", "mx"};
  bool closed = false;
  std::size_t let_through = 0;
  int at_once = 0;
  int most_at_once = 0;

 private:
  Condition gate_;
};

// Keeps the reports, or fails.
class HandSink final : public ReportSink {
 public:
  Task<Result<>> submit(Envelope envelope, std::string message) override {
    reports.push_back({std::move(envelope), std::move(message)});
    if (broken) co_return fail(ErrorCode::kUnavailable, "no room for a report");
    co_return Result<>{};
  }
  struct Report {
    Envelope envelope;
    std::string message;
  };
  std::vector<Report> reports;
  bool broken = false;
};

class QueueRig {
 public:
  QueueRig() { start(); }
  ~QueueRig() { stop(); }

  void start() {
    options.path = folder.path("queue");
    auto opened = Queue::open(io.get_executor(), options, clock);
    REQUIRE(opened);
    queue = std::move(*opened);
    tasks_ = std::make_unique<TaskGroup>(io.get_executor());
    QueueWorld world{.carrier = carrier, .router = router};
    world.reports = &sink;
    world.dsn = {.reporting_mta = "mail.example.org", .postmaster = "postmaster@example.org"};
    world.configuration = [this] { return configuration; };
    tasks_->spawn("queue", queue->run(std::move(world)));
  }
  void stop() {
    if (!queue) return;
    tasks_->stop();
    until([&] { return tasks_->size() == 0; });
    queue.reset();
  }
  void restart() {
    stop();
    start();
  }

  Envelope envelope(std::vector<std::string> to, std::string from = "sender@example.net") const {
    Envelope out;
    out.delivery = Guid::random();
    out.sender = std::move(from);
    for (std::string& address : to) out.recipients.push_back({std::move(address)});
    out.received = clock.now();
    return out;
  }
  void put(NextHop hop, Envelope envelope, std::string text = "x") {
    std::vector<NewItem> items;
    items.push_back({std::move(hop), std::move(envelope)});
    const auto done = wait_for(
        queue->enqueue(std::move(items),
                       std::make_shared<const std::string>("Subject: q\r\n\r\n" + text + "\r\n")));
    REQUIRE(done);
  }
  // All that can happen now has happened: what is under way waits at the carrier's gate.
  void settle() {
    constexpr std::chrono::milliseconds kStill(30);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    do {
      REQUIRE(std::chrono::steady_clock::now() < end);
      io.restart();
      while (io.run_one_for(kStill) > 0) io.restart();
    } while (active() != carrier.at_once);
    io.restart();
  }
  int active() const {
    std::uint32_t sum = 0;
    for (const QueueSummary& summary : queue->summaries()) sum += summary.active;
    return static_cast<int>(sum);
  }
  void pass(Seconds seconds) {
    clock.pass(seconds);
    queue->look();
    settle();
  }
  void until(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
      REQUIRE(std::chrono::steady_clock::now() < end);
      io.restart();
      io.run_one_for(std::chrono::milliseconds(50));
    }
  }
  template <class T>
  T wait_for(Task<T> task) {
    std::optional<T> result;
    TaskGroup tasks(io.get_executor());
    tasks.spawn("test", keep_result(std::move(task), result));
    until([&] { return tasks.size() == 0; });
    return std::move(*result);
  }
  ItemPage work(ItemWork what, ItemWalk walk = {}) {
    auto page = wait_for(queue->work(std::move(walk), what, &busy));
    REQUIRE(page);
    return *page;
  }

  TempFolder folder;
  asio::io_context io;
  HandClock clock;
  MapRouter router;
  HandCarrier carrier{io.get_executor()};
  HandSink sink;
  QueueOptions options;
  std::uint64_t configuration = 1;
  std::unique_ptr<Queue> queue;
  std::vector<std::string> busy;

 private:
  std::unique_ptr<TaskGroup> tasks_;
};

}  // namespace hauspost::transport::test
