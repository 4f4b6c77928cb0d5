#include "store/recovery.h"

#include <random>

#include "fixture.h"
#include "store/checkpoint.h"
#include "store/dump.h"
#include "store/log_reader.h"

using namespace hauspost;
using namespace hauspost::store;
using namespace hauspost::store::test;

namespace {

namespace fs = std::filesystem;

OpenOptions quiet_options(const std::string& path) {
  OpenOptions options = small_options(path);
  options.segment_bytes = 1 << 20;
  options.checkpoint_interval = std::chrono::hours(1);  // only those a test asks for
  return options;
}

Platform boot(const std::string& id) {
  Platform platform = test_platform();
  platform.boot_id = id;
  return platform;
}

void copy_folder(const std::string& from, const std::string& to) {
  fs::copy(from, to, fs::copy_options::recursive | fs::copy_options::overwrite_existing);
}

// Some of everything.
void work(OpenDatabase& db, std::mt19937_64& random, int rounds) {
  const std::vector<FolderId> folders{db.folder("INBOX"), db.folder("Sent"), db.folder("Trash")};
  for (int i = 0; i < rounds; ++i) {
    const FolderId folder = folders[random() % folders.size()];
    const FolderId other = folders[random() % folders.size()];
    const auto next = db->snapshot().folder(folder)->uid_next.value;
    const auto uid = static_cast<std::uint32_t>(random() % next + 1);
    FlagChange change;
    change.uids = {{uid, uid + 5}};
    change.flags = random() & kSystemFlags;
    change.mode = random() % 2 == 0 ? FlagMode::kReplace : FlagMode::kAdd;
    switch (random() % 6) {
      case 0: (void)wait_for(db->change_flags({}, folder, change)); break;
      case 1: (void)wait_for(db->expunge({}, folder, {{uid, uid + 2}}, false)); break;
      case 2: (void)wait_for(db->move({}, folder, {{uid, uid + 3}}, other)); break;
      default: db.append(folder, {std::string(random() % 500, 'b'), "second"}); break;
    }
  }
}

std::string index_of(const std::string& path) { return path + "/index.mdb"; }

// What the log says of its last record.
struct Tail {
  std::string segment;
  Lsn lsn;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};
Tail tail_of(const std::string& path) {
  const auto extent = scan_log(log_folder(path), kDatabaseGuid);
  REQUIRE(extent.has_value());
  Tail tail;
  REQUIRE(read_log(*extent, Lsn(1), [&](const PlacedRecord& placed) -> Result<> {
            tail = {extent->segments.back().path, placed.record.header.lsn, placed.offset,
                    placed.record.length};
            return {};
          }).has_value());
  return tail;
}

}  // namespace

TEST_CASE("recovery: what was closed opens as it was") {
  TempFolder folder;
  std::mt19937_64 random(1);
  std::string before;
  {
    OpenDatabase db(quiet_options(folder.path()));
    work(db, random, 50);
    before = describe(*db);
  }
  const auto report = verify(folder.path());
  REQUIRE(report.has_value());
  CHECK(report->faults.empty());
  CHECK(report->index_checked);
  CHECK(report->records > 20);
  OpenDatabase db(quiet_options(folder.path()), boot("another"));
  CHECK(describe(*db) == before);
  CHECK(verify(folder.path()).error().code == ErrorCode::kUnavailable);
}

