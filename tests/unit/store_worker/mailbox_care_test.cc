// What a store worker does for mailboxes by itself.
#include "server/store_worker/mailbox_care.h"

#include <catch2/catch.hpp>

#include "server/directory/writer.h"
#include "store/platform.h"
#include "tests/unit/temp_folder.h"

using namespace hauspost;
using namespace hauspost::store_worker;
using directory::LimitChanges;

namespace {

constexpr std::int64_t kDay_s = 24 * 3600;
constexpr Duration kPatience = std::chrono::seconds(20);

class HandClock final : public Clock {
 public:
  WallTime now() const override { return WallTime(std::chrono::seconds(now_s.load())); }
  std::chrono::steady_clock::time_point steady() const override {
    return std::chrono::steady_clock::time_point(std::chrono::seconds(now_s.load()));
  }
  std::atomic<std::int64_t> now_s = 1'795'288'500;
};

template <class T>
Task<void> keep_result(Task<T> task, std::optional<T>& result) {
  result = co_await std::move(task);
}

// One database with the mailbox of anna@example.test. The directory is written and read through one
// environment, as LMDB wants it within a process.
struct Fixture {
  Fixture() {
    writer = *directory::DirectoryWriter::open(folder / "directory.mdb");
    REQUIRE(writer->create_database("DB1", folder / "db1", 100));
    REQUIRE(writer->add_domain("example.test"));
    create(anna, "anna@example.test");
  }
  ~Fixture() {
    stop_care();
    if (database) database->close();
  }

  void create(const Guid& guid, const std::string& address) {
    const directory::MailboxOrder order{.guid = guid, .address = address, .database = "DB1"};
    REQUIRE((*writer->create_mailboxes({&order, 1}, 100, false))[0]);
  }
  // The worker of now: settings made before are in force.
  void start_care() {
    if (!database) {
      limits = std::make_unique<LimitsCache>(writer->reader(), "DB1");
      store::OpenOptions options;
      options.path = folder / "db1";
      options.guid = Guid::random();
      options.create = true;
      options.index_bytes_max = 256 << 20;
      options.limits = [this](const Guid& mailbox) { return limits->for_store(mailbox); };
      store::Platform platform = store::Platform::real();
      platform.clock = &clock;
      database = *store::Database::open(std::move(options), platform);
    }
    care = std::make_unique<MailboxCare>(io.get_executor(), *database, *limits, clock, "mx");
    care->start();
  }
  void stop_care() {
    if (!care) return;
    TaskGroup tasks(io.get_executor());
    tasks.spawn("stop", care->stop());
    run_until([&] { return tasks.size() == 0; });
    care.reset();
  }
  void run_until(const std::function<bool()>& condition) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
      REQUIRE(std::chrono::steady_clock::now() < until);
      io.restart();
      io.run_one_for(std::chrono::milliseconds(50));
    }
  }
  template <class T>
  T wait_for(Task<T> task) {
    std::optional<T> result;
    TaskGroup tasks(io.get_executor());
    tasks.spawn("test", keep_result(std::move(task), result));
    run_until([&] { return tasks.size() == 0; });
    return std::move(*result);
  }
  store::Delivered deliver(std::size_t bytes) {
    store::Delivery delivery;
    delivery.id = Guid::random();
    delivery.body = std::make_shared<const std::string>(bytes, 'x');
    delivery.targets.push_back({.mailbox = anna, .label = "anna@example.test"});
    return wait_for(database->deliver({}, std::move(delivery)))->front();
  }
  std::optional<store::Mailbox> mailbox() { return database->snapshot().mailbox(anna); }
  std::vector<std::string> inbox() {
    std::vector<std::string> found;
    const store::Snapshot snapshot = database->snapshot();
    const auto inbox = snapshot.find_folder(mailbox()->id, "INBOX");
    snapshot.for_each_message(inbox->id, {1, UINT32_MAX}, [&](const store::Message& message) {
      found.emplace_back(snapshot.body(message.body)->bytes);
      return true;
    });
    return found;
  }
  std::size_t warnings(std::string_view subject) {
    return static_cast<std::size_t>(std::ranges::count_if(inbox(), [&](const std::string& text) {
      return text.find("Subject: " + std::string(subject)) != std::string::npos;
    }));
  }
  void set(const directory::Limits& set) {
    REQUIRE(writer->set_mailbox_limits(anna, LimitChanges{.set = set}));
  }

  hauspost::test::TempFolder folder;
  asio::io_context io;
  HandClock clock;
  Guid anna = Guid::random();
  std::unique_ptr<directory::DirectoryWriter> writer;
  std::unique_ptr<LimitsCache> limits;
  std::unique_ptr<store::Database> database;
  std::unique_ptr<MailboxCare> care;
};

}  // namespace

