#include "store/search/search_index.h"

#include <malloc.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <filesystem>

#include "base/log.h"
#include "store/search/manifest.h"
#include "store/search/merge.h"

namespace hauspost::store {

namespace {

using Steady = std::chrono::steady_clock;

constexpr std::size_t kMergeWidth = 8;                     // runs of one level that become one
constexpr std::uint64_t kRunBytesMax = 256ULL << 20;       // of the runs that are merged, together
constexpr Duration kRetryTime = std::chrono::seconds(30);  // after a failure
// Where nothing comes, it is looked for ever less often, up to so long.
constexpr int kRestMost = 8;  // times the interval
constexpr Duration kPurgeTime = std::chrono::hours(1);
constexpr std::uint64_t kPurgeShare = 4;  // rewritten when more than one of so many is gone
constexpr std::size_t kBodiesPerSnapshot = 64;
constexpr std::size_t kIdsPerSnapshot = 20'000;
constexpr int kNiceness = 19;

// Below 1 MiB, 8 MiB, 64 MiB, ...
int level_of(const SearchRun& run) { return (std::bit_width(run.bytes() >> 20) + 2) / 3; }

}  // namespace

SearchIndex::SearchIndex(Options options)
    : options_(std::move(options)), next_purge_(Steady::now() + kPurgeTime) {
  thread_ = std::thread([this] { run(); });
}

SearchIndex::~SearchIndex() { stop(); }

void SearchIndex::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::shared_ptr<const SearchRuns> SearchIndex::runs() const {
  const std::scoped_lock lock(mutex_);
  return runs_;
}

SearchIndex::Status SearchIndex::status() const {
  const BodyId next_body = options_.snapshot().next_body();
  const std::scoped_lock lock(mutex_);
  Status status = status_;
  status.next = runs_->next;
  status.behind = next_body > runs_->next ? next_body.value - runs_->next.value : 0;
  status.runs = runs_->runs.size();
  for (const auto& run : runs_->runs) {
    status.documents += run->documents();
    status.bytes += run->bytes();
  }
  return status;
}

Result<> SearchIndex::rebuild(Progress& progress) {
  const BodyId end = options_.snapshot().next_body();
  std::unique_lock lock(mutex_);
  const std::uint64_t wish = ++rebuilds_wished_;
  rebuild_end_ = std::max(rebuild_end_, end);
  changed_.notify_all();
  progress.begin("indexing messages", end.value - 1);
  std::uint64_t told = 0;
  while (rebuilds_begun_ < wish || runs_->next < end) {
    changed_.wait_for(lock, std::chrono::milliseconds(200));
    if (stop_) return fail(ErrorCode::kUnavailable, "the database is closing");
    TRY(progress.check());
    if (rebuilds_begun_ < wish) continue;
    if (status_.state == State::kPaused)
      return fail(ErrorCode::kExhausted, "the disk is nearly full; it goes on when there is room");
    if (status_.state == State::kFailed) return fail(ErrorCode::kInternal, status_.last_error);
    const std::uint64_t done = std::min(runs_->next, end).value - 1;
    if (done > told) progress.add(done - std::exchange(told, done));
  }
  progress.add(end.value - 1 - told);
  return {};
}

void SearchIndex::run() {
  // Of this thread alone, on Linux. Searching is exact without the index, so it may come last.
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNiceness);
  bool worked = false;
  int rest = 1;
  while (!stopping()) {
    const auto step = work();
    if (step && *step == Step::kMore) {
      worked = true;
    } else if (step) {
      // A batch's memory would stay with this thread for good.
      if (std::exchange(worked, false)) ::malloc_trim(0);
      rest = status().behind == 0 ? std::min(2 * rest, kRestMost) : 1;
      wait(rest * options_.interval);
    } else if (step.error().code != ErrorCode::kCancelled) {
      log::warning("store.search.failed", {{"error", step.error()}});
      note(State::kFailed, &step.error());
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, kRetryTime, [this] { return stop_; });
    }
  }
}

void SearchIndex::wait(Duration time) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, time, [this] { return stop_ || rebuilds_begun_ < rebuilds_wished_; });
}

bool SearchIndex::stopping() const {
  const std::scoped_lock lock(mutex_);
  return stop_;
}

Result<> SearchIndex::check() const {
  const std::scoped_lock lock(mutex_);
  if (stop_ || rebuilds_begun_ < rebuilds_wished_)
    return fail(ErrorCode::kCancelled, "something else is wanted");
  return {};
}

void SearchIndex::note(State state, const Error* error) {
  {
    const std::scoped_lock lock(mutex_);
    status_.state = state;
    if (error != nullptr) status_.last_error = error->text;
  }
  changed_.notify_all();
}

