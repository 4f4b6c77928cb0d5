// Compaction: what is dead goes, what lives stays, whoever is reading.
#include "store/compaction.h"

#include <atomic>
#include <random>
#include <thread>

#include "fault_disk.h"
#include "fixture.h"
#include "store/image.h"
#include "store/log_reader.h"
#include "store/recovery.h"

using namespace hauspost;
using namespace hauspost::store;
using namespace hauspost::store::test;
namespace fs = std::filesystem;

namespace {

OpenOptions compact_options(const std::string& path) {
  OpenOptions options = small_options(path);
  options.segment_bytes = 16 * 1024;
  options.checkpoint_interval = std::chrono::hours(1);
  return options;
}

std::string text(int number) {
  return "message " + std::to_string(number) + std::string(1000 + number % 7 * 100, '.');
}

void fill(OpenDatabase& db, int from, int to) {
  for (int i = from; i < to; ++i) db.append(db.folder("INBOX"), {text(i)});
}

// Leaves every tenth message.
void thin_out(OpenDatabase& db) {
  UidSet gone;
  for (const std::uint32_t uid : db->snapshot().uids(db.folder("INBOX")))
    if (uid % 10 != 0) gone.add(uid);
  REQUIRE(wait_for(db->expunge({}, db.folder("INBOX"), gone, false)).has_value());
}

CompactReport compact(Database& database, CompactOptions options = {}) {
  Progress progress;
  auto report = database.compact(options, progress);
  if (!report) FAIL(report.error().text);
  return *std::move(report);
}

std::uint64_t log_bytes(const std::string& path) {
  std::uint64_t bytes = 0;
  const auto segments = list_segments(log_folder(path));
  for (const SegmentFile& file : *segments) bytes += file.bytes;
  return bytes;
}

}  // namespace

TEST_CASE("compaction: drops dead segments and keeps every message", "[compaction]") {
  TempFolder folder;
  const OpenOptions options = compact_options(folder.path());
  std::string before;
  {
    OpenDatabase db(options);
    fill(db, 0, 200);
    thin_out(db);
    before = describe(*db);
    const auto had = db->statistics();
    CHECK(had.compactable_bytes > had.log_bytes / 2);
    CHECK(had.image_bytes == 0);
    const CompactReport report = compact(*db);
    CHECK(report.segments_dropped > 10);
    CHECK(report.segments_waiting == 0);
    CHECK(report.bodies_moved == 20);
    CHECK(report.faults.empty());
    CHECK(report.bytes_freed > 200'000);
    CHECK(describe(*db) == before);
    require_whole(*db);
    const auto now = db->statistics();
    CHECK(now.log_bytes + report.bytes_freed >= had.log_bytes);
    CHECK(now.log_bytes < had.log_bytes / 3);
    CHECK(now.log_bytes == log_bytes(folder.path()));
    CHECK(now.live_body_bytes == had.live_body_bytes);
    CHECK(now.dead_body_bytes < had.dead_body_bytes / 5);
    CHECK(now.image_lsn > Lsn());
    // There is nothing left to do.
    CHECK(compact(*db).segments_dropped <= 1);
    fill(db, 200, 210);
    before = describe(*db);
  }
  CHECK(list_segments(log_folder(folder.path()))->front().first_lsn != Lsn(1));
  const auto report = verify(folder.path());
  REQUIRE(report.has_value());
  for (const std::string& fault : report->faults) FAIL_CHECK(fault);
  CHECK(report->is_whole());
  CHECK(report->index_checked);
  {
    OpenDatabase db(options);
    CHECK(describe(*db) == before);
  }
  SECTION("a lost index comes back from the image and the log behind it") {
    fs::remove(folder.path() + "/index.mdb");
    OpenDatabase db(options);
    CHECK(describe(*db) == before);
    require_whole(*db);
    fill(db, 300, 310);
    require_whole(*db);
  }
  SECTION("without the image it cannot, and says so") {
    fs::remove(folder.path() + "/index.mdb");
    fs::remove(folder.path() + "/image");
    const auto opened = Database::open(options, test_platform());
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error().code == ErrorCode::kCorrupt);
    CHECK(opened.error().text.find("image") != std::string::npos);
  }
  SECTION("verify misses an image that is gone, and sees damage in it") {
    std::string image = read_whole(folder.path() + "/image");
    image[image.size() / 2] ^= 1;
    write_whole(folder.path() + "/image", image);
    CHECK_FALSE(verify(folder.path())->is_whole());
    fs::remove(folder.path() + "/image");
    CHECK_FALSE(verify(folder.path())->is_whole());
  }
  SECTION("a damaged image is not used") {
    fs::remove(folder.path() + "/index.mdb");
    std::string image = read_whole(folder.path() + "/image");
    image[image.size() / 2] ^= 1;
    write_whole(folder.path() + "/image", image);
    const auto opened = Database::open(options, test_platform());
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error().code == ErrorCode::kCorrupt);
  }
}

