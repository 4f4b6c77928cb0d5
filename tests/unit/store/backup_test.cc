#include <set>
#include <thread>

#include "fixture.h"
#include "store/backup/back_up.h"
#include "store/backup/backup_folder.h"
#include "store/backup/restore.h"
#include "store/image.h"
#include "store/recovery.h"

using namespace hauspost;
using namespace hauspost::store;
using namespace hauspost::store::test;

namespace {

namespace fs = std::filesystem;

// A clock that tells what it is told.
class HandClock final : public Clock {
 public:
  WallTime now() const override { return WallTime(std::chrono::microseconds(now_us.load())); }
  std::chrono::steady_clock::time_point steady() const override {
    return std::chrono::steady_clock::now();
  }
  std::atomic<std::int64_t> now_us = 1'700'000'000'000'000;
};

struct Place {
  TempFolder folder;
  HandClock clock;
  std::string database = folder.path() + "/db";
  std::string backup = folder.path() + "/backup";
  std::string restored = folder.path() + "/restored";

  Platform platform() {
    Platform platform = test_platform();
    platform.clock = &clock;
    return platform;
  }
  OpenDatabase open() { return OpenDatabase(small_options(database), platform()); }
};

Result<BackupReport> try_backup(const Database& database, BackupOptions options) {
  options.name = "DB1";
  Progress progress;
  return back_up(database, options, progress);
}

BackupReport backup(const Database& database, const std::string& folder, bool full = false) {
  BackupOptions options;
  options.folder = folder;
  options.full = full;
  auto report = try_backup(database, options);
  if (!report) FAIL(report.error().text);
  return *report;
}

Result<RestoreReport> try_restore(Place& place, RestorePoint point, const std::string& to) {
  RestoreOptions options;
  options.backup = place.backup;
  options.point = point;
  options.folder = to;
  options.database = numbered_guid(99);
  Progress progress;
  return restore_database(place.platform(), options, progress);
}

RestoreReport restore(Place& place, RestorePoint point, const std::string& to) {
  auto report = try_restore(place, point, to);
  if (!report) FAIL(report.error().text);
  return *report;
}

std::unique_ptr<Database> open_restored(Place& place, const RestoreReport& report,
                                        const std::string& path) {
  OpenOptions options = small_options(path);
  options.guid = numbered_guid(99);
  options.epoch = report.epoch + 1;
  auto database = Database::open(options, place.platform());
  if (!database) FAIL(database.error().text);
  require_whole(**database);
  return *std::move(database);
}

// The texts of a mailbox's messages, folder by folder.
std::string texts(const Database& database) {
  const Snapshot snapshot = database.snapshot();
  std::string out;
  for (const Mailbox& mailbox : snapshot.mailboxes()) {
    for (const Folder& folder : snapshot.folders(mailbox.id)) {
      out += mailbox.guid.to_string() + " " + folder.path + "\n";
      snapshot.for_each_message(folder.id, {0, UINT32_MAX}, [&](const Message& message) {
        const auto body = snapshot.body(message.body);
        out += fmt::format("  {} {:x} {} {}\n", message.uid.value, message.flags,
                           message.internal_date_s,
                           body ? std::string(body->bytes) : body.error().text);
        return true;
      });
    }
  }
  return out;
}

std::vector<VerifiedSet> verified(Place& place) {
  Progress progress;
  auto sets = verify_backup(place.platform(), place.backup, 0, place.folder.path(), progress);
  if (!sets) FAIL(sets.error().text);
  return *std::move(sets);
}

void require_good(Place& place) {
  for (const VerifiedSet& set : verified(place)) {
    for (const std::string& fault : set.faults) UNSCOPED_INFO(fault);
    REQUIRE(set.faults.empty());
  }
}

void fill(OpenDatabase& db, int from, int to) {
  for (int i = from; i < to; ++i)
    db.append(
        db.folder(i % 3 == 0 ? "Sent" : "INBOX"),
        {fmt::format("message {} {}", i, std::string(static_cast<std::size_t>(i % 50) * 40, 'x'))},
        i % 2 == 0 ? kSeen : 0);
}

void flip(const std::string& path, std::size_t at) {
  std::string bytes = read_whole(path);
  REQUIRE(at < bytes.size());
  bytes[at] = static_cast<char>(bytes[at] ^ 0x20);
  write_whole(path, bytes);
}

}  // namespace