Result<SearchIndex::Step> SearchIndex::work() {
  if (!loaded_) TRY(load());
  TRY(begin_wished_rebuild());
  const auto now = runs();
  const auto damaged = std::ranges::find_if(now->runs, &SearchRun::damaged);
  if (damaged != now->runs.end()) {
    const Error error{ErrorCode::kCorrupt, "search run " + std::to_string((*damaged)->number()) +
                                               " was damaged; all are made anew"};
    log::warning("store.search.damaged", {{"error", error}});
    TRY(clear());
    note(State::kBuilding, &error);
  }
  TRY_ASSIGN(const std::uint64_t free, options_.disk->free_bytes(options_.folder));
  if (free < 2 * options_.disk_reserve_bytes) {
    note(State::kPaused, nullptr);
    return Step::kIdle;
  }
  const BodyId next_body = options_.snapshot().next_body();
  const BodyId next = runs()->next;
  const std::uint64_t behind = next_body > next ? next_body.value - next.value : 0;
  note(behind < options_.tail_bodies ? State::kCurrent : State::kBuilding, nullptr);
  if (tail_due(behind)) {
    TRY(add_batch(next_body));
    return Step::kMore;
  }
  TRY_ASSIGN(const bool merged, merge_level());
  if (merged) return Step::kMore;
  TRY(purge());
  return Step::kIdle;
}

Result<> SearchIndex::begin_wished_rebuild() {
  {
    const std::scoped_lock lock(mutex_);
    if (rebuilds_begun_ == rebuilds_wished_) return {};
  }
  TRY(clear());
  const std::scoped_lock lock(mutex_);
  rebuilds_begun_ = rebuilds_wished_;
  status_.state = State::kBuilding;  // what it was before is no longer of interest
  return {};
}

// Takes up what the folder holds, when it is of this database and whole.
Result<> SearchIndex::load() {
  if (::mkdir(options_.folder.c_str(), 0700) != 0 && errno != EEXIST)
    return fail(errno_error("creating " + options_.folder));
  const auto read = [this]() -> Result<SearchRuns> {
    const std::string path = options_.folder + "/" + std::string(kSearchManifest);
    TRY_ASSIGN(const std::string bytes, read_file(path, kSearchManifestBytesMax));
    TRY_ASSIGN(const SearchManifest manifest, decode_search_manifest(bytes));
    if (manifest.database != options_.database || manifest.next > options_.snapshot().next_body())
      return fail(ErrorCode::kCorrupt, "the search index is of another database or a later state");
    SearchRuns runs;
    for (const std::uint64_t number : manifest.runs) {
      TRY_ASSIGN(auto run, SearchRun::open(path_of(number), number));
      if ((!runs.runs.empty() && run->first() < runs.runs.back()->end()) ||
          run->end() > manifest.next)
        return fail(ErrorCode::kCorrupt, "the search index's runs are out of order");
      next_file_ = std::max(next_file_, number + 1);
      runs.runs.push_back(std::move(run));
    }
    runs.next = manifest.next;
    return runs;
  };
  auto found = read();
  if (!found && found.error().code != ErrorCode::kNotFound)
    log::warning("store.search.dropped", {{"error", found.error()}});
  TRY(publish(found ? *std::move(found) : SearchRuns{}));
  loaded_ = true;
  return {};
}

Result<> SearchIndex::clear() { return publish(SearchRuns{}); }

// Makes `runs` what there is, first on disk, and removes every other file.
Result<> SearchIndex::publish(SearchRuns runs) {
  SearchManifest manifest{options_.database, runs.next, {}};
  for (const auto& run : runs.runs) manifest.runs.push_back(run->number());
  TRY(replace_file(*options_.disk, options_.folder, std::string(kSearchManifest),
                   encode(manifest)));
  {
    const std::scoped_lock lock(mutex_);
    runs_ = std::make_shared<const SearchRuns>(std::move(runs));
  }
  changed_.notify_all();
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(options_.folder, failed)) {
    const std::string name = entry.path().filename();
    const bool named = std::ranges::any_of(
        manifest.runs, [&](std::uint64_t number) { return path_of(number) == entry.path(); });
    if (name != kSearchManifest && !named) TRY(options_.disk->remove(entry.path()));
  }
  return {};
}

bool SearchIndex::tail_due(std::uint64_t behind) {
  if (behind == 0) {
    tail_since_.reset();
    return false;
  }
  if (!tail_since_) tail_since_ = Steady::now();
  const std::scoped_lock lock(mutex_);
  return behind >= options_.tail_bodies || Steady::now() - *tail_since_ >= options_.tail_time ||
         runs_->next < rebuild_end_;
}

