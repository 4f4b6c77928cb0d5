// The disk fails or the power goes: nothing acknowledged is lost, nothing half done is seen.
#include "fault_disk.h"
#include "fixture.h"

using namespace hauspost;
using namespace hauspost::store;
using namespace hauspost::store::test;

namespace {

// Time that moves only when told.
class TestClock final : public Clock {
 public:
  WallTime now() const override { return WallTime(std::chrono::seconds(wall_s.load())); }
  std::chrono::steady_clock::time_point steady() const override {
    return std::chrono::steady_clock::time_point(std::chrono::seconds(steady_s.load()));
  }
  void advance(std::int64_t seconds) {
    wall_s += seconds;
    steady_s += seconds;
  }
  std::atomic<std::int64_t> wall_s = 1'700'000'000;
  std::atomic<std::int64_t> steady_s = 1000;
};

OpenOptions fault_options(const std::string& path) {
  OpenOptions options = small_options(path);
  options.segment_bytes = 16 * 1024;
  options.checkpoint_log_bytes = 8 * 1024;
  return options;
}

Platform fault_platform(FaultDisk& disk, std::atomic<int>& fatal_calls, const std::string& boot) {
  Platform platform = Platform::real();
  platform.disk = &disk;
  platform.boot_id = boot;
  platform.fatal = [&fatal_calls](const Error&) { ++fatal_calls; };
  return platform;
}

// Deliveries until the disk fails; the texts of those that were acknowledged.
std::vector<std::string> deliver_until_failure(Database& database, int count) {
  std::vector<std::string> acknowledged;
  for (int i = 0; i < count; ++i) {
    Delivery delivery;
    delivery.id = numbered_guid(static_cast<std::uint64_t>(i) + 1);
    const std::string text = "message " + std::to_string(i) + std::string(1000, '.');
    delivery.body = body_of(text);
    delivery.targets = {{kAnna, "anna"}, {kBert, "bert"}};
    const auto outcome = wait_for(database.deliver({}, delivery));
    if (!outcome) {
      CHECK(outcome.error().code == ErrorCode::kUnavailable);
      break;
    }
    acknowledged.push_back(text);
  }
  return acknowledged;
}

// Everything acknowledged is there for both, what else is there is whole, and life goes on.
void check_survivors(const std::string& path, const std::string& boot,
                     const std::vector<std::string>& acknowledged) {
  Platform platform = test_platform();
  platform.boot_id = boot;
  auto opened = Database::open(fault_options(path), platform);
  if (!opened) FAIL(opened.error().text);
  Database& database = **opened;
  require_whole(database);
  for (const Guid& guid : {kAnna, kBert}) {
    const auto mailbox = wait_for(database.open_mailbox({}, guid, "somebody"));
    const Snapshot snapshot = database.snapshot();
    const auto inbox = snapshot.find_folder(*mailbox, "INBOX");
    std::vector<std::string> texts;
    snapshot.for_each_message(inbox->id, {1, UINT32_MAX}, [&](const Message& message) {
      texts.emplace_back(snapshot.body(message.body)->bytes);
      return true;
    });
    REQUIRE(texts.size() >= acknowledged.size());
    REQUIRE(texts.size() <= acknowledged.size() + 1);
    texts.resize(acknowledged.size());
    REQUIRE(texts == acknowledged);
  }
  // A retry of everything doubles nothing.
  const auto again = deliver_until_failure(database, static_cast<int>(acknowledged.size()) + 1);
  REQUIRE(again.size() == acknowledged.size() + 1);
  REQUIRE(database.statistics().messages == 2 * again.size());
  require_whole(database);
}

}  // namespace

TEST_CASE("store faults: power loss after each operation of the disk") {
  const std::uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  bool finished = false;
  for (std::uint64_t at = 1; !finished; ++at) {
    CAPTURE(at);
    TempFolder folder;
    FaultDisk disk;
    std::atomic<int> fatal_calls = 0;
    std::vector<std::string> acknowledged;
    disk.arm(FaultDisk::Fault::kCrash, at);
    {
      auto opened =
          Database::open(fault_options(folder.path()), fault_platform(disk, fatal_calls, "boot 1"));
      if (opened) acknowledged = deliver_until_failure(**opened, 30);
      finished = !disk.hit();
      if (finished) REQUIRE(acknowledged.size() == 30);
    }
    disk.lose_power(random);
    check_survivors(folder.path(), "boot 2", acknowledged);
    REQUIRE(at < 2000);
  }
}