TEST_CASE("recovery: an index that is missing or garbage is made again from the log") {
  TempFolder folder;
  std::mt19937_64 random(2);
  std::string before;
  {
    OpenDatabase db(quiet_options(folder.path()));
    work(db, random, 100);
    before = describe(*db);
  }
  const std::string index = index_of(folder.path());
  const std::string checkpoint = folder.path() + "/checkpoint";
  SECTION("no index") { fs::remove(index); }
  SECTION("no checkpoint") { fs::remove(checkpoint); }
  SECTION("neither") {
    fs::remove(index);
    fs::remove(checkpoint);
  }
  SECTION("garbage for an index") { write_whole(index, std::string(100'000, 'g')); }
  SECTION("empty index") { write_whole(index, ""); }
  SECTION("zeros for an index") { write_whole(index, std::string(1 << 20, '\0')); }
  SECTION("garbage for a checkpoint") { write_whole(checkpoint, std::string(9000, 'g')); }
  SECTION("damaged checkpoint") {
    std::string bytes = read_whole(checkpoint);
    bytes[bytes.size() / 2] ^= 1;
    write_whole(checkpoint, bytes);
  }
  SECTION("index cut short") { fs::resize_file(index, 4096); }
  OpenDatabase db(quiet_options(folder.path()));
  CHECK(describe(*db) == before);
  require_whole(*db);
  db.append(db.folder("INBOX"), {"and on"});
}

TEST_CASE("recovery: after a power loss every page may be of any time since the checkpoint") {
  const std::uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  TempFolder folder;
  TempFolder crashed;
  std::vector<std::string> images;  // of the index, the first one as the checkpoint synced it
  std::string before;
  {
    {
      OpenDatabase db(quiet_options(folder.path()));
    }
    OpenDatabase db(quiet_options(folder.path()), boot("one"));
    images.push_back(read_whole(index_of(folder.path())));
    for (int i = 0; i < 4; ++i) {
      work(db, random, 60);
      images.push_back(read_whole(index_of(folder.path())));
    }
    before = describe(*db);
    copy_folder(folder.path(), crashed.path());
  }
  for (int round = 0; round < 20; ++round) {
    CAPTURE(round);
    TempFolder again;
    copy_folder(crashed.path(), again.path());
    std::string mixed = images.back();
    for (std::size_t page = 0; page < mixed.size() / 4096; ++page) {
      const std::string& from = images[random() % images.size()];
      if ((page + 1) * 4096 > from.size()) continue;
      mixed.replace(page * 4096, 4096, from, page * 4096, 4096);
    }
    write_whole(index_of(again.path()), mixed);
    OpenDatabase db(quiet_options(again.path()), boot("two"));
    REQUIRE(describe(*db) == before);
    require_whole(*db);
  }
}

TEST_CASE("recovery: after a process crash the log behind the index is replayed") {
  std::mt19937_64 random(3);
  TempFolder folder;
  TempFolder crashed;
  std::string before;
  {
    OpenDatabase db(quiet_options(folder.path()), boot("one"));
    work(db, random, 50);
    fs::copy_file(index_of(folder.path()), index_of(crashed.path()));
    work(db, random, 50);
    before = describe(*db);
    fs::copy_file(folder.path() + "/checkpoint", crashed.path() + "/checkpoint");
    fs::copy_file(folder.path() + "/database", crashed.path() + "/database");
    fs::copy(folder.path() + "/log", crashed.path() + "/log");
  }
  OpenDatabase db(quiet_options(crashed.path()), boot("one"));
  CHECK(describe(*db) == before);
  require_whole(*db);
}

TEST_CASE("recovery: a torn last record is as if it had never been") {
  TempFolder folder;
  TempFolder crashed;
  std::string before;
  {
    {
      OpenDatabase db(quiet_options(folder.path()));
    }
    OpenDatabase db(quiet_options(folder.path()), boot("one"));
    db.append(db.folder("INBOX"), {"kept"});
    before = describe(*db);
    db.append(db.folder("INBOX"), {"torn away"});
    copy_folder(folder.path(), crashed.path());
  }
  const Tail tail = tail_of(crashed.path());
  const std::string whole = read_whole(tail.segment);
  for (std::uint64_t cut = 0; cut < tail.length; ++cut) {
    CAPTURE(cut);
    std::string torn = whole;
    const std::size_t from = tail.offset + cut;
    // A record may end in bytes that are zero anyway.
    if (std::all_of(torn.begin() + static_cast<std::ptrdiff_t>(from),
                    torn.begin() + static_cast<std::ptrdiff_t>(tail.offset + tail.length),
                    [](char c) { return c == '\0'; }))
      continue;
    std::fill(torn.begin() + static_cast<std::ptrdiff_t>(from),
              torn.begin() + static_cast<std::ptrdiff_t>(tail.offset + tail.length), '\0');
    write_whole(tail.segment, torn);
    const auto extent = scan_log(log_folder(crashed.path()), kDatabaseGuid);
    REQUIRE(extent.has_value());
    REQUIRE(extent->last.value == tail.lsn.value - 1);
    REQUIRE(extent->end == tail.offset);
    if (cut % 40 != 39) continue;
    TempFolder again;
    copy_folder(crashed.path(), again.path());
    OpenDatabase db(quiet_options(again.path()), boot("two"));
    REQUIRE(describe(*db) == before);
    // Nothing of the torn record is left to be read again.
    db.append(db.folder("INBOX"), {"next"});
    require_whole(*db);
    REQUIRE(tail_of(again.path()).lsn == tail.lsn);
  }
}

TEST_CASE("recovery: whole records behind a torn one do not come back") {
  TempFolder folder;
  TempFolder crashed;
  std::vector<std::uint64_t> offsets;
  {
    {
      OpenDatabase db(quiet_options(folder.path()));
    }
    OpenDatabase db(quiet_options(folder.path()), boot("one"));
    for (int i = 0; i < 3; ++i) {
      db.append(db.folder("INBOX"), {"same length"});
      offsets.push_back(tail_of(folder.path()).offset);
    }
    copy_folder(folder.path(), crashed.path());
  }
  const std::string segment = tail_of(crashed.path()).segment;
  std::string bytes = read_whole(segment);
  bytes[offsets[0] + 100] ^= 1;
  write_whole(segment, bytes);
  OpenDatabase db(quiet_options(crashed.path()), boot("two"));
  CHECK(db->snapshot().folder(db.folder("INBOX"))->messages == 0);
  // The new record has the place and length of the torn one.
  db.append(db.folder("INBOX"), {"same length"});
  CHECK(tail_of(crashed.path()).offset == offsets[0]);
  db.database.reset();
  OpenDatabase again(quiet_options(crashed.path()), boot("two"));
  CHECK(again->snapshot().folder(again.folder("INBOX"))->messages == 1);
  require_whole(*again);
}

TEST_CASE("recovery: a log that lost durable records is refused and left alone") {
  TempFolder folder;
  {
    OpenDatabase db(quiet_options(folder.path()));
    db.append(db.folder("INBOX"), {"one"});
    db.append(db.folder("INBOX"), {"two"});
  }
  const Tail tail = tail_of(folder.path());
  std::string bytes = read_whole(tail.segment);
  SECTION("the last one") { bytes.replace(tail.offset, tail.length, tail.length, '\0'); }
  SECTION("all of them") {
    const std::size_t count = tail.offset + tail.length - kSegmentHeaderBytes;
    bytes.replace(kSegmentHeaderBytes, count, count, '\0');
  }
  SECTION("the header") { bytes[20] ^= 1; }
  write_whole(tail.segment, bytes);
  const auto opened = Database::open(quiet_options(folder.path()), test_platform());
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().code == ErrorCode::kCorrupt);
  CHECK(read_whole(tail.segment) == bytes);
}

TEST_CASE("recovery: damage in an older segment is found when it is replayed, and by verify") {
  TempFolder folder;
  OpenOptions options = quiet_options(folder.path());
  options.segment_bytes = 16 * 1024;
  {
    OpenDatabase db(options);
    for (int i = 0; i < 40; ++i) db.append(db.folder("INBOX"), {std::string(2000, 'x')});
    CHECK(db->statistics().log_bytes > 80'000);
  }
  const auto segments = list_segments(log_folder(folder.path()));
  REQUIRE(segments->size() > 3);
  std::string bytes = read_whole(segments->at(1).path);
  bytes[kSegmentHeaderBytes + 1000] ^= 1;
  write_whole(segments->at(1).path, bytes);
  const auto report = verify(folder.path());
  REQUIRE(report.has_value());
  CHECK_FALSE(report->is_whole());
  {
    // The index is whole, so the database opens; the one body is known to be bad.
    OpenDatabase db(options);
    const Snapshot snapshot = db->snapshot();
    int bad = 0;
    snapshot.for_each_message(db.folder("INBOX"), {1, UINT32_MAX}, [&](const Message& message) {
      const auto body = snapshot.body(message.body);
      if (!body) {
        CHECK(body.error().code == ErrorCode::kCorrupt);
        ++bad;
      }
      return true;
    });
    CHECK(bad == 1);
    CHECK(db->verify()->faults.size() == 1);
  }
  fs::remove(index_of(folder.path()));
  const auto opened = Database::open(options, test_platform());
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().code == ErrorCode::kCorrupt);
}

TEST_CASE("recovery: a segment that is missing is an error") {
  TempFolder folder;
  OpenOptions options = quiet_options(folder.path());
  options.segment_bytes = 16 * 1024;
  {
    OpenDatabase db(options);
    for (int i = 0; i < 40; ++i) db.append(db.folder("INBOX"), {std::string(2000, 'x')});
  }
  const auto segments = list_segments(log_folder(folder.path()));
  fs::remove(segments->at(1).path);
  fs::remove(index_of(folder.path()));
  CHECK(Database::open(options, test_platform()).error().code == ErrorCode::kCorrupt);
  fs::remove(segments->at(0).path);
  CHECK(Database::open(options, test_platform()).error().code == ErrorCode::kCorrupt);
}

TEST_CASE("recovery: replaying an index that is ahead of nothing changes nothing") {
  TempFolder folder;
  std::mt19937_64 random(4);
  OpenDatabase first(quiet_options(folder.path()));
  work(first, random, 60);
  const std::string before = describe(*first);
  const std::uint64_t lsn = first->statistics().last_lsn.value;
  first.database.reset();
  for (int i = 0; i < 3; ++i) {
    OpenDatabase db(quiet_options(folder.path()));
    CHECK(describe(*db) == before);
    CHECK(db->statistics().last_lsn.value == lsn);
  }
}

TEST_CASE("recovery: the index does not grow without bound under rewriting") {
  TempFolder folder;
  OpenOptions options = small_options(folder.path());
  options.segment_bytes = 1 << 20;
  options.checkpoint_log_bytes = 32 * 1024;
  OpenDatabase db(options);
  const FolderId inbox = db.folder("INBOX");
  db.append(inbox, std::vector<std::string>(100, "x"));
  FlagChange change;
  change.uids = {{1, 100}};
  change.flags = kSeen;
  std::uint64_t most = 0;
  for (int i = 0; i < 4000; ++i) {
    change.mode = i % 2 == 0 ? FlagMode::kAdd : FlagMode::kRemove;
    REQUIRE(wait_for(db->change_flags({}, inbox, change))->changed.count() == 100);
    most = std::max(most, db->statistics().index_bytes);
  }
  // Without checkpoints giving pages back it would be about 130 MiB by now.
  CHECK(most < 40ULL << 20);
  CHECK(db->statistics().checkpoint_lsn > Lsn(1000));
  require_whole(*db);
}

TEST_CASE("dump: the log as lines") {
  TempFolder folder;
  OpenDatabase db(quiet_options(folder.path()));
  db.append(db.folder("INBOX"), {"secret content"});
  std::string all;
  REQUIRE(dump_log(folder.path(), Lsn(1), Lsn(100), [&](std::string_view line) {
            all += std::string(line) + '\n';
          }).has_value());
  CHECK(all.find("record lsn=1 epoch=1") == 0);
  CHECK(all.find("create-mailbox id=1 guid=" + kAnna.to_string()) != std::string::npos);
  CHECK(all.find("add-message folder=1 uid=1 size=14") != std::string::npos);
  CHECK(all.find("secret") == std::string::npos);
  std::string one;
  REQUIRE(dump_log(folder.path(), Lsn(2), Lsn(2), [&](std::string_view line) {
            one += std::string(line) + '\n';
          }).has_value());
  CHECK(one.find("record lsn=2") == 0);
  CHECK(one.find("record lsn=1") == std::string::npos);
}