TEST_CASE("backup: a full one brings the database back", "[backup]") {
  Place place;
  std::string before;
  {
    OpenDatabase db = place.open();
    fill(db, 0, 200);
    (void)wait_for(db->expunge({}, db.folder("INBOX"), {{3, 30}}, false));
    before = texts(*db);
    const BackupReport report = backup(*db, place.backup);
    CHECK(report.set == 1);
    CHECK(report.generation.full);
    CHECK(report.generation.lsn == db->statistics().last_lsn);
    CHECK(report.generation.messages == db->statistics().messages);
    CHECK(report.segments > 2);
    const auto note = read_last_backup(place.database);
    REQUIRE(note.has_value());
    CHECK(note->lsn == report.generation.lsn);
    CHECK(note->full);
    CHECK(note->set_path == report.set_path);
  }
  require_good(place);
  const RestoreReport report = restore(place, {}, place.restored);
  const auto restored = open_restored(place, report, place.restored);
  CHECK(texts(*restored) == before);
  CHECK(restored->statistics().messages == report.messages);
}

TEST_CASE("backup: a restored folder never shows a UIDVALIDITY it had", "[backup]") {
  Place place;
  std::map<std::string, std::uint32_t> before;
  {
    OpenDatabase db = place.open();
    fill(db, 0, 5);
    backup(*db, place.backup);
    const Snapshot snapshot = db->snapshot();
    for (const Folder& folder : snapshot.folders(db.mailbox))
      before[folder.path] = folder.uid_validity;
  }
  const auto restored = open_restored(place, restore(place, {}, place.restored), place.restored);
  const Snapshot snapshot = restored->snapshot();
  std::set<std::uint32_t> seen;
  for (const Folder& folder : snapshot.folders(snapshot.mailbox(kAnna)->id)) {
    CHECK(folder.uid_validity > before.at(folder.path));
    CHECK(seen.insert(folder.uid_validity).second);
  }
  CHECK(seen.size() == before.size());
}

TEST_CASE("backup: an incremental one copies only what is new", "[backup]") {
  Place place;
  std::string before;
  {
    OpenDatabase db = place.open();
    fill(db, 0, 300);
    const BackupReport full = backup(*db, place.backup);
    fill(db, 300, 330);
    before = texts(*db);
    const BackupReport more = backup(*db, place.backup);
    CHECK(more.set == 1);
    CHECK_FALSE(more.generation.full);
    CHECK(more.generation.number == 2);
    CHECK(more.generation.lsn > full.generation.lsn);
    CHECK(more.generation.copied_bytes < full.generation.copied_bytes);
    const BackupReport none = backup(*db, place.backup);
    CHECK(none.generation.copied_bytes == 0);
    const BackupReport other = backup(*db, place.backup, true);
    CHECK(other.set == 2);
    CHECK(other.generation.full);
  }
  require_good(place);
  const auto restored = open_restored(place, restore(place, {}, place.restored), place.restored);
  CHECK(texts(*restored) == before);
}

