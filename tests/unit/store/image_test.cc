#include "store/image.h"

#include <thread>

#include "fixture.h"
#include "store/checkpoint.h"

using namespace hauspost;
using namespace hauspost::store;
using namespace hauspost::store::test;

namespace {

namespace fs = std::filesystem;

ImageInfo image_of(const Database& database, const std::string& path) {
  Throttle throttle(0);
  Progress progress;
  auto info = database.write_image(path, throttle, progress);
  if (!info) FAIL(info.error().text);
  return *info;
}

void fill(OpenDatabase& db, int messages) {
  for (int i = 0; i < messages; ++i)
    db.append(db.folder("INBOX"), {fmt::format("message {}", i)}, i % 3 == 0 ? kSeen : 0);
}

Result<ImageInfo> check(const std::string& path) {
  Progress progress;
  return check_image(path, progress);
}

}  // namespace

TEST_CASE("image: an index comes back from it as it was", "[image]") {
  TempFolder folder;
  const std::string path = folder.path() + "/db";
  const std::string image = folder.path() + "/image";
  std::string before;
  {
    OpenDatabase db(small_options(path));
    fill(db, 300);
    before = describe(*db);
    const ImageInfo info = image_of(*db, image);
    CHECK(info.database == kDatabaseGuid);
    CHECK(info.lsn == db->statistics().last_lsn);
    CHECK(info.bytes == fs::file_size(image));
    CHECK(info.epoch == 1);
  }
  fs::remove(path + "/index.mdb");
  fs::remove(path + "/checkpoint");
  Progress progress;
  const auto restored = restore_image(test_platform(), image, path, kDatabaseGuid, progress);
  REQUIRE(restored.has_value());
  CHECK(progress.done() == restored->index_bytes);
  const OpenDatabase db(small_options(path));
  CHECK(describe(*db) == before);
  require_whole(*db);
}

TEST_CASE("image: the log behind it completes the index", "[image]") {
  TempFolder folder;
  const std::string path = folder.path() + "/db";
  const std::string image = folder.path() + "/image";
  std::string before;
  Lsn last;
  {
    OpenDatabase db(small_options(path));
    fill(db, 50);
    image_of(*db, image);
    fill(db, 70);
    (void)wait_for(db->expunge({}, db.folder("INBOX"), {{10, 60}}, false));
    before = describe(*db);
    last = db->statistics().last_lsn;
  }
  Progress progress;
  const auto restored = restore_image(test_platform(), image, path, kDatabaseGuid, progress);
  REQUIRE(restored.has_value());
  CHECK(restored->lsn < last);
  const OpenDatabase db(small_options(path));
  CHECK(db->statistics().last_lsn == last);
  CHECK(describe(*db) == before);
  require_whole(*db);
}

TEST_CASE("image: shows one moment while changes go on", "[image]") {
  TempFolder folder;
  const std::string path = folder.path() + "/db";
  OpenDatabase db(small_options(path));
  fill(db, 100);
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    while (!stop) fill(db, 5);
  });
  for (int i = 0; i < 10; ++i) {
    const std::string image = fmt::format("{}/image{}", folder.path(), i);
    const ImageInfo info = image_of(*db, image);
    const std::string other = fmt::format("{}/copy{}", folder.path(), i);
    fs::create_directory(other);
    Progress progress;
    REQUIRE(restore_image(test_platform(), image, other, kDatabaseGuid, progress).has_value());
    const auto index = Index::open(other + "/index.mdb", 1ULL << 30, true);
    REQUIRE(index.has_value());
    const auto txn = index->environment->read();
    const auto state = read_state(*txn, *index);
    REQUIRE(state.has_value());
    CHECK(state->applied == info.lsn);
    SegmentCache segments(path + "/log");
    VerifyReport report;
    REQUIRE(verify_index(*txn, *index, segments, report).has_value());
    CHECK(report.faults.empty());
    CHECK(report.messages == state->messages);
  }
  stop = true;
  writer.join();
}

TEST_CASE("image: any changed byte is found", "[image]") {
  TempFolder folder;
  const std::string image = folder.path() + "/image";
  {
    OpenDatabase db(small_options(folder.path() + "/db"));
    fill(db, 20);
    image_of(*db, image);
  }
  const std::string whole = read_whole(image);
  REQUIRE(check(image).has_value());
  // Every byte of the end, some of the rest.
  for (std::size_t at = 0; at < whole.size(); at += at + 256 < whole.size() ? 997 : 1) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    write_whole(image, flipped);
    const auto checked = check(image);
    INFO("byte " << at << " of " << whole.size());
    REQUIRE_FALSE(checked.has_value());
    CHECK(checked.error().code == ErrorCode::kCorrupt);
    CHECK(checked.error().text.find(image) != std::string::npos);
    Progress progress;
    CHECK_FALSE(
        restore_image(test_platform(), image, folder.path(), kDatabaseGuid, progress).has_value());
    CHECK_FALSE(fs::exists(folder.path() + "/checkpoint"));
  }
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{71}, whole.size() / 2, whole.size() - 1}) {
    write_whole(image, whole.substr(0, length));
    CHECK_FALSE(check(image).has_value());
    CHECK_FALSE(read_image_info(image).has_value());
  }
}

TEST_CASE("image: the index may become another database's", "[image]") {
  TempFolder folder;
  const std::string image = folder.path() + "/image";
  {
    OpenDatabase db(small_options(folder.path() + "/db"));
    fill(db, 20);
    image_of(*db, image);
  }
  const Guid other = numbered_guid(7);
  Progress progress;
  const auto restored = restore_image(test_platform(), image, folder.path(), other, progress);
  REQUIRE(restored.has_value());
  const auto index = Index::open(folder.path() + "/index.mdb", 1ULL << 30, true);
  REQUIRE(index.has_value());
  const auto txn = index->environment->read();
  CHECK(read_state(*txn, *index)->database == other);
  const auto checkpoint = decode_checkpoint(read_whole(folder.path() + "/checkpoint"));
  REQUIRE(checkpoint.has_value());
  CHECK(checkpoint->database == other);
  CHECK(checkpoint->clean);
}

TEST_CASE("image: one that is stopped leaves the one before", "[image]") {
  TempFolder folder;
  const std::string image = folder.path() + "/image";
  OpenDatabase db(small_options(folder.path() + "/db"));
  fill(db, 20);
  const ImageInfo first = image_of(*db, image);
  fill(db, 20);
  Progress progress;
  progress.cancel();
  Throttle throttle(0);
  const auto stopped = db->write_image(image, throttle, progress);
  REQUIRE_FALSE(stopped.has_value());
  CHECK(stopped.error().code == ErrorCode::kCancelled);
  CHECK(check(image)->lsn == first.lsn);
  CHECK_FALSE(fs::exists(image + ".new"));
  // And nothing of it hinders the database.
  fill(db, 5);
  CHECK(image_of(*db, image).lsn > first.lsn);
}

TEST_CASE("image: a throttle holds the copy to its rate", "[image]") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path() + "/db"));
  Throttle throttle(20 << 20);
  Progress progress;
  const auto started = std::chrono::steady_clock::now();
  for (int i = 0; i < 10; ++i) REQUIRE(throttle.spend(1 << 20, progress).has_value());
  const auto took = std::chrono::steady_clock::now() - started;
  CHECK(took > std::chrono::milliseconds(350));  // 500 ms, less the tenth of a second ahead
  progress.cancel();
  CHECK(throttle.spend(1 << 20, progress).error().code == ErrorCode::kCancelled);
}
