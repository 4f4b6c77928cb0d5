// What the store costs on this disk: durable deliveries beside the bare append + fdatasync they
// stand on, and reading.
//   bench_store FOLDER [SECONDS]      FOLDER must not exist; it is removed at the end
#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "base/task_group.h"
#include "store/database.h"

using namespace hauspost;
using namespace hauspost::store;

namespace {

using Steady = std::chrono::steady_clock;
constexpr std::size_t kMessageBytes = 4096;

double seconds_since(Steady::time_point start) {
  return std::chrono::duration<double>(Steady::now() - start).count();
}

[[noreturn]] void give_up(std::string_view why) {
  fmt::print(stderr, "bench_store: {}\n", why);
  ::_exit(1);
}

Guid numbered(std::uint64_t kind, std::uint64_t number) {
  Guid guid;
  std::memcpy(guid.bytes.data(), &kind, 8);
  std::memcpy(guid.bytes.data() + 8, &number, 8);
  return guid;
}

// The floor: overwrite allocated blocks, one fdatasync each.
double raw_rate(const std::string& folder, double duration_s) {
  const std::string path = folder + "/raw";
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  constexpr std::size_t kFileBytes = 64 << 20;
  const std::string zeros(kFileBytes, '\0');
  if (::pwrite(file, zeros.data(), zeros.size(), 0) != static_cast<ssize_t>(zeros.size()) ||
      ::fsync(file) != 0)
    give_up("cannot write");
  const std::string record(kMessageBytes + 400, 'r');
  std::size_t at = 0;
  std::size_t count = 0;
  const auto start = Steady::now();
  while (seconds_since(start) < duration_s) {
    if (at + record.size() > kFileBytes) at = 0;
    if (::pwrite(file, record.data(), record.size(), static_cast<off_t>(at)) < 0 ||
        ::fdatasync(file) != 0)
      give_up("cannot write");
    at += record.size();
    ++count;
  }
  const double rate = static_cast<double>(count) / seconds_since(start);
  ::close(file);
  ::unlink(path.c_str());
  return rate;
}

struct Load {
  Database& database;
  std::shared_ptr<const std::string> body;
  std::uint64_t run;
  std::size_t recipients;
  Steady::time_point end;
  std::uint64_t delivered = 0;
  std::vector<double> latencies_us;
};

Task<void> caller(Load& load, std::uint64_t mailbox) {
  while (Steady::now() < load.end) {
    Delivery delivery;
    delivery.id = numbered(load.run, ++load.delivered);
    delivery.body = load.body;
    for (std::size_t i = 0; i < load.recipients; ++i)
      delivery.targets.push_back({numbered(1, mailbox * load.recipients + i), "bench"});
    const auto start = Steady::now();
    const auto outcome = co_await load.database.deliver({}, std::move(delivery));
    if (!outcome) give_up(outcome.error().text);
    load.latencies_us.push_back(seconds_since(start) * 1e6);
  }
}

void measure_deliveries(Database& database, std::size_t callers, std::size_t recipients,
                        double duration_s) {
  static std::uint64_t run = 100;
  asio::io_context io;
  Load load{database, std::make_shared<const std::string>(kMessageBytes, 'm'), ++run, recipients,
            Steady::now() +
                std::chrono::duration_cast<Duration>(std::chrono::duration<double>(duration_s))};
  const auto before = database.statistics();
  const auto start = Steady::now();
  TaskGroup tasks(io.get_executor());
  for (std::size_t i = 0; i < callers; ++i) tasks.spawn("caller", caller(load, i));
  io.run();
  const double took_s = seconds_since(start);
  const auto after = database.statistics();
  std::ranges::sort(load.latencies_us);
  const auto percentile = [&](double share) {
    return load.latencies_us[static_cast<std::size_t>(
        share * static_cast<double>(load.latencies_us.size() - 1))];
  };
  const auto records = static_cast<double>(after.records - before.records);
  const auto commits = static_cast<double>(after.commits - before.commits);
  fmt::print(
      "{:>4} callers, {:>2} recipients: {:>8.0f} deliveries/s  p50 {:>6.0f} us  p99 {:>6.0f} us"
      "  {:>5.1f} a batch  index {} MiB\n",
      callers, recipients, records / took_s, percentile(0.5), percentile(0.99), records / commits,
      after.index_bytes >> 20);
}

Task<void> fill(Database& database, FolderId folder, std::size_t count) {
  std::vector<NewMessage> messages(1000);
  for (NewMessage& message : messages) message.body = std::make_shared<const std::string>("x");
  for (std::size_t i = 0; i < count; i += messages.size()) {
    if (!co_await database.append({}, folder, messages)) give_up("append failed");
  }
}

Task<void> prepare_reading(Database& database, std::size_t count, FolderId& folder) {
  const auto mailbox = co_await database.open_mailbox({}, numbered(2, 1), "reader");
  if (!mailbox) give_up(mailbox.error().text);
  folder = database.snapshot().find_folder(*mailbox, "INBOX")->id;
  co_await fill(database, folder, count);
}

void measure_reading(Database& database) {
  constexpr std::size_t kMessages = 100'000;
  FolderId folder;
  asio::io_context io;
  TaskGroup tasks(io.get_executor());
  tasks.spawn("fill", prepare_reading(database, kMessages, folder));
  io.run();
  constexpr int kRounds = 10;
  auto start = Steady::now();
  std::uint64_t sum = 0;
  for (int i = 0; i < kRounds; ++i) {
    database.snapshot().for_each_message(folder, {1, UINT32_MAX}, [&](const Message& message) {
      sum += message.flags + message.uid.value;
      return true;
    });
  }
  fmt::print("for_each_message over {}: {:.2f} ms (checksum {})\n", kMessages,
             seconds_since(start) * 1e3 / kRounds, sum);
  constexpr int kSnapshots = 1'000'000;
  start = Steady::now();
  for (int i = 0; i < kSnapshots; ++i) sum += database.snapshot().message(folder, Uid(5)) ? 1 : 0;
  fmt::print("snapshot and one message: {:.2f} us (checksum {})\n",
             seconds_since(start) * 1e6 / kSnapshots, sum);
  start = Steady::now();
  for (int i = 0; i < kSnapshots; ++i) (void)database.snapshot();
  fmt::print("snapshot alone: {:.2f} us\n", seconds_since(start) * 1e6 / kSnapshots);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) give_up("usage: bench_store FOLDER [SECONDS]");
  const std::string folder = argv[1];
  const double duration_s = argc > 2 ? std::stod(argv[2]) : 3;
  if (!std::filesystem::create_directory(folder)) give_up("the folder exists");
  fmt::print("append + fdatasync alone: {:.0f}/s\n", raw_rate(folder, duration_s));
  {
    OpenOptions options;
    options.path = folder;
    options.guid = Guid::random();
    options.create = true;
    auto database = Database::open(options);
    if (!database) give_up(database.error().text);
    measure_deliveries(**database, 1, 1, duration_s);
    measure_deliveries(**database, 10, 1, duration_s);
    measure_deliveries(**database, 100, 1, duration_s);
    measure_deliveries(**database, 1, 10, duration_s);
    measure_deliveries(**database, 100, 10, duration_s);
    measure_reading(**database);
  }
  std::filesystem::remove_all(folder);
  return 0;
}