TEST_CASE("backup: restores the moment between two deliveries", "[backup]") {
  Place place;
  std::map<std::int64_t, std::string> states;
  std::map<std::uint64_t, std::string> by_lsn;
  {
    OpenDatabase db = place.open();
    for (int i = 0; i < 60; ++i) {
      place.clock.now_us += 1'000'000;
      fill(db, i, i + 1);
      states[place.clock.now_us] = texts(*db);
      by_lsn[db->statistics().last_lsn.value] = texts(*db);
      if (i == 20 || i == 45) backup(*db, place.backup);
    }
    place.clock.now_us += 1'000'000;
    backup(*db, place.backup);
  }
  int number = 0;
  for (const auto& [time_us, expected] : states) {
    if (++number % 7 != 0) continue;
    for (const std::int64_t late : {0, 999'999}) {
      const std::string to = fmt::format("{}{}-{}", place.restored, number, late);
      const auto restored = open_restored(place, restore(place, {{}, time_us + late}, to), to);
      CHECK(texts(*restored) == expected);
    }
  }
  number = 0;
  for (const auto& [lsn, expected] : by_lsn) {
    if (++number % 9 != 0) continue;
    const std::string to = fmt::format("{}-lsn{}", place.restored, lsn);
    const RestoreReport report = restore(place, {Lsn(lsn), {}}, to);
    CHECK(report.lsn == Lsn(lsn));
    CHECK(texts(*open_restored(place, report, to)) == expected);
  }
  const auto early = try_restore(place, {{}, 1'600'000'000'000'000}, place.restored);
  REQUIRE_FALSE(early.has_value());
  CHECK(early.error().code == ErrorCode::kNotFound);
  const auto late = try_restore(place, {Lsn(100'000), {}}, place.restored);
  REQUIRE_FALSE(late.has_value());
  CHECK(late.error().code == ErrorCode::kNotFound);
}

TEST_CASE("backup: holds what was acknowledged before its end, under load", "[backup]") {
  Place place;
  std::vector<std::pair<std::string, std::string>> acknowledged;
  std::size_t sure = 0;
  {
    OpenDatabase db = place.open();
    std::atomic<bool> stop = false;
    std::atomic<std::size_t> count = 0;
    std::mutex mutex;
    std::thread load([&] {
      for (int i = 0; !stop; ++i) {
        const std::string text = fmt::format("load {} {}", i, std::string(500, 'y'));
        Delivery delivery;
        delivery.id = numbered_guid(static_cast<std::uint64_t>(i) + 1000);
        delivery.body = body_of(text);
        delivery.targets.push_back({kBert, "bert@example.org"});
        if (!wait_for(db->deliver({}, std::move(delivery)))) break;
        const std::scoped_lock lock(mutex);
        acknowledged.emplace_back("INBOX", text);
        count = acknowledged.size();
      }
    });
    for (int i = 0; i < 5; ++i) {
      while (count < static_cast<std::size_t>(i + 1) * 40) std::this_thread::yield();
      sure = count;
      backup(*db, place.backup);
    }
    stop = true;
    load.join();
  }
  require_good(place);
  const auto restored = open_restored(place, restore(place, {}, place.restored), place.restored);
  const std::string found = texts(*restored);
  std::size_t at = 0;
  for (std::size_t i = 0; i < sure; ++i) {
    at = found.find(acknowledged[i].second, at);
    REQUIRE(at != std::string::npos);
  }
}

TEST_CASE("backup: a changed byte is found and named", "[backup]") {
  Place place;
  {
    OpenDatabase db = place.open();
    fill(db, 0, 200);
    backup(*db, place.backup);
  }
  const auto set = read_set(place.backup, 1);
  REQUIRE(set.has_value());
  const BackupSegment segment = set->manifest.segments[1];
  const std::string path = set_segment_path(set->path, segment.first);
  flip(path, segment.bytes / 2);
  const auto sets = verified(place);
  REQUIRE(sets.size() == 1);
  REQUIRE(sets[0].faults.size() == 1);
  CHECK(sets[0].faults[0].find(path + " at offset") != std::string::npos);
  CHECK(sets[0].faults[0].find("record") != std::string::npos);
  const auto refused = try_restore(place, {}, place.restored);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kCorrupt);
  CHECK(refused.error().text.find(path) != std::string::npos);
  CHECK(Database::open(small_options(place.restored)).has_value() == false);
  flip(path, segment.bytes / 2);

  const std::string image = set_image_path(set->path, set->manifest.images[0].lsn);
  flip(image, 5000);
  CHECK(verified(place)[0].faults[0].find(image) != std::string::npos);
  flip(image, 5000);

  const std::string manifest = set->path + "/manifest";
  flip(manifest, 60);
  CHECK(verified(place)[0].faults[0].find(manifest) != std::string::npos);
  flip(manifest, 60);
  require_good(place);
}

TEST_CASE("backup: one that was cut off is refused", "[backup]") {
  Place place;
  {
    OpenDatabase db = place.open();
    fill(db, 0, 100);
    backup(*db, place.backup);
  }
  const auto set = read_set(place.backup, 1);
  REQUIRE(set.has_value());
  const std::string last = set_segment_path(set->path, set->manifest.segments.back().first);
  const std::string whole = read_whole(last);
  write_whole(last, whole.substr(0, whole.size() - 8));
  CHECK(verified(place)[0].faults[0].find("cut off") != std::string::npos);
  CHECK(try_restore(place, {}, place.restored).error().code == ErrorCode::kCorrupt);
  write_whole(last, whole);
  const std::string manifest = read_whole(set->path + "/manifest");
  write_whole(set->path + "/manifest", manifest.substr(0, manifest.size() - 4));
  CHECK_FALSE(try_restore(place, {}, place.folder.path() + "/second").has_value());
  fs::remove(set->path + "/manifest");
  const auto refused = try_restore(place, {}, place.folder.path() + "/third");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().text.find("did not end") != std::string::npos);
}

TEST_CASE("backup: a damaged record is never backed up", "[backup]") {
  Place place;
  OpenDatabase db = place.open();
  fill(db, 0, 200);
  const auto segments = list_segments(log_folder(place.database));
  REQUIRE(segments->size() > 2);
  const std::string path = (*segments)[1].path;
  flip(path, 6000);
  BackupOptions options;
  options.folder = place.backup;
  const auto refused = try_backup(*db, options);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kCorrupt);
  CHECK(refused.error().text.find(path + " at offset") != std::string::npos);
  CHECK(list_set_numbers(place.backup)->empty());
  CHECK_FALSE(read_last_backup(place.database).has_value());
  flip(path, 6000);
  backup(*db, place.backup);
}

TEST_CASE("backup: one that is stopped leaves those before it", "[backup]") {
  Place place;
  OpenDatabase db = place.open();
  fill(db, 0, 100);
  BackupOptions options;
  options.folder = place.backup;
  options.name = "DB1";
  Progress stopped;
  stopped.cancel();
  CHECK(back_up(*db, options, stopped).error().code == ErrorCode::kCancelled);
  CHECK(list_set_numbers(place.backup)->empty());
  const BackupReport first = backup(*db, place.backup);
  fill(db, 100, 200);
  CHECK(back_up(*db, options, stopped).error().code == ErrorCode::kCancelled);
  CHECK(read_set(place.backup, 1)->manifest.generations.back().lsn == first.generation.lsn);
  require_good(place);
  backup(*db, place.backup);
  require_good(place);
}

TEST_CASE("backup: what a crash leaves of one is not one", "[backup]") {
  Place place;
  OpenDatabase db = place.open();
  fill(db, 0, 100);
  const BackupReport first = backup(*db, place.backup);
  // As after kill -9 in the middle of an incremental, and of a full one.
  const auto set = read_set(place.backup, 1);
  const BackupSegment tail = set->manifest.segments.back();
  const std::string path = set_segment_path(set->path, tail.first);
  write_whole(path, read_whole(path) + std::string(300, 'z'));
  write_whole(set->path + "/images/next", "half an image");
  fs::create_directories(place.backup + "/set-000002/log");
  write_whole(place.backup + "/set-000002/log/0000000000000001.seg", "half a segment");
  CHECK(verified(place).size() == 2);
  CHECK(verified(place)[0].faults.empty());
  CHECK(verified(place)[1].faults.size() == 1);
  const RestoreReport report = restore(place, {}, place.restored);
  CHECK(report.lsn == first.generation.lsn);
  fill(db, 100, 140);
  backup(*db, place.backup);
  require_good(place);
  CHECK(list_set_numbers(place.backup)->size() == 1);
  CHECK_FALSE(fs::exists(set->path + "/images/next"));
}

TEST_CASE("backup: a folder is for one database and one history of it", "[backup]") {
  Place place;
  BackupOptions options;
  options.folder = place.backup;
  const std::string old = place.folder.path() + "/old";
  {
    OpenDatabase db = place.open();
    fill(db, 0, 20);
    db->close();
    fs::copy(place.database, old, fs::copy_options::recursive);
  }
  {
    OpenDatabase db = place.open();
    fill(db, 20, 60);
    backup(*db, place.backup);
  }
  {
    OpenDatabase db(small_options(old));
    fill(db, 500, 510);
    auto refused = try_backup(*db, options);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == ErrorCode::kInvalid);
    fill(db, 510, 590);
    refused = try_backup(*db, options);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == ErrorCode::kInvalid);
    options.full = true;
    CHECK(try_backup(*db, options).has_value());
    options.full = false;
  }
  OpenOptions other = small_options(place.folder.path() + "/other");
  other.guid = numbered_guid(5);
  const OpenDatabase db(other);
  const auto refused = try_backup(*db, options);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kInvalid);
}

