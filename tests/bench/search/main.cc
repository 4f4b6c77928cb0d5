// What the search index costs and gives: its size beside the text, how fast it is built, how much
// it slows delivery, and how long a SEARCH takes with it and without.
//   bench_search FOLDER [MESSAGES] [CORPUS]
// FOLDER must not exist; it is removed at the end. CORPUS: a file of netstrings.
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "base/task_group.h"
#include "protocols/imap/search_evaluator.h"
#include "store/database.h"
#include "store/mime/message.h"
#include "store/mime/search_text.h"
#include "store/progress.h"
#include "store/search/search_index.h"
#include "tests/bench/search/corpus.h"

namespace hauspost::bench {
namespace {

using Steady = std::chrono::steady_clock;
using Corpus = std::vector<std::shared_ptr<const std::string>>;
constexpr std::size_t kCallers = 100;

double seconds_since(Steady::time_point start) {
  return std::chrono::duration<double>(Steady::now() - start).count();
}

[[noreturn]] void give_up(std::string_view why) {
  fmt::print(stderr, "bench_search: {}\n", why);
  ::_exit(1);
}

Guid numbered(std::uint64_t kind, std::uint64_t number) {
  Guid guid;
  std::memcpy(guid.bytes.data(), &kind, 8);
  std::memcpy(guid.bytes.data() + 8, &number, 8);
  return guid;
}

std::unique_ptr<store::Database> open_database(const std::string& path, bool with_search) {
  store::OpenOptions options;
  options.path = path;
  options.guid = numbered(1, 1);
  options.create = true;
  options.summarize = mime::make_summary;
  if (with_search) options.search_text = mime::extract_search_text;
  auto database = store::Database::open(std::move(options));
  if (!database) give_up(database.error().text);
  return *std::move(database);
}

struct Load {
  store::Database& database;
  const Corpus& corpus;
  std::size_t next = 0;
  std::size_t end = 0;
};

Task<void> caller(Load& load) {
  while (load.next < load.end) {
    const std::size_t number = load.next++;
    store::Delivery delivery;
    delivery.id = numbered(2, number);
    delivery.body = load.corpus[number % load.corpus.size()];
    delivery.targets.push_back({numbered(3, 1), "anna@example.com", "INBOX", 0});
    const auto outcome = co_await load.database.deliver({}, std::move(delivery));
    if (!outcome) give_up(outcome.error().text);
  }
}

// Deliveries a second.
double deliver(store::Database& database, const Corpus& corpus, std::size_t count,
               std::size_t from = 0) {
  asio::io_context io;
  Load load{database, corpus, from, from + count};
  TaskGroup tasks(io.get_executor());
  const auto start = Steady::now();
  for (std::size_t i = 0; i < kCallers; ++i) tasks.spawn("caller", caller(load));
  io.run();
  return static_cast<double>(count) / seconds_since(start);
}

// Takes turns, since the machine's speed moves.
void measure_slowdown(const std::string& folder, const Corpus& corpus) {
  const std::size_t count = std::min<std::size_t>(corpus.size(), 20'000);
  double without = 0;
  double with = 0;
  constexpr int kTurns = 3;
  for (int turn = 0; turn < kTurns; ++turn) {
    const std::string path = fmt::format("{}/turn{}", folder, turn);
    without += deliver(*open_database(path + "a", false), corpus, count);
    with += deliver(*open_database(path + "b", true), corpus, count);
    std::filesystem::remove_all(path + "a");
    std::filesystem::remove_all(path + "b");
  }
  fmt::print(
      "delivery, {} callers: {:.0f}/s without the index, {:.0f}/s with it: {:.1f} % slower\n",
      kCallers, without / kTurns, with / kTurns, 100 * (1 - with / without));
}

void measure_build(store::Database& database, const Corpus& corpus) {
  std::size_t bytes = 0;
  std::size_t text = 0;
  for (const auto& message : corpus) {
    bytes += message->size();
    [[maybe_unused]] const bool whole = mime::extract_search_text(
        *message, [&text](store::SearchZone zone, std::string_view folded) {
          if (zone <= store::SearchZone::kHeader) text += folded.size();
        });
  }
  store::Progress progress;
  const auto start = Steady::now();
  if (const auto built = database.search()->rebuild(progress); !built) give_up(built.error().text);
  const double took_s = seconds_since(start);
  // Until the merging behind it has come to rest.
  std::uint64_t runs = 0;
  while (runs != database.search()->status().runs) {
    runs = database.search()->status().runs;
    std::this_thread::sleep_for(std::chrono::seconds(8));
  }
  const auto status = database.search()->status();
  fmt::print("corpus: {} messages, {:.0f} MB, {:.0f} MB of decoded text\n", corpus.size(),
             static_cast<double>(bytes) / 1e6, static_cast<double>(text) / 1e6);
  fmt::print("build: {:.1f} s, {:.0f} messages/s, {:.1f} MB/s\n", took_s,
             static_cast<double>(corpus.size()) / took_s,
             static_cast<double>(bytes) / 1e6 / took_s);
  fmt::print("size: {:.1f} MB in {} files, {:.1f} % of the decoded text\n",
             static_cast<double>(status.bytes) / 1e6, status.runs,
             100 * static_cast<double>(status.bytes) / static_cast<double>(text));
}

struct Searched {
  double time_s = 0;
  std::size_t hits = 0;
};

Searched search(store::Database& database, const imap::SearchKey& key,
                std::span<const std::uint32_t> uids, store::FolderId inbox, bool with_index) {
  const auto start = Steady::now();
  imap::SearchEvaluator::View view{*database.snapshot().folder(inbox), uids};
  if (with_index) view.runs = database.search()->runs();
  imap::SearchEvaluator evaluator(key, std::move(view));
  while (evaluator.look_up()) {
  }
  while (evaluator.step(database.snapshot(), 500)) {
  }
  return {seconds_since(start), evaluator.hits().size()};
}

void measure_search(store::Database& database) {
  const store::Snapshot snapshot = database.snapshot();
  const auto inbox = snapshot.find_folder(snapshot.mailbox(numbered(3, 1))->id, "INBOX").value().id;
  const std::vector<std::uint32_t> uids = snapshot.uids(inbox);
  struct Case {
    std::string_view name;
    imap::SearchOp op;
    std::string needle;
    bool read_too = false;
  };
  const Case cases[] = {{"BODY", imap::SearchOp::kBody, "obsidian", true},
                        {"BODY", imap::SearchOp::kBody, "heliotrope"},
                        {"BODY", imap::SearchOp::kBody, "bsidi"},
                        {"BODY", imap::SearchOp::kBody, "meeting", true},
                        {"BODY", imap::SearchOp::kBody, "zzqxvnone", true},
                        {"BODY", imap::SearchOp::kBody, "ing"},
                        {"BODY", imap::SearchOp::kBody, "e"},
                        {"BODY", imap::SearchOp::kBody, "obsidian the"},
                        {"BODY", imap::SearchOp::kBody, "report meeting"},
                        {"TEXT", imap::SearchOp::kText, "kestrel"},
                        {"SUBJECT", imap::SearchOp::kSubject, "kestrel", true},
                        {"FROM", imap::SearchOp::kFrom, "p17@"}};
  for (const Case& one : cases) {
    imap::SearchKey key;
    key.op = one.op;
    key.text = one.needle;
    const bool slow = one.needle.find(' ') != std::string::npos;
    std::vector<double> times;
    std::size_t hits = 0;
    for (int i = 0; i < (slow ? 3 : 21); ++i) {
      const Searched done = search(database, key, uids, inbox, true);
      times.push_back(done.time_s);
      hits = done.hits;
    }
    std::ranges::sort(times);
    fmt::print("{:<7} {:<15} {:>6} hits  p50 {:>7.1f} ms  max {:>7.1f} ms", one.name, one.needle,
               hits, times[times.size() / 2] * 1e3, times.back() * 1e3);
    if (one.read_too) {
      const Searched plain = search(database, key, uids, inbox, false);
      if (plain.hits != hits) give_up("the index and reading disagree");
      fmt::print("  by reading {:>7.0f} ms", plain.time_s * 1e3);
    }
    fmt::print("\n");
  }
}

void run(const std::string& folder, std::size_t count, const std::string& corpus_path) {
  if (!std::filesystem::create_directory(folder)) give_up("the folder must not exist");
  const Corpus corpus = corpus_path.empty() ? make_corpus(count) : read_corpus(corpus_path, count);
  measure_slowdown(folder, corpus);
  {
    const auto database = open_database(folder + "/whole", true);
    deliver(*database, corpus, corpus.size());
    measure_build(*database, corpus);
    measure_search(*database);
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace hauspost::bench

int main(int count, char** arguments) {
  if (count < 2) {
    fmt::print(stderr, "usage: bench_search FOLDER [MESSAGES] [CORPUS]\n");
    return 2;
  }
  hauspost::bench::run(arguments[1], count > 2 ? std::stoul(arguments[2]) : 100'000,
                       count > 3 ? arguments[3] : "");
  return 0;
}
