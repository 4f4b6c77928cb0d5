// bench_queue FOLDER [ITEMS [BYTES]]: what a long queue costs in memory and time. It fills the
// queue of hops that are down, starts it anew, and lets all of it go into nothing.
#include <sys/resource.h>
#include <unistd.h>

#include <fmt/format.h>

#include <charconv>
#include <fstream>
#include <span>

#include "base/task_group.h"
#include "transport/queue/queue.h"

using namespace hauspost;
using namespace hauspost::transport;

namespace {

using Steady = std::chrono::steady_clock;
constexpr std::size_t kHops = 100;
constexpr std::size_t kSenders = 1000;
constexpr std::size_t kAtOnce = 200;  // messages on their way into the queue

class Nowhere final : public Carrier {
 public:
  Task<CarryReport> carry(const NextHop&, const Envelope& envelope, std::string_view) override {
    CarryReport report;
    if (down) {
      report.hop_failed = true;
      report.error = "down";
      co_return report;
    }
    report.recipients.resize(envelope.recipients.size(),
                             {RecipientResult::Kind::kRelayed, "2.0.0", "250 Ok", "nowhere"});
    co_return report;
  }
  bool down = true;
};

class ByDomain final : public Router {
 public:
  NextHop route(const Recipient& recipient, std::uint64_t) const override {
    return {NextHop::Kind::kConnector, "out",
            recipient.address.substr(recipient.address.find('@') + 1)};
  }
};

double cpu_s() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// In RAM now: what is this process's own, and with the pages of files that it has mapped.
void say_memory(std::string_view when) {
  std::ifstream rollup("/proc/self/smaps_rollup");
  double own = 0;
  double all = 0;
  for (std::string line; std::getline(rollup, line);) {
    const auto mib = [&] { return std::stod(line.substr(line.find(':') + 1)) / 1024; };
    if (line.starts_with("Anonymous:")) own = mib();
    if (line.starts_with("Rss:")) all = mib();
  }
  fmt::print("{:<34} {:7.1f} MiB own, {:7.1f} MiB with mapped files\n", when, own, all);
}

struct Bench {
  asio::io_context io;
  Nowhere carrier;
  ByDomain router;
  std::string folder;
  std::size_t items = 100'000;
  std::size_t bytes = 4096;
  std::unique_ptr<Queue> queue;
  std::unique_ptr<TaskGroup> tasks;
  std::size_t next = 0;
  bool failed = false;

  void start() {
    QueueOptions options;
    options.path = folder + "/queue";
    auto opened = Queue::open(io.get_executor(), std::move(options), system_clock());
    if (!opened) {
      fmt::print(stderr, "bench_queue: {}\n", opened.error().text);
      ::_exit(1);
    }
    queue = std::move(*opened);
    tasks = std::make_unique<TaskGroup>(io.get_executor());
    tasks->spawn("queue", queue->run({.carrier = carrier, .router = router}));
  }

  void stop() {
    tasks->stop();
    until([&] { return tasks->size() == 0; });
    queue.reset();
  }

  template <class Condition>
  void until(Condition condition) {
    while (!condition() && !failed) {
      io.restart();
      io.run_one_for(std::chrono::milliseconds(100));
    }
  }

  // One of those that put messages in, until all are there.
  Task<void> fill() {
    while (next < items && !failed) {
      const std::size_t number = next++;
      Envelope envelope;
      envelope.delivery = Guid::random();
      envelope.sender = fmt::format("sender{}@example.net", number % kSenders);
      envelope.recipients = {{fmt::format("recipient{}@domain{}.example", number, number % kHops)}};
      envelope.received = system_clock().now();
      std::string text = fmt::format("Subject: {}\r\n\r\n", number);
      text.resize(bytes, 'x');
      std::vector<NewItem> all;
      const NextHop hop = router.route(envelope.recipients.front(), 0);
      all.push_back({hop, std::move(envelope)});
      const auto done = co_await queue->enqueue(
          std::move(all), std::make_shared<const std::string>(std::move(text)));
      if (!done) {
        fmt::print(stderr, "bench_queue: {}\n", done.error().text);
        failed = true;
      }
    }
  }
};

struct Measure {
  Steady::time_point began = Steady::now();
  double cpu = cpu_s();
  void say(std::string_view what, std::size_t items) const {
    const double seconds = std::chrono::duration<double>(Steady::now() - began).count();
    fmt::print("{:<34} {:7.1f} s, {:.0f} messages/s, {:.2f} CPU s for 1000\n", what, seconds,
               static_cast<double>(items) / seconds,
               (cpu_s() - cpu) * 1000 / static_cast<double>(items));
  }
};

void run_bench(Bench& bench) {
  say_memory("empty");
  bench.start();
  const Measure filling;
  TaskGroup fillers(bench.io.get_executor());
  for (std::size_t i = 0; i < kAtOnce; ++i) fillers.spawn("fill", bench.fill());
  bench.until([&] { return fillers.size() == 0; });
  filling.say("queued durably", bench.items);
  say_memory("queued, hops down");
  bench.stop();
  const Measure starting;
  bench.start();
  bench.until([&] {
    const auto summaries = bench.queue->summaries();
    return summaries.size() == kHops && bench.queue->waiting() == bench.items &&
           std::ranges::all_of(summaries, [](const auto& q) { return q.failures > 0; });
  });
  starting.say("started again, every hop tried", bench.items);
  say_memory("after a start, hops down");
  bench.carrier.down = false;
  const Measure going;
  for (const auto& summary : bench.queue->summaries())
    if (!bench.queue->retry(summary.queue)) bench.failed = true;
  bench.until([&] { return bench.queue->waiting() == 0; });
  going.say("relayed into nothing", bench.items);
  say_memory("empty again");
  bench.stop();
}

std::size_t number(const char* text) {
  std::size_t value = 0;
  const std::string_view digits(text);
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

}  // namespace

int main(int argc, char** argv) {
  const std::span words(argv, static_cast<std::size_t>(argc));
  Bench bench;
  if (words.size() < 2 || words.size() > 4) {
    fmt::print(stderr, "usage: bench_queue FOLDER [ITEMS [BYTES]]\n");
    return 2;
  }
  bench.folder = words[1];
  if (words.size() > 2) bench.items = number(words[2]);
  if (words.size() > 3) bench.bytes = number(words[3]);
  if (bench.items < kHops) {
    fmt::print(stderr, "bench_queue: at least {} items\n", kHops);
    return 2;
  }
  run_bench(bench);
  return bench.failed ? 1 : 0;
}
