#include "store/scan.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>

#include "store/files.h"
#include "store/image.h"
#include "store/log_format.h"
#include "store/rebuild.h"
#include "store/recovery.h"
#include "store/scan_state.h"
#include "tests/unit/store/fixture.h"

using namespace hauspost;
using namespace hauspost::store;
using namespace hauspost::store::test;
namespace fs = std::filesystem;

namespace {

// 64 KiB segments, so that thirty messages of 8 KiB cross several.
OpenOptions options_of(const std::string& path) {
  OpenOptions options = small_options(path);
  options.segment_bytes = 64 * 1024;
  return options;
}

std::string text_of_message(int number) {
  return "Subject: " + std::to_string(number) + "\r\n\r\n" +
         std::string(8000, static_cast<char>('a' + number % 26)) + "\r\n";
}

struct Place {
  std::string file;
  std::size_t offset = 0;
};

// Where in the log a text is.
Place find_in_log(const std::string& folder, const std::string& text) {
  const auto segments = list_segments(log_folder(folder));
  REQUIRE(segments.has_value());
  for (const SegmentFile& segment : *segments) {
    const std::size_t at = read_whole(segment.path).find(text);
    if (at != std::string::npos) return {segment.path, at};
  }
  FAIL("the text is not in the log");
  return {};
}

void flip(const Place& place) {
  std::string bytes = read_whole(place.file);
  bytes[place.offset] = static_cast<char>(bytes[place.offset] ^ 0x40);
  std::fstream out(place.file, std::ios::in | std::ios::out | std::ios::binary);
  out.seekp(static_cast<std::streamoff>(place.offset));
  out.put(bytes[place.offset]);
}

void fill(OpenDatabase& db, int count) {
  REQUIRE(wait_for(db->create_folder({}, db.mailbox, "Work/Plans", SpecialUse::kNone)));
  for (int i = 0; i < count; ++i)
    db.append(db.folder(i % 2 == 0 ? "INBOX" : "Work/Plans"), {text_of_message(i)});
}

ScanReport scanned(const Database& database, ScanOptions options = {}) {
  Progress progress;
  auto report = database.scan(options, progress);
  REQUIRE(report.has_value());
  return *std::move(report);
}

}  // namespace

TEST_CASE("scan: a whole log has no damage and every record is read") {
  TempFolder folder;
  OpenDatabase db(options_of(folder.path()));
  fill(db, 30);
  const ScanReport report = scanned(*db.database);
  for (const Damage& damage : report.damage) FAIL_CHECK(describe(damage));
  CHECK(report.records == db->statistics().last_lsn.value);
  CHECK(report.at_end);
  Progress progress;
  const auto verified = db->verify(progress);
  REQUIRE(verified.has_value());
  CHECK(verified->is_whole());
  CHECK(verified->messages == 30);
}

TEST_CASE("scan: a flipped byte is found and named by mailbox, folder and UID") {
  TempFolder folder;
  OpenDatabase db(options_of(folder.path()));
  fill(db, 30);
  const int number = GENERATE(0, 13, 29);
  CAPTURE(number);
  flip(find_in_log(folder.path(), text_of_message(number).substr(0, 100)));
  const ScanReport report = scanned(*db.database);
  REQUIRE(report.damage.size() == 1);
  const Damage& damage = report.damage.front();
  CHECK(damage.what.find("fails its CRC") != std::string::npos);
  REQUIRE(damage.messages.size() == 1);
  const DamagedMessage& message = damage.messages.front();
  CHECK(message.label == "anna@example.org");
  CHECK(message.mailbox == kAnna);
  CHECK(message.folder == (number % 2 == 0 ? "INBOX" : "Work/Plans"));
  CHECK(message.uid.value == static_cast<std::uint32_t>(number / 2 + 1));
  CHECK(report.records + 1 == db->statistics().last_lsn.value);
  const auto rest = read_damaged(log_folder(folder.path()), message);
  REQUIRE(rest.has_value());
  CHECK(rest->size() == text_of_message(number).size());
}

TEST_CASE("scan: all copies of a damaged body are named, and only they") {
  TempFolder folder;
  OpenDatabase db(options_of(folder.path()));
  fill(db, 6);
  REQUIRE(wait_for(db->copy({}, db.folder("INBOX"), {{2, 2}}, db.folder("Work/Plans"))));
  flip(find_in_log(folder.path(), text_of_message(2).substr(0, 100)));
  const ScanReport report = scanned(*db.database);
  REQUIRE(report.damage.size() == 1);
  REQUIRE(report.damage.front().messages.size() == 2);
  CHECK(report.damage.front().messages[0].folder != report.damage.front().messages[1].folder);
}