TEST_CASE("backup: keeps as many sets as it should", "[backup]") {
  Place place;
  OpenDatabase db = place.open();
  BackupOptions options;
  options.folder = place.backup;
  options.full = true;
  options.keep_sets = 2;
  for (int i = 0; i < 4; ++i) {
    fill(db, i * 10, i * 10 + 10);
    REQUIRE(try_backup(*db, options).has_value());
  }
  CHECK(*list_set_numbers(place.backup) == std::vector<std::uint64_t>{3, 4});
  require_good(place);
}

TEST_CASE("backup: without its beginning the log needs an image, and has one", "[backup]") {
  Place place;
  std::string before;
  std::string between;
  Lsn first_end;
  {
    OpenDatabase db = place.open();
    fill(db, 0, 100);
    // As compaction does it: nothing lives in the first segments, and they go.
    for (const char* const folder : {"INBOX", "Sent"})
      (void)wait_for(db->expunge({}, db.folder(folder), {{1, 1000}}, false));
    fill(db, 100, 160);
    const auto segments = list_segments(log_folder(place.database));
    REQUIRE(segments->size() > 3);
    fs::remove((*segments)[0].path);
    fs::remove((*segments)[1].path);
    between = texts(*db);
    first_end = backup(*db, place.backup).generation.lsn;
    fill(db, 160, 200);
    before = texts(*db);
    backup(*db, place.backup);
  }
  require_good(place);
  const auto set = read_set(place.backup, 1);
  const auto spans = restorable(set->manifest);
  REQUIRE(spans.size() == 1);
  CHECK(spans[0].first == first_end);
  const auto refused = try_restore(place, {Lsn(first_end.value - 1), {}}, place.restored);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kNotFound);
  {
    const RestoreReport report = restore(place, {first_end, {}}, place.restored + "1");
    CHECK(texts(*open_restored(place, report, place.restored + "1")) == between);
  }
  const RestoreReport report = restore(place, {}, place.restored);
  CHECK(read_image_info(place.restored + "/image").has_value());
  CHECK(texts(*open_restored(place, report, place.restored)) == before);
}