TEST_CASE("compaction: readers that began before keep their bodies", "[compaction]") {
  TempFolder folder;
  OpenDatabase db(compact_options(folder.path()));
  fill(db, 0, 100);
  const FolderId inbox = db.folder("INBOX");
  std::optional<Snapshot> old(db->snapshot());
  const auto body = old->body(old->message(inbox, Uid(1))->body);
  thin_out(db);
  std::thread release([&old] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    old.reset();
  });
  const auto begun = std::chrono::steady_clock::now();
  const CompactReport report = compact(*db);
  CHECK(std::chrono::steady_clock::now() - begun >= std::chrono::milliseconds(150));
  release.join();
  CHECK(report.segments_waiting == 0);
  CHECK(report.segments_dropped > 5);
  // Its segment is gone, its bytes are not.
  CHECK(body->bytes == text(0));
  require_whole(*db);
}

TEST_CASE("compaction: readers of an index that was replaced keep their bodies", "[compaction]") {
  TempFolder folder;
  OpenDatabase db(compact_options(folder.path()));
  fill(db, 0, 100);
  std::optional<Snapshot> old(db->snapshot());
  CompactOptions shrink;
  shrink.below_percent = 0;
  shrink.always_shrink = true;
  REQUIRE(compact(*db, shrink).index_shrunk);
  thin_out(db);
  std::thread release([&old] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    old.reset();
  });
  const auto begun = std::chrono::steady_clock::now();
  const CompactReport report = compact(*db);
  CHECK(std::chrono::steady_clock::now() - begun >= std::chrono::milliseconds(150));
  release.join();
  CHECK(report.segments_dropped > 5);
  CHECK(report.segments_waiting == 0);
  require_whole(*db);
}

TEST_CASE("compaction: files go although changes go on", "[compaction]") {
  TempFolder folder;
  OpenDatabase db(compact_options(folder.path()));
  fill(db, 0, 100);
  thin_out(db);
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (int i = 100; !stop; ++i) fill(db, i, i + 1);
  });
  Progress progress;
  const auto report = db->compact({}, progress);
  stop = true;
  writer.join();
  REQUIRE(report.has_value());
  CHECK(report->segments_dropped > 5);
  CHECK(report->segments_waiting == 0);
  require_whole(*db);
}

TEST_CASE("compaction: a held log keeps its segments until it is let go", "[compaction]") {
  TempFolder folder;
  OpenDatabase db(compact_options(folder.path()));
  fill(db, 0, 100);
  thin_out(db);
  const std::string before = describe(*db);
  const std::uint64_t bytes = log_bytes(folder.path());
  {
    const auto hold = db->hold_log();
    const CompactReport report = compact(*db);
    CHECK(report.segments_dropped > 5);
    CHECK(report.segments_waiting == report.segments_dropped);
    CHECK(log_bytes(folder.path()) >= bytes);
  }
  const CompactReport report = compact(*db);
  CHECK(report.segments_waiting == 0);
  CHECK(report.bytes_freed > bytes / 2);
  CHECK(log_bytes(folder.path()) < bytes / 2);
  CHECK(describe(*db) == before);
  require_whole(*db);
}

TEST_CASE("compaction: segments that were dropped but not removed go at the next mount",
          "[compaction]") {
  TempFolder folder;
  const OpenOptions options = compact_options(folder.path());
  std::string before;
  {
    OpenDatabase db(options);
    fill(db, 0, 100);
    thin_out(db);
    const auto hold = db->hold_log();
    CHECK(compact(*db).segments_waiting > 5);
    before = describe(*db);
  }
  const std::uint64_t bytes = log_bytes(folder.path());
  OpenDatabase db(options);
  CHECK(log_bytes(folder.path()) < bytes / 2);
  CHECK(describe(*db) == before);
  require_whole(*db);
}

