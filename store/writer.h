// Writer: the one thread that changes a database. It takes all changes that wait, plans and applies
// them in one transaction, makes their records durable with one sync, commits and answers.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "store/checkpoint.h"
#include "store/index_space.h"
#include "store/log_writer.h"
#include "store/plan.h"
#include "store/platform.h"
#include "store/watch_hub.h"
#include "store/wakeup.h"

namespace hauspost::store {

// A change that waits. Owned by the caller, who must keep it until `done` was called; the writer
// does not touch it afterwards.
struct Request {
  Actor actor;
  Bodies bodies;
  std::function<Result<>(Plan&)> plan;
  bool frees = false;                    // it takes things away: also when space is short
  std::optional<Error> error;            // set before `done` when nothing was changed
  std::move_only_function<void()> done;  // called once, on the writer's thread
};

class Writer {
 public:
  struct Options {
    std::uint64_t epoch = 0;
    std::uint64_t checkpoint_log_bytes = 0;
    Duration checkpoint_interval{};
  };
  static constexpr std::size_t kWaitingMax = 20'000;
  static constexpr std::uint64_t kWaitingBytesMax = 2ULL << 30;
  static constexpr std::size_t kBatchMax = 512;
  static constexpr std::uint64_t kBatchBytesMax = 32ULL << 20;

  Writer(const Platform& platform, const Index& index, std::unique_ptr<LogWriter> log,
         Checkpointer& checkpointer, WatchHub& hub, const std::atomic<bool>& fenced,
         Options options);
  ~Writer();  // stop()s
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Thread-safe. False: the request was refused, `error` says why and `done` will not be called.
  bool submit(Request& request);
  // Refuses what comes, finishes what waits, ends the thread. Idempotent.
  void stop();
  // Runs `work` on the writer's thread between two batches and gives back what it returned: nothing
  // is written meanwhile. An error is the caller's. kUnavailable: the database is closing. Blocks.
  Result<> between_batches(const std::function<Result<>(LogWriter&)>& work);

  std::uint64_t commits() const { return commits_; }
  std::uint64_t records() const { return records_; }

 private:
  using Batch = std::vector<Request*>;
  void run();
  Batch wait_for_batch();
  void write_batch(Batch& batch);
  Result<> plan_batch(Batch& batch, Applier& applier);
  Result<> plan_one(Request& request, Applier& applier);
  Result<> stage(Plan& plan, const RecordHeader& header, Applier& applier);
  Result<> forget_old_deliveries(Applier& applier);
  void answer_all(Batch& batch, const std::optional<Error>& error);
  void fence(Batch& batch, const Error& error);
  void refuse_for_space(Batch& batch);
  void refuse_for_index(Batch& batch);
  void refuse(Batch& batch, bool keep_frees, const Error& error);
  Result<> take_space(const WriteTxn& txn, const Batch& batch);
  void run_errands();
  void checkpoint_if_due();
  void let_go_if_due(std::uint64_t records);
  bool checkpoint_due() const;
  RecordHeader header_for(Actor actor) const;

  const Platform& platform_;
  const Index& index_;
  const std::unique_ptr<LogWriter> log_;
  Checkpointer& checkpointer_;
  WatchHub& hub_;
  const std::atomic<bool>& fenced_;  // the disk failed: nothing may be written any more
  const Options options_;

  std::mutex mutex_;  // guards what follows
  Wakeup wakeup_;  // there may be something to do
  std::deque<Request*> waiting_;
  std::uint64_t waiting_bytes_ = 0;
  bool stop_ = false;
  struct Errand {
    const std::function<Result<>(LogWriter&)>* work = nullptr;
    Result<> outcome;
    bool done = false;
  };
  std::deque<Errand*> errands_;  // owned by those who wait for them
  std::condition_variable errand_done_;

  std::atomic<std::uint64_t> commits_ = 0;
  std::atomic<std::uint64_t> records_ = 0;

  // Of the writer's thread.
  IndexSpace index_space_;
  Lsn last_lsn_;
  std::uint64_t log_since_checkpoint_ = 0;
  std::uint64_t resident_commits_ = 0;  // since the index's pages were let go
  std::uint64_t resident_records_ = 0;
  std::chrono::steady_clock::time_point checkpoint_time_;
  std::int64_t next_forget_s_ = 0;

  std::thread thread_;
};

}  // namespace hauspost::store
