// The search index beside a database: following it, and surviving what can happen to its files.
#include "store/search/search_index.h"

#include <catch2/catch.hpp>

#include <filesystem>

#include "store/search/lookup.h"
#include "tests/unit/store/fixture.h"

namespace hauspost::store::test {
namespace {

namespace fs = std::filesystem;

// The whole message is body text.
bool take_all(std::string_view message, const SearchTextSink& sink) {
  sink(SearchZone::kBody, message);
  return true;
}

class Indexed {
 public:
  Indexed() : database_(small_options(folder_.path())) {}

  SearchIndex::Options options() {
    SearchIndex::Options options;
    options.folder = search_folder();
    options.database = kDatabaseGuid;
    options.disk = &real_disk();
    options.snapshot = [this] { return database_->snapshot(); };
    options.extract = take_all;
    options.interval = std::chrono::milliseconds(1);
    options.tail_bodies = 4;
    options.tail_time = std::chrono::milliseconds(5);
    return options;
  }
  void start() { index_.emplace(options()); }
  void stop() { index_.reset(); }

  // "n1 ...", "n2 ...", ...
  std::vector<Uid> append(int count) {
    std::vector<std::string> texts;
    for (int i = 0; i < count; ++i)
      texts.push_back("n" + std::to_string(++appended_) + " and the rest");
    return database_.append(database_.folder("INBOX"), texts);
  }

  void await(const std::function<bool(const SearchIndex::Status&)>& reached) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!reached(index_->status())) {
      REQUIRE(std::chrono::steady_clock::now() < deadline);
      std::this_thread::yield();
    }
  }
  void await_current() {
    await([](const SearchIndex::Status& status) {
      return status.behind == 0 && status.state == SearchIndex::State::kCurrent;
    });
  }

  // Ids of bodies that contain the needle for certain, and of those not known.
  std::string ask(const std::string& needle) {
    SearchLookup lookup(index_->runs(), {needle, {SearchZone::kBody}, false});
    while (lookup.step(1 << 20)) {
    }
    const SearchAnswer answer = lookup.take();
    std::string out;
    database_->snapshot().for_each_body(BodyId(1), [&](BodyId body) {
      const SearchVerdict verdict = answer.of(body);
      if (verdict == SearchVerdict::kYes) out += std::to_string(body.value) + " ";
      if (verdict == SearchVerdict::kUnknown) out += "?" + std::to_string(body.value) + " ";
      return true;
    });
    return out;
  }

  std::string search_folder() const { return folder_.path() + "/" + std::string(kSearchFolder); }
  std::string first_run() const {
    for (const auto& entry : fs::directory_iterator(search_folder())) {
      if (entry.path().extension() == ".run") return entry.path();
    }
    FAIL("no run");
    return {};
  }
  SearchIndex& index() { return *index_; }
  OpenDatabase& database() { return database_; }

 private:
  TempFolder folder_;
  OpenDatabase database_;
  std::optional<SearchIndex> index_;
  int appended_ = 0;
};

TEST_CASE("search index: follows what is appended, and goes on where it stopped", "[search]") {
  Indexed rig;
  rig.append(5);
  rig.start();
  rig.await_current();
  CHECK(rig.ask("n3") == "3 ");
  CHECK(rig.index().status().documents == 5);
  rig.append(30);
  rig.await_current();
  CHECK(rig.ask("n3 ") == "?3 ");
  CHECK(rig.ask("n35") == "35 ");
  rig.stop();
  rig.append(3);
  SearchIndex::Options options = rig.options();
  int extracted = 0;
  options.extract = [&extracted](std::string_view message, const SearchTextSink& sink) {
    ++extracted;
    return take_all(message, sink);
  };
  {
    SearchIndex again(options);
    while (again.status().behind > 0) std::this_thread::yield();
    CHECK(again.status().documents == 38);
  }
  CHECK(extracted == 3);
}

TEST_CASE("search index: what it has not seen yet is unknown", "[search]") {
  Indexed rig;
  rig.append(8);
  rig.start();
  rig.await_current();
  rig.stop();
  rig.append(2);
  SearchIndex::Options options = rig.options();
  options.tail_time = std::chrono::hours(1);
  SearchIndex index(options);
  while (index.status().documents != 8) std::this_thread::yield();
  SearchLookup lookup(index.runs(), {"n1", {SearchZone::kBody}, false});
  while (lookup.step(1)) {
  }
  const SearchAnswer answer = lookup.take();
  CHECK(answer.of(BodyId(1)) == SearchVerdict::kYes);
  CHECK(answer.of(BodyId(2)) == SearchVerdict::kNo);
  CHECK(answer.of(BodyId(9)) == SearchVerdict::kUnknown);
  CHECK(answer.of(BodyId(10)) == SearchVerdict::kUnknown);
  CHECK(index.status().behind == 2);
}