TEST_CASE("compaction: young segments stay, a dry run changes nothing", "[compaction]") {
  TempFolder folder;
  OpenOptions options = compact_options(folder.path());
  options.keep_log = std::chrono::hours(24);
  OpenDatabase db(options);
  fill(db, 0, 100);
  thin_out(db);
  const std::uint64_t bytes = log_bytes(folder.path());
  const CompactReport young = compact(*db);
  CHECK(young.segments_dropped == 0);
  CHECK(young.segments_young > 5);
  db.database.reset();
  options.keep_log = {};
  OpenDatabase again(options);
  CompactOptions dry;
  dry.dry_run = true;
  const CompactReport would = compact(*again, dry);
  CHECK(would.segments_dropped > 5);
  CHECK(would.bytes_freed > 50'000);
  CHECK(log_bytes(folder.path()) >= bytes);
  const CompactReport did = compact(*again);
  CHECK(did.segments_dropped >= would.segments_dropped);
}

TEST_CASE("compaction: a body that cannot be read keeps its segment and is named", "[compaction]") {
  TempFolder folder;
  OpenDatabase db(compact_options(folder.path()));
  fill(db, 0, 100);
  thin_out(db);
  const Snapshot snapshot = db->snapshot();
  const auto message = snapshot.message(db.folder("INBOX"), Uid(10));
  // Its bytes in the file, found by what they say.
  const std::string wanted = text(9).substr(0, 200);
  bool flipped = false;
  const auto segments = list_segments(log_folder(folder.path()));
  for (const SegmentFile& file : *segments) {
    std::string bytes = read_whole(file.path);
    const std::size_t at = bytes.find(wanted);
    if (at == std::string::npos) continue;
    std::fstream out(file.path, std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(static_cast<std::streamoff>(at + 100));
    out.put('X');
    flipped = true;
  }
  REQUIRE(flipped);
  const CompactReport report = compact(*db);
  REQUIRE(report.faults.size() == 1);
  CHECK(report.faults[0].find("body " + std::to_string(message->body.value)) != std::string::npos);
  CHECK(report.segments_dropped > 3);
  CHECK(db->snapshot().body(message->body).error().code == ErrorCode::kCorrupt);
  CHECK(db->snapshot().body(db->snapshot().message(db.folder("INBOX"), Uid(20))->body)->bytes ==
        text(19));
}

TEST_CASE("compaction: an index of free pages shrinks while sessions read and write",
          "[compaction]") {
  TempFolder folder;
  OpenOptions options = compact_options(folder.path());
  options.segment_bytes = 1 << 20;
  options.checkpoint_log_bytes = 1 << 20;
  std::string before;
  {
    OpenDatabase db(options);
    const FolderId inbox = db.folder("INBOX");
    const FolderId sent = db.folder("Sent");
    for (int i = 0; i < 60; ++i) {
      std::vector<NewMessage> messages;
      for (int j = 0; j < 100; ++j) {
        messages.push_back(message_of("x"));
        messages.back().annotation = std::string(1500, 'a');
      }
      REQUIRE(wait_for(db->append({}, inbox, std::move(messages))).has_value());
    }
    REQUIRE(wait_for(db->expunge({}, inbox, {{1, 5900}}, false)).has_value());
    const auto had = db->statistics();
    CHECK(had.index_bytes > 8 << 20);
    std::optional<Snapshot> old(db->snapshot());
    std::atomic<bool> stop = false;
    std::atomic<int> written = 0;
    std::thread writing([&] {
      while (!stop) {
        if (wait_for(db->append({}, sent, {message_of("meanwhile")}))) ++written;
      }
    });
    const CompactReport report = compact(*db);
    stop = true;
    writing.join();
    CHECK(report.index_shrunk);
    CHECK(report.index_bytes_after < report.index_bytes_before / 4);
    // The old view still stands, on the old file.
    CHECK(old->folder(inbox)->messages == 100);
    CHECK(old->annotation(inbox, Uid(5950)).size() == 1500);
    CHECK(old->folder(sent)->messages == 0);
    old.reset();
    CHECK(db->snapshot().folder(sent)->messages == static_cast<std::uint32_t>(written));
    CHECK(db->statistics().index_bytes < had.index_bytes / 4);
    CHECK(fs::file_size(folder.path() + "/index.mdb") < had.index_bytes / 2);
    require_whole(*db);
    db.append(inbox, {"after"});
    before = describe(*db);
    // Once more: the second replacement has nothing of the first to share.
    CompactOptions again;
    again.below_percent = 0;
    CHECK_FALSE(compact(*db, again).index_shrunk);
    require_whole(*db);
  }
  OpenDatabase db(options);
  CHECK(describe(*db) == before);
  require_whole(*db);
}

TEST_CASE("compaction: goes by itself when enough is dead", "[compaction]") {
  TempFolder folder;
  OpenOptions options = compact_options(folder.path());
  options.compact_interval = std::chrono::milliseconds(20);
  options.compact_bytes_per_second = 0;
  OpenDatabase db(options);
  fill(db, 0, 100);
  thin_out(db);
  const std::string before = describe(*db);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (list_segments(log_folder(folder.path()))->front().first_lsn == Lsn(1) &&
         std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  CHECK(list_segments(log_folder(folder.path()))->front().first_lsn != Lsn(1));
  CHECK(describe(*db) == before);
  require_whole(*db);
}

TEST_CASE("compaction: can be stopped at any point and begun again", "[compaction]") {
  TempFolder folder;
  OpenDatabase db(compact_options(folder.path()));
  fill(db, 0, 100);
  thin_out(db);
  const std::string before = describe(*db);
  CompactOptions slow;
  slow.bytes_per_second = 20'000;
  Progress progress;
  std::thread canceller([&progress] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    progress.cancel();
  });
  const auto stopped = db->compact(slow, progress);
  canceller.join();
  REQUIRE_FALSE(stopped.has_value());
  CHECK(stopped.error().code == ErrorCode::kCancelled);
  CHECK(describe(*db) == before);
  require_whole(*db);
  CHECK(compact(*db).segments_dropped > 5);
  CHECK(describe(*db) == before);
  require_whole(*db);
}