TEST_CASE("scan: damage outside of bodies hurts no message") {
  TempFolder folder;
  OpenDatabase db(options_of(folder.path()));
  fill(db, 6);
  Place place = find_in_log(folder.path(), "anna@example.org");
  flip(place);
  const ScanReport report = scanned(*db.database);
  REQUIRE(report.damage.size() == 1);
  CHECK(report.damage.front().messages.empty());
  CHECK(report.damage.front().lsn == Lsn(1));
  CHECK(report.damage.front().behind == Lsn(2));
}

TEST_CASE("scan: two damaged messages in two segments are two findings") {
  TempFolder folder;
  OpenDatabase db(options_of(folder.path()));
  fill(db, 30);
  flip(find_in_log(folder.path(), text_of_message(3).substr(0, 100)));
  flip(find_in_log(folder.path(), text_of_message(25).substr(0, 100)));
  std::vector<std::string> told;
  ScanOptions options;
  options.found = [&](Damage& damage) { told.push_back(describe(damage)); };
  const ScanReport report = scanned(*db.database, options);
  REQUIRE(report.damage.size() == 2);
  REQUIRE(told.size() == 2);
  CHECK(told[0].find("message 2 in Work/Plans of anna@example.org") != std::string::npos);
  CHECK(told[1].find("message 13 in Work/Plans of anna@example.org") != std::string::npos);
}

TEST_CASE("scan: it goes on where it was, segment by segment") {
  TempFolder folder;
  OpenDatabase db(options_of(folder.path()));
  fill(db, 30);
  std::uint64_t records = 0;
  int rounds = 0;
  ScanOptions options;
  options.one_segment = true;
  for (bool end = false; !end; ++rounds) {
    REQUIRE(rounds < 100);
    const ScanReport report = scanned(*db.database, options);
    CHECK(report.damage.empty());
    records += report.records;
    options.from = report.next;
    end = report.at_end;
  }
  CHECK(rounds > 3);
  CHECK(records == db->statistics().last_lsn.value);
}

TEST_CASE("scan: it goes on in the middle of a segment") {
  TempFolder folder;
  OpenDatabase db(options_of(folder.path()));
  fill(db, 30);
  std::vector<ScanPosition> places;
  ScanOptions first;
  first.passed = [&](const ScanPosition& position, std::uint64_t) { places.push_back(position); };
  const std::uint64_t all = scanned(*db.database, first).records;
  REQUIRE(places.size() > 10);
  ScanOptions second;
  second.from = places[9];
  const ScanReport rest = scanned(*db.database, second);
  CHECK(rest.damage.empty());
  CHECK(rest.records < all);
  CHECK(rest.records > 0);
}