TEST_CASE("search index: many small runs become few, without what was deleted", "[search]") {
  Indexed rig;
  rig.start();
  for (int i = 0; i < 40; ++i) {
    rig.append(4);
    rig.await_current();
  }
  rig.await([](const SearchIndex::Status& status) { return status.runs < 8; });
  CHECK(rig.index().status().documents == 160);
  CHECK(rig.ask("n160") == "160 ");
  UidSet all;
  all.add({1, 156});
  REQUIRE(wait_for(rig.database()->expunge({}, rig.database().folder("INBOX"), all, false)));
  for (int i = 0; i < 40; ++i) {
    rig.append(4);
    rig.await_current();
  }
  rig.await([](const SearchIndex::Status& status) { return status.runs < 8; });
  CHECK(rig.index().status().documents < 320);
  CHECK(rig.ask("n158") == "158 ");
  CHECK(rig.ask("n320") == "320 ");
}

TEST_CASE("search index: made again when its folder is gone", "[search]") {
  Indexed rig;
  rig.append(10);
  rig.start();
  rig.await_current();
  rig.stop();
  fs::remove_all(rig.search_folder());
  rig.start();
  rig.await_current();
  CHECK(rig.ask("n10") == "10 ");
}

TEST_CASE("search index: made again when it is damaged, of another database or of a later state",
          "[search]") {
  Indexed rig;
  rig.append(10);
  rig.start();
  rig.await_current();
  rig.stop();
  SECTION("a run's end") { fs::resize_file(rig.first_run(), 60); }
  SECTION("a run is missing") { fs::remove(rig.first_run()); }
  SECTION("the manifest") {
    std::fstream manifest(rig.search_folder() + "/manifest",
                          std::ios::in | std::ios::out | std::ios::binary);
    manifest.seekp(30);
    manifest.put('x');
  }
  SECTION("another database") {
    SearchIndex::Options options = rig.options();
    options.database = kAnna;
    SearchIndex other(options);
    while (other.status().documents != 10) std::this_thread::yield();
  }
  std::ofstream(rig.search_folder() + "/99.run") << "left by a crash";
  rig.start();
  rig.await([](const SearchIndex::Status& status) { return status.documents == 10; });
  CHECK(rig.ask("n7") == "7 ");
  CHECK_FALSE(fs::exists(rig.search_folder() + "/99.run"));
}

TEST_CASE("search index: damage found while searching costs a rebuild, not an answer", "[search]") {
  Indexed rig;
  rig.append(10);
  rig.start();
  rig.await_current();
  rig.stop();
  const std::string path = rig.first_run();
  {
    std::fstream run(path, std::ios::in | std::ios::out | std::ios::binary);
    run.seekp(40);
    run.put('!');
  }
  rig.start();
  rig.await([](const SearchIndex::Status& status) { return status.documents == 10; });
  const std::string answer = rig.ask("n7");
  CHECK(answer.find("7 ") != std::string::npos);
  rig.await([](const SearchIndex::Status& status) {
    return !status.last_error.empty() && status.documents == 10;
  });
  CHECK(rig.ask("n7") == "7 ");
}

TEST_CASE("search index: rebuilt on demand", "[search]") {
  Indexed rig;
  rig.append(20);
  rig.start();
  rig.await_current();
  Progress progress;
  REQUIRE(rig.index().rebuild(progress));
  CHECK(progress.done() == progress.total());
  CHECK(progress.total() == 20);
  CHECK(rig.ask("n20") == "20 ");
  Progress cancelled;
  cancelled.cancel();
  const auto result = rig.index().rebuild(cancelled);
  CHECK((result || result.error().code == ErrorCode::kCancelled));
  rig.await_current();
  CHECK(rig.ask("n20") == "20 ");
}

TEST_CASE("search index: pauses while the disk is nearly full", "[search]") {
  Indexed rig;
  rig.append(10);
  SearchIndex::Options options = rig.options();
  options.disk_reserve_bytes = UINT64_MAX / 4;
  SearchIndex index(options);
  while (index.status().state != SearchIndex::State::kPaused) std::this_thread::yield();
  CHECK(index.status().documents == 0);
  Progress progress;
  const auto rebuilt = index.rebuild(progress);
  REQUIRE_FALSE(rebuilt);
  CHECK(rebuilt.error().code == ErrorCode::kExhausted);
}

TEST_CASE("search index: of a database that is opened with it", "[search]") {
  TempFolder folder;
  OpenOptions options = small_options(folder.path());
  CHECK(OpenDatabase(options)->search() == nullptr);
  options.search_text = take_all;
  OpenDatabase database(options);
  database.append(database.folder("INBOX"), {"one", "two"});
  REQUIRE(database->search() != nullptr);
  Progress progress;
  REQUIRE(database->search()->rebuild(progress));
  CHECK(database->search()->status().documents == 2);
  database->close();
}

}  // namespace
}  // namespace hauspost::store::test
