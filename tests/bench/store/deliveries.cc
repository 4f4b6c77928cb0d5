// Durable deliveries beside the bare append + fdatasync they stand on.
#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>

#include "base/task_group.h"
#include "tests/bench/store/measure.h"

namespace hauspost::bench {

namespace {

constexpr std::size_t kMessageBytes = 4096;

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// The floor: overwrite allocated blocks, one fdatasync each.
class RawDisk {
 public:
  explicit RawDisk(std::string path)
      : path_(std::move(path)), file_(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    const std::string zeros(kFileBytes, '\0');
    if (::pwrite(file_, zeros.data(), zeros.size(), 0) != static_cast<ssize_t>(zeros.size()) ||
        ::fsync(file_) != 0)
      give_up("cannot write");
  }
  ~RawDisk() {
    ::close(file_);
    ::unlink(path_.c_str());
  }
  RawDisk(const RawDisk&) = delete;
  RawDisk& operator=(const RawDisk&) = delete;

  void write_for(double duration_s, std::vector<double>& latencies_us) {
    const auto start = Steady::now();
    while (seconds_since(start) < duration_s) {
      if (at_ + record_.size() > kFileBytes) at_ = 0;
      const auto begun = Steady::now();
      if (::pwrite(file_, record_.data(), record_.size(), static_cast<off_t>(at_)) < 0 ||
          ::fdatasync(file_) != 0)
        give_up("cannot write");
      latencies_us.push_back(seconds_since(begun) * 1e6);
      at_ += record_.size();
    }
  }

 private:
  static constexpr std::size_t kFileBytes = 64 << 20;
  const std::string path_;
  const int file_;
  const std::string record_ = std::string(kMessageBytes + 400, 'r');
  std::size_t at_ = 0;
};

struct Load {
  store::Database& database;
  std::shared_ptr<const std::string> body;
  std::size_t recipients;
  Steady::time_point end;
  std::vector<double> latencies_us;
};

Task<void> caller(Load& load, std::uint64_t mailbox) {
  while (Steady::now() < load.end) {
    store::Delivery delivery;
    delivery.id = Guid::ordered();
    delivery.body = load.body;
    for (std::size_t i = 0; i < load.recipients; ++i)
      delivery.targets.push_back({numbered(1, mailbox * load.recipients + i), "bench"});
    const auto start = Steady::now();
    const auto outcome = co_await load.database.deliver({}, std::move(delivery));
    if (!outcome) give_up(outcome.error().text);
    load.latencies_us.push_back(seconds_since(start) * 1e6);
  }
}

double measure_load(store::Database& database, std::size_t callers, std::size_t recipients,
                    double duration_s) {
  asio::io_context io;
  Load load{database,
            std::make_shared<const std::string>(make_message(kMessageBytes, 1)),
            recipients,
            Steady::now() +
                std::chrono::duration_cast<Duration>(std::chrono::duration<double>(duration_s)),
            {}};
  const auto before = database.statistics();
  const double cpu_before_s = cpu_s();
  const auto start = Steady::now();
  TaskGroup tasks(io.get_executor());
  for (std::size_t i = 0; i < callers; ++i) tasks.spawn("caller", caller(load, i));
  io.run();
  const double took_s = seconds_since(start);
  const double used_s = cpu_s() - cpu_before_s;
  const auto after = database.statistics();
  std::ranges::sort(load.latencies_us);
  const auto percentile = [&](double share) {
    return load.latencies_us[static_cast<std::size_t>(
        share * static_cast<double>(load.latencies_us.size() - 1))];
  };
  const auto count = static_cast<double>(load.latencies_us.size());
  const auto commits = static_cast<double>(after.commits - before.commits);
  fmt::print(
      "{:>4} callers, {:>2} recipients: {:>7.0f}/s  p50 {:>6.0f} us  p99 {:>6.0f} us  {:>5.1f} a "
      "batch  CPU {:>5.1f} us each, {:.2f} cores, {:.0f} in all\n",
      callers, recipients, count / took_s, percentile(0.5), percentile(0.99), count / commits,
      used_s * 1e6 / count, used_s / took_s, count);
  return count / took_s;
}

}  // namespace

namespace {

// In short turns, so that both see the same machine.
void measure_beside_raw(store::Database& database, const std::string& folder, double duration_s) {
  constexpr int kTurns = 10;
  RawDisk raw(folder + "/raw");
  std::vector<double> raw_us;
  Load load{
      database, std::make_shared<const std::string>(make_message(kMessageBytes, 1)), 1, {}, {}};
  for (int i = 0; i < kTurns; ++i) {
    const std::chrono::duration<double> turn(duration_s / kTurns);
    raw.write_for(turn.count(), raw_us);
    load.end = Steady::now() + std::chrono::duration_cast<Duration>(turn);
    run([&](Executor) { return caller(load, 0); });
  }
  const auto rate = [](const std::vector<double>& latencies_us) {
    double sum_us = 0;
    for (const double one : latencies_us) sum_us += one;
    return static_cast<double>(latencies_us.size()) * 1e6 / sum_us;
  };
  fmt::print(
      "append + fdatasync alone: {:.0f}/s, median {:.0f} us; one caller in turn with it: {:.0f}/s, "
      "median "
      "{:.0f} us; {:.0f} % of the rate, {:.0f} % by medians\n",
      rate(raw_us), median(raw_us), rate(load.latencies_us), median(load.latencies_us),
      100 * rate(load.latencies_us) / rate(raw_us),
      100 * median(raw_us) / median(load.latencies_us));
}

}  // namespace

void measure_deliveries(const std::string& folder, double duration_s) {
  const auto database = open_database(options_for(folder));
  measure_load(*database, 10, 10, 0.3);  // makes the mailboxes
  measure_beside_raw(*database, folder, duration_s);
  measure_load(*database, 10, 1, duration_s);
  measure_load(*database, 100, 1, duration_s);
  const double one = measure_load(*database, 1, 1, duration_s);
  const double ten = measure_load(*database, 1, 10, duration_s);
  const double again = measure_load(*database, 1, 1, duration_s);
  fmt::print("ten recipients cost {:.2f} x one\n", (one + again) / 2 / ten);
  measure_load(*database, 100, 10, duration_s);
}

// These two alone in a process, for counting its system calls.
void measure_alone(const std::string& folder, double duration_s) {
  const auto database = open_database(options_for(folder));
  measure_load(*database, 1, 1, duration_s);
}

void measure_together(const std::string& folder, double duration_s) {
  const auto database = open_database(options_for(folder));
  measure_load(*database, 100, 1, duration_s);
}

}  // namespace hauspost::bench