Result<> SearchIndex::add_batch(BodyId next_body) {
  SearchRuns after = *runs();
  TermBatch batch(after.next);
  const BodyId end = fill_batch(batch, next_body);
  TRY(check());
  if (batch.documents() > 0) {
    const std::uint64_t number = next_file_++;
    TRY_ASSIGN(RunWriter writer, RunWriter::create(*options_.disk, path_of(number)));
    TRY(batch.write(writer, end));
    TRY_ASSIGN(auto run, finish_run(number));
    after.runs.push_back(std::move(run));
  }
  after.next = end;
  tail_since_.reset();
  return publish(std::move(after));
}

// Returns behind which body the batch ends. Takes a new snapshot every few bodies: none is to be
// open for long.
BodyId SearchIndex::fill_batch(TermBatch& batch, BodyId next_body) {
  BodyId next = batch.first();
  const BodyId end = std::min(next_body, BodyId(batch.first().value + kRunSpanMax));
  while (next < end && !batch.full() && check()) {
    const Snapshot snapshot = options_.snapshot();
    std::vector<BodyId> bodies;
    snapshot.for_each_body(next, [&](BodyId body) {
      if (body >= end) return false;
      bodies.push_back(body);
      return bodies.size() < kBodiesPerSnapshot;
    });
    if (bodies.empty()) return end;
    for (const BodyId body : bodies) {
      if (batch.full()) break;
      if (const auto found = snapshot.body(body); found && found->check()) {
        batch.add(body, found->bytes, options_.extract);
      } else {
        batch.add_unreadable(body);
        const std::scoped_lock lock(mutex_);
        ++status_.unreadable;
      }
      next = body.next();
    }
  }
  return next;
}

Result<std::shared_ptr<const SearchRun>> SearchIndex::finish_run(std::uint64_t number) {
  TRY(options_.disk->sync_folder(options_.folder));
  return SearchRun::open(path_of(number), number);
}

// Merges the oldest neighbours of one level, when there are enough. True: it did.
Result<bool> SearchIndex::merge_level() {
  const auto now = runs();
  std::size_t begin = 0;
  while (begin < now->runs.size()) {
    const int level = level_of(*now->runs[begin]);
    std::size_t end = begin;
    std::uint64_t bytes = 0;
    while (end < now->runs.size() && end - begin < kMergeWidth &&
           level_of(*now->runs[end]) <= level) {
      bytes += now->runs[end++]->bytes();
    }
    const std::uint64_t span = now->runs[end - 1]->end().value - now->runs[begin]->first().value;
    if (end - begin == kMergeWidth && bytes <= kRunBytesMax && span <= kRunSpanMax) {
      TRY(replace_runs(begin, kMergeWidth));
      return true;
    }
    ++begin;
  }
  return false;
}

// Rewrites one run of which much is gone.
Result<> SearchIndex::purge() {
  if (Steady::now() < next_purge_) return {};
  const auto now = runs();
  for (std::size_t i = 0; i < now->runs.size(); ++i) {
    const SearchRun& run = *now->runs[i];
    const std::uint64_t alive = living(run.first(), run.end()).count();
    if (alive + run.documents() / kPurgeShare < run.documents()) return replace_runs(i, 1);
    TRY(check());
  }
  next_purge_ = Steady::now() + kPurgeTime;
  return {};
}

// Makes one run of `count` from `at` on, or none when no body of them lives.
Result<> SearchIndex::replace_runs(std::size_t at, std::size_t count) {
  SearchRuns after = *runs();
  const auto first = after.runs.begin() + static_cast<std::ptrdiff_t>(at);
  const auto last = first + static_cast<std::ptrdiff_t>(count);
  const DocumentSet alive = living((*first)->first(), (*(last - 1))->end());
  std::shared_ptr<const SearchRun> merged;
  if (!alive.empty()) {
    const std::uint64_t number = next_file_++;
    TRY_ASSIGN(RunWriter writer, RunWriter::create(*options_.disk, path_of(number)));
    TRY(merge_runs({first, last}, alive, writer, [this] { return check(); }));
    TRY_ASSIGN(merged, finish_run(number));
  }
  const auto hole = after.runs.erase(first, last);
  if (merged) after.runs.insert(hole, std::move(merged));
  return publish(std::move(after));
}

DocumentSet SearchIndex::living(BodyId first, BodyId end) const {
  DocumentSet alive(end.value - first.value);
  BodyId next = first;
  bool more = true;
  while (more) {
    more = false;
    std::size_t seen = 0;
    options_.snapshot().for_each_body(next, [&](BodyId body) {
      if (body >= end) return false;
      alive.add(body.value - first.value);
      next = body.next();
      more = ++seen == kIdsPerSnapshot;
      return !more;
    });
  }
  return alive;
}

std::string SearchIndex::path_of(std::uint64_t number) const {
  return options_.folder + "/" + std::to_string(number) + ".run";
}

}  // namespace hauspost::store
