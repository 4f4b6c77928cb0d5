// SearchIndex: which bodies contain a needle, kept just behind what is delivered by a thread of its
// own. Derived from the bodies: its folder may be deleted at any time, and damage costs a rebuild.
// What it has not seen yet it says so of, so that a search over it and the rest is always exact.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/async.h"
#include "store/platform.h"
#include "store/progress.h"
#include "store/search/answer.h"
#include "store/search/batch.h"
#include "store/search/zone.h"
#include "store/snapshot.h"

namespace hauspost::store {

inline constexpr std::string_view kSearchFolder = "search";  // within a database's folder

// Thread-safe.
class SearchIndex {
 public:
  struct Options {
    std::string folder;  // made when it does not exist
    Guid database;
    Disk* disk = nullptr;                // outlives the index
    std::function<Snapshot()> snapshot;  // until stop() has returned; any thread
    SearchExtract extract;
    std::uint64_t disk_reserve_bytes = 0;         // below twice this much free space it pauses
    Duration interval = std::chrono::seconds(1);  // between looks for new bodies
    // New bodies become a run when there are so many or the first has waited so long.
    std::uint64_t tail_bodies = 512;
    Duration tail_time = std::chrono::seconds(30);
  };

  // Starts the thread. An index that cannot be read, or is of another database or format, is made
  // anew; what cannot be done at all shows in status().
  explicit SearchIndex(Options options);
  ~SearchIndex();  // stop()s
  SearchIndex(const SearchIndex&) = delete;
  SearchIndex& operator=(const SearchIndex&) = delete;
  void stop();  // blocks until the thread has ended; idempotent

  // What is indexed now, for a SearchLookup.
  std::shared_ptr<const SearchRuns> runs() const;

  // Drops everything and blocks until all bodies of this moment are indexed again. kCancelled;
  // kExhausted while it pauses for want of disk space; kUnavailable when it is stopped meanwhile.
  Result<> rebuild(Progress& progress);

  enum class State : std::uint8_t { kCurrent, kBuilding, kPaused, kFailed };
  struct Status {
    State state = State::kCurrent;
    std::uint64_t documents = 0;  // bodies indexed, also of messages deleted since
    std::uint64_t runs = 0;
    std::uint64_t bytes = 0;       // on disk
    BodyId next;                   // first body not indexed yet
    std::uint64_t behind = 0;      // bodies from there on, about: ids may have gaps
    std::uint64_t unreadable = 0;  // bodies that could not be read, since the mount
    std::string last_error;        // since the mount; empty: none
  };
  Status status() const;

 private:
  enum class Step : std::uint8_t { kIdle, kMore };
  void run();
  void wait(Duration time);
  bool stopping() const;
  Result<> check() const;  // kCancelled: somebody wishes for something else
  Result<Step> work();
  Result<> load();
  Result<> clear();
  Result<> begin_wished_rebuild();
  bool tail_due(std::uint64_t behind);
  Result<> add_batch(BodyId next_body);
  BodyId fill_batch(TermBatch& batch, BodyId next_body);
  Result<bool> merge_level();
  Result<> purge();
  Result<> replace_runs(std::size_t at, std::size_t count);
  Result<std::shared_ptr<const SearchRun>> finish_run(std::uint64_t number);
  Result<> publish(SearchRuns runs);
  DocumentSet living(BodyId first, BodyId end) const;
  std::string path_of(std::uint64_t number) const;
  void note(State state, const Error* error);

  const Options options_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::shared_ptr<const SearchRuns> runs_ = std::make_shared<const SearchRuns>();
  Status status_;
  std::uint64_t rebuilds_wished_ = 0;
  std::uint64_t rebuilds_begun_ = 0;
  BodyId rebuild_end_;  // behind the last body that a rebuild waits for
  bool stop_ = false;

  // Of the thread.
  bool loaded_ = false;
  std::uint64_t next_file_ = 1;
  std::optional<std::chrono::steady_clock::time_point> tail_since_;
  std::chrono::steady_clock::time_point next_purge_;

  std::thread thread_;
};

}  // namespace hauspost::store
