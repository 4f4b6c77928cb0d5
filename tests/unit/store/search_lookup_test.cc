// What the index answers beside what a plain look at every text says.
#include <catch2/catch.hpp>

#include <map>
#include <random>

#include "store/search/batch.h"
#include "store/search/lookup.h"
#include "store/search/merge.h"
#include "tests/unit/store/fixture.h"

namespace hauspost::store::test {
namespace {

struct Text {
  SearchZone zone = SearchZone::kBody;
  std::string folded;
};

// Documents by body id, and the runs that index them.
class Corpus {
 public:
  explicit Corpus(std::uint64_t seed) : random_(seed) {}

  // One run of about `count` new documents; some ids are left out.
  void add_run(int count) {
    TermBatch batch(runs_.next);
    BodyId body = runs_.next;
    for (int i = 0; i < count; ++i) {
      body = BodyId(body.value + random_() % 2);
      const auto texts = random_texts();
      batch.add(body, "", [&texts](std::string_view, const SearchTextSink& sink) {
        for (const Text& text : texts) sink(text.zone, text.folded);
        return true;
      });
      documents_[body] = texts;
      body = body.next();
    }
    write(body, [&](RunWriter& writer) { return batch.write(writer, body); });
    runs_.next = body;
  }

  // Makes one run of the last `count`, without documents that are deleted first.
  void merge_last(std::size_t count) {
    std::erase_if(documents_, [this](const auto&) { return random_() % 10 == 0; });
    const std::vector<std::shared_ptr<const SearchRun>> merged(
        runs_.runs.end() - static_cast<std::ptrdiff_t>(count), runs_.runs.end());
    const BodyId first = merged.front()->first();
    const BodyId end = merged.back()->end();
    DocumentSet living(end.value - first.value);
    for (const auto& [body, texts] : documents_) {
      if (body >= first && body < end) living.add(body.value - first.value);
    }
    runs_.runs.resize(runs_.runs.size() - count);
    write(end, [&](RunWriter& writer) {
      return merge_runs(merged, living, writer, [] { return Result<>{}; });
    });
  }

  // A part of some text, or what is in none.
  std::string random_needle() {
    if (random_() % 5 == 0) return random_text(1 + random_() % 3);
    auto at = documents_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(random_() % documents_.size()));
    const std::string& text = at->second[random_() % at->second.size()].folded;
    if (text.empty()) return "a";
    const auto inside = [&text](std::size_t i) {
      return i < text.size() && (static_cast<unsigned char>(text[i]) & 0xc0) == 0x80;
    };
    std::size_t first = random_() % text.size();
    while (inside(first)) --first;
    std::size_t last = first + 1 + random_() % std::min<std::size_t>(60, text.size() - first);
    while (inside(last)) ++last;
    return text.substr(first, last - first);
  }

  bool contains(BodyId body, const SearchLookup::Question& question) const {
    for (const Text& text : documents_.at(body)) {
      if (std::ranges::find(question.zones, text.zone) != question.zones.end() &&
          text.folded.find(question.needle) != std::string::npos)
        return true;
    }
    return false;
  }

  SearchRuns& runs() { return runs_; }
  const std::map<BodyId, std::vector<Text>>& documents() const { return documents_; }

 private:
  template <class Write>
  void write(BodyId, const Write& write_to) {
    const std::uint64_t number = ++files_;
    const std::string path = folder_.path() + "/" + std::to_string(number);
    auto writer = RunWriter::create(real_disk(), path);
    REQUIRE(writer);
    REQUIRE(write_to(*writer));
    auto run = SearchRun::open(path, number);
    REQUIRE(run);
    runs_.runs.push_back(*run);
  }

  std::string random_text(std::size_t length) {
    static const std::vector<std::string> kPieces = {
        "a",      "b",           "ab",  "meeting", " ",      " ",      "  ",     ".",
        "@",      "-",           ",",   "1",       "\u00fc", "\u0301", "\u4f1a", "\u8b70\u5ba4",
        "\u3002", "example.com", "\r\n"};
    std::string text;
    for (std::size_t i = 0; i < length; ++i) text += kPieces[random_() % kPieces.size()];
    return text;
  }

  std::vector<Text> random_texts() {
    std::vector<Text> texts(1 + random_() % 4);
    for (Text& text : texts) {
      text.zone = static_cast<SearchZone>(random_() % kSearchZones);
      text.folded = random_text(random_() % 30);
      if (random_() % 20 == 0) text.folded += std::string(200 + random_() % 300, 'x');
    }
    return texts;
  }