TEST_CASE("backup: a moment in what was compacted away is not made up", "[backup]") {
  BackupManifest manifest;
  manifest.segments = {{Lsn(1), Lsn(10), 100, 200, 1, 0},
                       {Lsn(11), Lsn(20), 200, 300, 1, 0},
                       {Lsn(41), Lsn(50), 500, 600, 1, 0},
                       {Lsn(51), Lsn(60), 600, 700, 1, 0},
                       {Lsn(81), Lsn(90), 800, 900, 1, 0}};
  manifest.images = {{Lsn(20), 0, 0}, {Lsn(45), 0, 0}, {Lsn(55), 0, 0}, {Lsn(80), 0, 0}};
  const auto spans = restorable(manifest);
  REQUIRE(spans.size() == 3);
  CHECK(spans[0].first == Lsn(1));
  CHECK(spans[0].last == Lsn(20));
  CHECK(spans[1].first == Lsn(45));
  CHECK(spans[1].last == Lsn(60));
  CHECK(spans[2].first == Lsn(80));
  CHECK(spans[2].last == Lsn(90));
  CHECK(base_image(manifest, Lsn(19)) == nullptr);
  CHECK(base_image(manifest, Lsn(54))->lsn == Lsn(45));
}

TEST_CASE("backup: a manifest reads back, and nothing else does", "[backup]") {
  BackupManifest manifest;
  manifest.database = kDatabaseGuid;
  manifest.name = "DB with blanks";
  manifest.generations = {{1, true, 10, 20, Lsn(20), 15, 3, 2, 100, 5000},
                          {2, false, 30, 40, Lsn(33), 35, 3, 2, 110, 700}};
  manifest.images = {{Lsn(20), 12, 8192}, {Lsn(33), 32, 8192}};
  manifest.segments = {{Lsn(1), Lsn(17), -5, 9, 4096, 0xdeadbeef},
                       {Lsn(18), Lsn(33), 9, 35, 5000, 7}};
  const std::string text = encode(manifest);
  const auto read = decode_manifest(text);
  REQUIRE(read.has_value());
  CHECK(encode(*read) == text);
  CHECK(read->name == manifest.name);
  for (std::size_t i = 0; i < text.size(); ++i) {
    CHECK_FALSE(decode_manifest(text.substr(0, i)).has_value());
    std::string changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK_FALSE(decode_manifest(changed).has_value());
  }
  CHECK_FALSE(decode_manifest(text + "\n").has_value());
}