TEST_CASE("scan: a segment that is gone or cut is damage") {
  TempFolder folder;
  std::string middle;
  {
    OpenDatabase db(options_of(folder.path()));
    fill(db, 30);
    const auto segments = list_segments(log_folder(folder.path()));
    REQUIRE(segments->size() > 3);
    middle = (*segments)[1].path;
    SECTION("gone") { fs::remove(middle); }
    SECTION("cut") { fs::resize_file(middle, 20'000); }
    const ScanReport report = scanned(*db.database);
    REQUIRE(!report.damage.empty());
    std::size_t named = 0;
    for (const Damage& damage : report.damage) named += damage.messages.size();
    UNSCOPED_INFO(describe(report.damage.front()));
    CHECK((!fs::exists(middle) || named > 0));
  }
  Progress progress;
  const auto verified = verify(folder.path(), progress);
  REQUIRE(verified.has_value());
  CHECK(!verified->is_whole());
}

TEST_CASE("scan: mail in a segment that is gone is missed although an image covers its records") {
  TempFolder folder;
  Progress progress;
  {
    OpenDatabase db(options_of(folder.path()));
    fill(db, 30);
    Throttle throttle(0);
    const std::string image = folder.path() + "/" + std::string(kImageFile);
    REQUIRE(db->write_image(image, throttle, progress).has_value());
    CHECK(db->verify(progress)->is_whole());
    const auto segments = list_segments(log_folder(folder.path()));
    REQUIRE(segments->size() > 3);
    fs::remove((*segments)[1].path);
    const auto verified = db->verify(progress);
    REQUIRE(verified.has_value());
    CHECK(!verified->faults.empty());
  }
  const auto verified = verify(folder.path(), progress);
  REQUIRE(verified.has_value());
  CHECK(!verified->faults.empty());
}

TEST_CASE("scan: a closed database is looked at as well") {
  TempFolder folder;
  {
    OpenDatabase db(options_of(folder.path()));
    fill(db, 10);
  }
  Progress progress;
  auto before = verify(folder.path(), progress);
  REQUIRE(before.has_value());
  for (const Damage& damage : before->damage) FAIL_CHECK(describe(damage));
  CHECK(before->is_whole());
  CHECK(before->index_checked);
  flip(find_in_log(folder.path(), text_of_message(4).substr(0, 100)));
  auto after = verify(folder.path(), progress);
  REQUIRE(after.has_value());
  REQUIRE(after->damage.size() == 1);
  REQUIRE(after->damage.front().messages.size() == 1);
  CHECK(after->damage.front().messages.front().uid == Uid(3));
}

TEST_CASE("scan: it ends when it is told to") {
  TempFolder folder;
  OpenDatabase db(options_of(folder.path()));
  fill(db, 4);
  Progress progress;
  progress.cancel();
  const auto report = db->scan({}, progress);
  REQUIRE(!report.has_value());
  CHECK(report.error().code == ErrorCode::kCancelled);
}

TEST_CASE("scan state: what is written is read, and damage is a new state") {
  TempFolder folder;
  ScanState state;
  state.started_s = 100;
  state.finished_s = 50;
  state.under_way = true;
  state.position = {Lsn(7), 4711};
  state.bytes = 99;
  state.damage = {"one", "two"};
  state.before = {"three"};
  REQUIRE(write_scan_state(real_disk(), folder.path(), state));
  const ScanState read = read_scan_state(folder.path());
  CHECK(read.position.segment == Lsn(7));
  CHECK(read.position.offset == 4711);
  CHECK(read.damage == state.damage);
  CHECK(read.before == state.before);
  CHECK(encode(read) == encode(state));
  std::string bytes = encode(state);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string bad = bytes;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    CHECK(!decode_scan_state(bad).has_value());
    CHECK(!decode_scan_state(std::string_view(bytes).substr(0, at)).has_value());
  }
  write_whole(folder.path() + "/scan", "rubbish");
  CHECK(read_scan_state(folder.path()).started_s == 0);
}

TEST_CASE("rebuild: the index made anew says what the old one said") {
  TempFolder folder;
  std::string before;
  {
    OpenDatabase db(options_of(folder.path()));
    fill(db, 30);
    REQUIRE(wait_for(db->expunge({}, db.folder("INBOX"), {{3, 5}}, false)));
    before = describe(*db);
  }
  Progress progress;
  const auto dry = rebuild_index(options_of(folder.path()), true, progress);
  REQUIRE(dry.has_value());
  CHECK(dry->messages == 0);
  const auto made = rebuild_index(options_of(folder.path()), false, progress);
  if (!made) FAIL(made.error().text);
  CHECK(made->messages == 27);
  CHECK(made->records == dry->records);
  CHECK(!fs::exists(folder.path() + "/index.mdb.before-rebuild"));
  OpenDatabase db(options_of(folder.path()));
  CHECK(describe(*db) == before);
}

TEST_CASE("scan: a damaged record in the last segment does not keep the database from opening") {
  TempFolder folder;
  const int number = GENERATE(0, 2, 5);  // the last record of the log is one of them
  {
    OpenDatabase db(options_of(folder.path()));
    fill(db, 6);
    REQUIRE(list_segments(log_folder(folder.path()))->size() == 1);
  }
  Place place = find_in_log(folder.path(), text_of_message(number).substr(0, 100));
  bool in_body = true;
  SECTION("in the body") {}
  SECTION("in the record's header") {
    if (number == 5) return;  // nothing behind it says where the log goes on
    in_body = false;
    const std::string bytes = read_whole(place.file);
    place.offset = bytes.rfind("HPR1", place.offset) + 1;
  }
  flip(place);
  OpenDatabase db(options_of(folder.path()));
  CHECK(db.append(db.folder("INBOX"), {"new"}).size() == 1);
  const ScanReport report = scanned(*db.database);
  REQUIRE(report.damage.size() == 1);
  CHECK(report.damage.front().messages.size() == (in_body ? 1 : 0));
  int readable = 0;
  const Snapshot snapshot = db->snapshot();
  for (const char* path : {"INBOX", "Work/Plans"}) {
    snapshot.for_each_message(db.folder(path), {1, UINT32_MAX}, [&](const Message& message) {
      readable += snapshot.body(message.body) ? 1 : 0;
      return true;
    });
  }
  CHECK(readable == (in_body ? 6 : 7));  // a damaged header hurts no body
}

TEST_CASE("scan: what a message holds is never taken for records of the log") {
  TempFolder folder;
  const std::string subject = "Subject: forged\r\n\r\n";
  std::string before;
  {
    OpenDatabase db(options_of(folder.path()));
    fill(db, 2);
    // Whole records as they would come next, one for each place it may have to be aligned to.
    RecordHeader header;
    header.lsn = Lsn(db->statistics().last_lsn.value + 5);
    header.epoch = db->epoch();
    const auto record = encode_record(header, 0, {}, {}, Lsn(1));
    std::string text = subject;
    for (std::size_t i = 0; i < kRecordAlignment; ++i) {
      text.resize(aligned(text.size()) + i);
      for (const std::string_view piece : record->pieces) text += piece;
    }
    db.append(db.folder("INBOX"), {text});
    for (int i = 2; i < 5; ++i) db.append(db.folder("INBOX"), {text_of_message(i)});
    REQUIRE(list_segments(log_folder(folder.path()))->size() == 1);
    REQUIRE(db->statistics().last_lsn.value + 1 == header.lsn.value);
    before = describe(*db);
  }
  Place place = find_in_log(folder.path(), subject);
  place.offset = read_whole(place.file).rfind("HPR1", place.offset) + 1;
  flip(place);
  for (int i = 0; i < 2; ++i) {
    OpenDatabase db(options_of(folder.path()));
    CHECK(describe(*db) == before);
  }
}

TEST_CASE("rebuild: a damaged log is refused and the index stays") {
  TempFolder folder;
  {
    OpenDatabase db(options_of(folder.path()));
    fill(db, 30);
  }
  flip(find_in_log(folder.path(), text_of_message(4).substr(0, 100)));
  const std::string index = read_whole(folder.path() + "/index.mdb");
  Progress progress;
  const auto made = rebuild_index(options_of(folder.path()), false, progress);
  REQUIRE(!made.has_value());
  CHECK(made.error().code == ErrorCode::kCorrupt);
  CHECK(read_whole(folder.path() + "/index.mdb") == index);
  OpenDatabase db(options_of(folder.path()));
  const auto report = db->verify(progress);
  REQUIRE(report.has_value());
  CHECK(report->faults.empty());
  CHECK(report->damage.size() == 1);
}

TEST_CASE("files: a copy holds the same database, and its old files go") {
  TempFolder folder;
  const std::string from = folder.path() + "/from";
  const std::string to = folder.path() + "/to/deeper";
  fs::create_directory(from);
  std::string before;
  {
    OpenDatabase db(options_of(from));
    fill(db, 20);
    before = describe(*db);
    Progress progress;
    CHECK(copy_database(from, to, kDatabaseGuid, progress).error().code == ErrorCode::kUnavailable);
  }
  Progress progress;
  const auto copied = copy_database(from, to, kDatabaseGuid, progress);
  if (!copied) FAIL(copied.error().text);
  CHECK(copied->files > 3);
  CHECK(!fs::exists(to + "/copying"));
  {
    OpenDatabase db(options_of(to));
    CHECK(describe(*db) == before);
  }
  write_whole(from + "/notes.txt", "mine");
  write_whole(from + "/database.bak", "mine");
  write_whole(from + "/index.mdb.damaged", "moved aside");
  write_whole(from + "/checkpoint.new", "half");
  std::vector<std::string> left;
  const auto deleted = delete_database(from, left, progress);
  REQUIRE(deleted.has_value());
  std::ranges::sort(left);
  CHECK(left == std::vector<std::string>{"database.bak", "notes.txt"});
  CHECK(fs::exists(from + "/notes.txt"));
  CHECK(!fs::exists(from + "/index.mdb.damaged"));
  CHECK(!fs::exists(from + "/checkpoint.new"));
  CHECK(!fs::exists(from + "/log"));
  left.clear();
  fs::remove(from + "/notes.txt");
  fs::remove(from + "/database.bak");
  REQUIRE(delete_database(from, left, progress).has_value());
  CHECK(!fs::exists(from));
  CHECK(delete_database(from, left, progress).has_value());
}

TEST_CASE("files: a folder that holds something is no target, an interrupted copy is") {
  TempFolder folder;
  const std::string from = folder.path() + "/from";
  const std::string to = folder.path() + "/to";
  fs::create_directory(from);
  {
    OpenDatabase db(options_of(from));
  }
  fs::create_directory(to);
  write_whole(to + "/something", "else");
  Progress progress;
  CHECK(copy_database(from, to, kDatabaseGuid, progress).error().code == ErrorCode::kExists);
  CHECK(fs::exists(to + "/something"));
  fs::remove(to + "/something");
  write_whole(to + "/copying", kDatabaseGuid.to_string() + "\n");
  write_whole(to + "/checkpoint", "half");
  CHECK(copy_database(from, to, kDatabaseGuid, progress).has_value());
  OpenDatabase db(options_of(to));
  require_whole(*db);
}

TEST_CASE("files: a copy that is told to end leaves nothing") {
  TempFolder folder;
  const std::string from = folder.path() + "/from";
  const std::string to = folder.path() + "/to";
  fs::create_directory(from);
  {
    OpenDatabase db(options_of(from));
  }
  Progress progress;
  progress.cancel();
  CHECK(copy_database(from, to, kDatabaseGuid, progress).error().code == ErrorCode::kCancelled);
  CHECK(!fs::exists(to));
  OpenDatabase db(options_of(from));
  require_whole(*db);
}