  std::mt19937_64 random_;
  TempFolder folder_;
  std::uint64_t files_ = 0;
  SearchRuns runs_;
  std::map<BodyId, std::vector<Text>> documents_;
};

SearchAnswer answer(const SearchRuns& runs, const SearchLookup::Question& question,
                    std::size_t step_bytes) {
  SearchLookup lookup(std::make_shared<const SearchRuns>(runs), question);
  while (lookup.step(step_bytes)) {
  }
  return lookup.take();
}

void compare(Corpus& corpus, const SearchLookup::Question& question, std::size_t step_bytes) {
  const SearchAnswer said = answer(corpus.runs(), question, step_bytes);
  const bool exact = term_query(question.needle).exact && !question.candidates_only;
  for (const auto& [body, texts] : corpus.documents()) {
    const SearchVerdict verdict = said.of(body);
    const bool truth = corpus.contains(body, question);
    if (verdict == SearchVerdict::kUnknown ? exact : (verdict == SearchVerdict::kYes) != truth) {
      FAIL("body " << body.value << ", needle '" << question.needle << "': said "
                   << static_cast<int>(verdict) << ", is " << truth);
    }
  }
  CHECK(said.of(corpus.runs().next) == SearchVerdict::kUnknown);
}

TEST_CASE("search lookup: agrees with a plain look at random corpora", "[search]") {
  const std::uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 40; ++round) {
    Corpus corpus(random());
    for (int run = 0; run < 4; ++run) {
      corpus.add_run(1 + static_cast<int>(random() % 60));
      if (random() % 2 == 0) corpus.merge_last(1 + random() % corpus.runs().runs.size());
    }
    if (corpus.documents().empty()) continue;
    for (int query = 0; query < 100; ++query) {
      SearchLookup::Question question{corpus.random_needle(), {}, random() % 8 == 0};
      question.zones.push_back(static_cast<SearchZone>(random() % kSearchZones));
      if (random() % 2 == 0)
        question.zones.push_back(static_cast<SearchZone>(random() % kSearchZones));
      compare(corpus, question, random() % 2 == 0 ? 1 : 1 << 20);
    }
  }
}

TEST_CASE("search lookup: many blocks, and words that many texts have", "[search]") {
  Corpus corpus(11);
  for (int run = 0; run < 8; ++run) corpus.add_run(400);
  TempFolder folder;
  for (const char* needle : {"a", "meeting", "xxxx", "m", "ng e", "\u4f1a", " ", "zq"})
    compare(corpus, {needle, {SearchZone::kBody}, false}, 1 << 20);
  corpus.merge_last(8);
  for (const char* needle : {"a", "meeting", "xxxx", "m", "ng e", "\u4f1a", " ", "zq"})
    compare(corpus, {needle, {SearchZone::kBody, SearchZone::kHeader}, false}, 1 << 20);
}

TEST_CASE("search lookup: a document cut short is never said not to match", "[search]") {
  TempFolder folder;
  TermBatch batch(BodyId(1));
  const auto extract = [](std::string_view message, const SearchTextSink& sink) {
    sink(SearchZone::kBody, message);
    return message != "long";
  };
  batch.add(BodyId(1), "short", extract);
  batch.add(BodyId(2), "long", extract);
  batch.add_unreadable(BodyId(3));
  auto writer = RunWriter::create(real_disk(), folder.path() + "/run");
  REQUIRE(writer);
  REQUIRE(batch.write(*writer, BodyId(4)));
  auto run = SearchRun::open(folder.path() + "/run", 1);
  REQUIRE(run);
  const SearchRuns runs{{*run}, BodyId(4)};
  const SearchAnswer said = answer(runs, {"long", {SearchZone::kBody}, false}, 1);
  CHECK(said.of(BodyId(1)) == SearchVerdict::kNo);
  CHECK(said.of(BodyId(2)) == SearchVerdict::kYes);
  CHECK(said.of(BodyId(3)) == SearchVerdict::kUnknown);
  const SearchAnswer other = answer(runs, {"other", {SearchZone::kBody}, false}, 1);
  CHECK(other.of(BodyId(2)) == SearchVerdict::kUnknown);
}

TEST_CASE("search run: damage anywhere is found or harmless", "[search]") {
  Corpus corpus(3);
  corpus.add_run(50);
  TempFolder folder;
  const std::string path = folder.path() + "/run";
  TermBatch batch(BodyId(1));
  for (std::uint64_t i = 1; i < 40; ++i) {
    batch.add(BodyId(i), "word" + std::to_string(i % 7) + " other",
              [](std::string_view message, const SearchTextSink& sink) {
                sink(SearchZone::kBody, message);
                return true;
              });
  }
  auto writer = RunWriter::create(real_disk(), path);
  REQUIRE(writer);
  REQUIRE(batch.write(*writer, BodyId(40)));
  const std::string whole = read_whole(path);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x11);
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    auto run = SearchRun::open(path, 1);
    if (!run) continue;
    const SearchRuns runs{{*run}, BodyId(40)};
    const SearchAnswer said = answer(runs, {"word3", {SearchZone::kBody}, false}, 1);
    for (std::uint64_t i = 1; i < 40; ++i) {
      const SearchVerdict verdict = said.of(BodyId(i));
      const bool truth = i % 7 == 3;
      INFO("byte " << at << ", body " << i);
      CHECK((verdict == SearchVerdict::kUnknown || (verdict == SearchVerdict::kYes) == truth));
    }
  }
  for (std::size_t length = 0; length < whole.size(); length += 7) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << whole.substr(0, length);
    CHECK_FALSE(SearchRun::open(path, 1));
  }
}

}  // namespace
}  // namespace hauspost::store::test
