// Opening after a loss of power, and what an open database holds in memory.
#include <fmt/format.h>

#include <filesystem>

#include "base/signal.h"
#include "base/task_group.h"
#include "protocols/imap/mailbox_view.h"
#include "store/platform.h"
#include "tests/bench/store/measure.h"

namespace hauspost::bench {

namespace {

constexpr std::uint64_t kMailboxes = 50;

Task<void> deliver_many(store::Database& database, std::size_t count, std::size_t bytes) {
  for (std::size_t i = 0; i < count; ++i) {
    store::Delivery delivery;
    delivery.id = Guid::ordered();
    delivery.body = std::make_shared<const std::string>(make_message(bytes, i));
    delivery.targets.push_back({numbered(1, i % kMailboxes), "bench"});
    if (const auto done = co_await database.deliver({}, std::move(delivery)); !done)
      give_up(done.error().text);
  }
}

// Many at a time, so that the disk is not what this waits for.
void deliver(store::Database& database, std::size_t count, std::size_t bytes) {
  constexpr std::size_t kCallers = 100;
  asio::io_context io;
  TaskGroup tasks(io.get_executor());
  for (std::size_t i = 0; i < kCallers; ++i)
    tasks.spawn("deliver", deliver_many(database, count / kCallers, bytes));
  io.run();
}

void measure_loss(const std::string& folder, std::size_t count, std::size_t bytes) {
  const std::string lost = folder + ".lost";
  store::OpenOptions options = options_for(folder);
  options.checkpoint_log_bytes = UINT64_MAX;
  options.checkpoint_interval = std::chrono::hours(1);
  double behind_mib = 0;
  {
    const auto database = open_database(options);
    deliver(*database, count, bytes);
    const auto statistics = database->statistics();
    const auto records =
        static_cast<double>(statistics.last_lsn.value - statistics.checkpoint_lsn.value);
    behind_mib = records * static_cast<double>(statistics.live_body_bytes) /
                 static_cast<double>(statistics.messages) / (1 << 20);
    std::filesystem::copy(folder, lost, std::filesystem::copy_options::recursive);
  }
  std::filesystem::remove(lost + "/lock");
  store::Platform platform = store::Platform::real();
  platform.boot_id = "another start of the machine";
  store::OpenOptions lost_options = options_for(lost);
  const auto start = Steady::now();
  auto opened = store::Database::open(std::move(lost_options), platform);
  const double took_s = seconds_since(start);
  if (!opened) give_up(opened.error().text);
  const auto found = (*opened)->statistics().messages;
  if (found != count) give_up("messages are missing");
  fmt::print(
      "after a loss of power, {:>6.1f} KiB messages: {:.0f} MiB of log replayed in {:.2f} s, "
      "{:.2f} s a GiB\n",
      static_cast<double>(bytes) / 1024, behind_mib, took_s, took_s * 1024 / behind_mib);
  opened->reset();
  std::filesystem::remove_all(lost);
  std::filesystem::remove_all(folder);
}

}  // namespace

void measure_recovery(const std::string& folder) {
  measure_loss(folder, 20'000, 4096);
  measure_loss(folder, 8'000, 64 * 1024);
}

namespace {

void print_memory(std::string_view when) {
  const Memory now = memory();
  fmt::print("private memory {:<26} {:>6.1f} MiB, of it anonymous {:>6.1f} MiB\n", when,
             now.private_mib, now.anonymous_mib);
}

}  // namespace

void measure_memory(const std::string& folder) {
  constexpr std::size_t kMessages = 10'000;
  constexpr std::size_t kSessions = 100;
  print_memory("at start");
  const auto database = open_database(options_for(folder));
  deliver(*database, kMessages, 4096);
  print_memory("after 10,000 deliveries");
  asio::io_context io;
  Signal signal;
  std::vector<std::unique_ptr<imap::MailboxView>> views;
  for (std::size_t i = 0; i < kSessions; ++i) {
    const auto snapshot = database->snapshot();
    const auto mailbox = snapshot.mailbox(numbered(1, i % kMailboxes));
    const auto inbox = mailbox ? snapshot.find_folder(mailbox->id, "INBOX") : std::nullopt;
    if (!inbox) give_up("a mailbox is missing");
    views.push_back(std::make_unique<imap::MailboxView>(*database, inbox->id, false, Guid{},
                                                        io.get_executor(), signal));
    if (!views.back()->open()) give_up("a folder does not open");
  }
  print_memory("with 100 folders open");
}

}  // namespace hauspost::bench