TEST_CASE("store faults: an error of a write or a sync is final") {
  const auto kind = GENERATE(FaultDisk::Kind::kWrite, FaultDisk::Kind::kSync);
  for (std::uint64_t at = 1; at < 40; at += 3) {
    CAPTURE(at, static_cast<int>(kind));
    TempFolder folder;
    FaultDisk disk;
    std::atomic<int> fatal_calls = 0;
    OpenOptions options = fault_options(folder.path());
    options.segment_bytes =
        8ULL << 20;  // no new segment, so every error hits the log or checkpoint
    std::vector<std::string> acknowledged;
    {
      auto opened = Database::open(options, fault_platform(disk, fatal_calls, "boot 1"));
      REQUIRE(opened.has_value());
      disk.arm(FaultDisk::Fault::kError, at, kind);
      acknowledged = deliver_until_failure(**opened, 60);
      REQUIRE(acknowledged.size() < 60);
      const auto refused = wait_for((*opened)->open_mailbox({}, numbered_guid(99), "later"));
      REQUIRE_FALSE(refused.has_value());
      REQUIRE(refused.error().code == ErrorCode::kUnavailable);
    }
    REQUIRE(disk.hit());
    REQUIRE(fatal_calls == 1);
    check_survivors(folder.path(), "boot 1", acknowledged);
  }
}

TEST_CASE("store faults: a full disk refuses writes until there is space again") {
  TempFolder folder;
  FaultDisk disk;
  TestClock clock;
  Platform platform = test_platform();
  platform.disk = &disk;
  platform.clock = &clock;
  OpenOptions options = small_options(folder.path());
  options.disk_reserve_bytes = 1000;
  OpenDatabase db(options, platform);
  const FolderId inbox = db.folder("INBOX");
  db.append(inbox, {"before"});
  disk.set_free_bytes(999);
  clock.advance(2);
  const auto refused = wait_for(db->append({}, inbox, {message_of("no room")}));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kExhausted);
  CHECK(db->snapshot().folder(inbox)->messages == 1);
  // A little more is not enough to begin again.
  disk.set_free_bytes(1249);
  CHECK_FALSE(wait_for(db->append({}, inbox, {message_of("no room")})).has_value());
  disk.set_free_bytes(1250);
  db.append(inbox, {"after"});
  CHECK(db->snapshot().folder(inbox)->messages == 2);
  // What makes room goes on for longer.
  disk.set_free_bytes(250);
  clock.advance(2);
  CHECK_FALSE(wait_for(db->append({}, inbox, {message_of("no room")})).has_value());
  FlagChange deleted;
  deleted.uids.add(1);
  deleted.flags = kDeleted;
  CHECK(wait_for(db->change_flags({}, inbox, deleted)).has_value());
  CHECK(wait_for(db->expunge({}, inbox, deleted.uids, true))->count() == 1);
  disk.set_free_bytes(249);
  CHECK_FALSE(wait_for(db->change_flags({}, inbox, {{{2, 2}}})).has_value());
  CHECK(db->snapshot().folder(inbox)->messages == 1);
  require_whole(*db);
}

TEST_CASE("store: deliveries are remembered for seven days") {
  TempFolder folder;
  TestClock clock;
  Platform platform = test_platform();
  platform.clock = &clock;
  OpenDatabase db(small_options(folder.path()), platform);
  Delivery delivery;
  delivery.id = numbered_guid(1);
  delivery.body = body_of("text");
  delivery.targets = {{kAnna, "anna"}};
  CHECK_FALSE(wait_for(db->deliver({}, delivery))->front().duplicate);
  clock.advance(7 * 24 * 3600);
  CHECK(wait_for(db->deliver({}, delivery))->front().duplicate);
  clock.advance(1);
  CHECK_FALSE(wait_for(db->deliver({}, delivery))->front().duplicate);
  CHECK(wait_for(db->deliver({}, delivery))->front().duplicate);
  require_whole(*db);
}