TEST_CASE("care: each level is told once, and not twice a day") {
  Fixture f;
  f.set({.warn_bytes = 1000, .prohibit_send_bytes = 50'000});
  f.start_care();
  f.deliver(900);
  f.deliver(900);
  f.run_until([&] { return f.warnings("Your mailbox is nearly full") == 1; });
  CHECK(f.inbox().back().find("To: <anna@example.test>\r\n") != std::string::npos);
  f.deliver(900);
  // A new worker knows nothing, but the store knows what it has of today.
  f.stop_care();
  f.start_care();
  f.deliver(60'000);
  f.run_until([&] { return f.warnings("Your mailbox is too full to send mail") == 1; });
  CHECK(f.warnings("Your mailbox is nearly full") == 1);
  f.stop_care();
  f.clock.now_s += kDay_s;
  f.start_care();
  f.deliver(10);
  f.run_until([&] { return f.warnings("Your mailbox is too full to send mail") == 2; });
}

TEST_CASE("care: a mailbox that refused mail is told that it is full") {
  Fixture f;
  f.set({.prohibit_receive_bytes = 5000});
  f.start_care();
  f.deliver(100);
  CHECK(f.deliver(6000).over_quota);
  f.care->note_refused(f.anna);
  f.run_until([&] { return f.warnings("Your mailbox is full and takes no more mail") == 1; });
}

TEST_CASE("care: deleted messages go when their time is over, and not before") {
  Fixture f;
  f.start_care();
  f.deliver(100);
  const auto inbox = f.database->snapshot().find_folder(f.mailbox()->id, "INBOX");
  REQUIRE(f.wait_for(f.database->expunge({}, inbox->id, {{1, 1}}, false)));
  CHECK(f.mailbox()->recoverable_messages == 1);
  f.clock.now_s += 14 * kDay_s - 1;
  f.stop_care();
  f.deliver(7);
  f.start_care();
  f.deliver(7);
  CHECK(f.mailbox()->recoverable_messages == 1);
  f.stop_care();
  f.clock.now_s += 1;
  f.start_care();
  f.run_until([&] { return f.mailbox()->recoverable_messages == 0; });
}

TEST_CASE("care: the directory says whose mailboxes there are") {
  Fixture f;
  f.start_care();
  f.deliver(100);
  f.stop_care();
  REQUIRE(f.writer->remove_mailbox(f.anna));
  f.start_care();
  f.run_until([&] { return f.mailbox()->disconnected_s != 0; });
  CHECK(f.mailbox()->disconnected_s == f.clock.now_s);
  CHECK(f.mailbox()->messages == 1);
  f.stop_care();

  SECTION("an owner comes back") {
    f.create(f.anna, "heir@example.test");
    f.start_care();
    f.run_until([&] { return f.mailbox()->disconnected_s == 0; });
    CHECK(f.mailbox()->messages == 1);
  }
  SECTION("its time is over") {
    f.clock.now_s += 30 * kDay_s - 1;
    f.start_care();
    f.stop_care();
    CHECK(f.mailbox().has_value());
    f.clock.now_s += 1;
    f.start_care();
    f.run_until([&] { return !f.mailbox().has_value(); });
    CHECK(f.database->statistics().messages == 0);
  }
  SECTION("the database keeps none") {
    LimitChanges none;
    none.set.keep_disconnected_s = 0;
    REQUIRE(f.writer->set_database_limits("DB1", none));
    f.start_care();
    f.run_until([&] { return !f.mailbox().has_value(); });
  }
}

TEST_CASE("quota warning: levels") {
  directory::EffectiveLimits limits;
  CHECK(quota_level(UINT64_MAX - 1, limits) == QuotaLevel::kFine);
  limits.warn_bytes = 10;
  limits.prohibit_send_bytes = 20;
  limits.prohibit_receive_bytes = 30;
  CHECK(quota_level(9, limits) == QuotaLevel::kFine);
  CHECK(quota_level(10, limits) == QuotaLevel::kWarn);
  CHECK(quota_level(20, limits) == QuotaLevel::kNoSending);
  CHECK(quota_level(30, limits) == QuotaLevel::kFull);
}

TEST_CASE("quota warning: one id a mailbox, level and day") {
  const Guid mailbox = Guid::random();
  const WallTime noon(std::chrono::seconds(1'795'219'200 + 12 * 3600));
  const Guid id = quota_warning_id(mailbox, QuotaLevel::kWarn, noon);
  CHECK(id == quota_warning_id(mailbox, QuotaLevel::kWarn, noon + std::chrono::hours(2)));
  CHECK(id != quota_warning_id(mailbox, QuotaLevel::kFull, noon));
  CHECK(id != quota_warning_id(mailbox, QuotaLevel::kWarn, noon + std::chrono::hours(24)));
  CHECK(id != quota_warning_id(Guid::random(), QuotaLevel::kWarn, noon));
}
