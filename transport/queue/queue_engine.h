// QueueEngine: what stands behind Queue, shared by the sources of this folder alone.
#pragma once

#include <map>
#include <set>
#include <unordered_set>

#include "base/condition.h"
#include "base/task_group.h"
#include "transport/queue/attempt_marks.h"
#include "transport/queue/item_index.h"
#include "transport/queue/queue.h"

namespace hauspost::transport {

using SteadyTime = std::chrono::steady_clock::time_point;

std::uint32_t unix_seconds(WallTime time);  // rounded up; 0 for times before 1970

// One queue, in memory.
struct HopQueue {
  std::string name;
  std::optional<NextHop> hop;  // none: Poison or Safety Net, where nothing is tried
  store::FolderId folder;
  std::uint32_t load_below = 0;  // UIDs that stood in the folder when the process began

  ItemIndex index;
  std::unordered_set<std::uint32_t> in_flight;
  bool suspended = false;
  std::uint32_t users = 0;  // tasks that hold a reference to it
  SteadyTime last_used;

  std::uint32_t limit = 0;       // attempts at once
  std::uint32_t failures = 0;    // of the hop, in a row
  std::uint32_t generation = 0;  // grows whenever the hop fails
  bool succeeded = false;        // in this generation
  SteadyTime retry_at = SteadyTime::min();
  std::string last_error;
  SteadyTime minute_began = SteadyTime::min();
  std::uint32_t begun_in_minute = 0;
  SteadyTime aged_at = SteadyTime::min();
  std::uint64_t taken = 0;
  std::uint64_t done = 0;

  std::optional<SteadyTime> timer;  // its entry in QueueEngine::timers_
  bool runnable = false;            // it stands in QueueEngine::runnable_

  bool is_unreachable() const { return hop && hop->kind == NextHop::Kind::kUnreachable; }
  bool is_local() const { return hop && hop->kind == NextHop::Kind::kDatabase; }
};

// Holds a queue in memory while a task works with it.
class QueueUse {
 public:
  explicit QueueUse(HopQueue& queue) : queue_(&queue) { ++queue_->users; }
  QueueUse(QueueUse&& other) noexcept : queue_(std::exchange(other.queue_, nullptr)) {}
  QueueUse& operator=(QueueUse&&) = delete;
  ~QueueUse() {
    if (queue_) --queue_->users;
  }
  HopQueue& operator*() const { return *queue_; }
  HopQueue* operator->() const { return queue_; }

 private:
  HopQueue* queue_;
};

struct StoredItem {
  store::Uid uid;
  Envelope envelope;
  store::Body body;
  std::uint64_t bytes = 0;
  std::int64_t received_s = 0;
  bool suspended = false;
};

class QueueEngine {
 public:
  QueueEngine(Executor executor, QueueOptions options, const Clock& clock,
              std::unique_ptr<store::Database> database, AttemptMarks marks);

  // Where a walk through items stands: behind this one.
  struct Cursor {
    std::string queue;
    std::uint32_t uid = 0;
    std::string to_string() const;
    static Result<Cursor> parse(std::string_view text);  // kInvalid
  };

  // Storage (queue_storage.cc)
  static Result<std::unique_ptr<QueueEngine>> open(Executor executor, QueueOptions options,
                                                   const Clock& clock);
  Task<Result<>> enqueue(std::vector<NewItem> items, std::shared_ptr<const std::string> message);
  Task<Result<QueueUse>> queue_of(std::string name);
  // nullopt: it has gone. kCorrupt: what is there cannot be read. The body is not checked.
  Result<std::optional<StoredItem>> load(const HopQueue& queue, store::Uid uid) const;
  // All recipients leave `from` for the queue `to`. nullopt: it has gone.
  Task<Result<std::optional<store::Uid>>> move_item(HopQueue& from, store::Uid uid, HopQueue& to);
  Task<Result<>> append_item(HopQueue& to, const Envelope& envelope, const StoredItem& original);
  Task<Result<>> rewrite(HopQueue& queue, store::Uid uid, const Envelope& envelope);
  Task<Result<>> remove(HopQueue& queue, store::Uid uid);
  // When it is to be tried: of an item that is new here, and of one that was elsewhere before.
  IndexedItem indexed(const HopQueue& queue, store::Uid uid, const Envelope& envelope) const;
  IndexedItem arrived(store::Uid uid, const Envelope& envelope) const;
  std::uint32_t age_of(const Envelope& envelope) const;
  WallTime expires(const Envelope& envelope) const;
  HopQueue* find(std::string_view name);
  const HopQueue* find(std::string_view name) const;

  // The moving part (queue_run.cc)
  Task<void> run(QueueWorld world);
  void kick();
  void look();
  void wake(HopQueue& queue);  // something in it changed: it may have something to try
  bool may_begin(HopQueue& queue);

  // One attempt (queue_attempt.cc)
  Task<void> attempt(HopQueue& queue, IndexedItem entry);

  // Reports (queue_reports.cc)
  // Makes durable what the sender is to hear of these recipients. An error: nothing is certain.
  Task<Result<>> report(const StoredItem& item, std::vector<DsnRecipient> about);
  // The sender hears that it takes long, or gets the message back. True: the item is still there,
  // with its new envelope in `item`.
  Task<Result<bool>> age(HopQueue& queue, StoredItem& item, std::string_view error);
  Task<void> age_queue(QueueUse queue, std::vector<IndexedItem> aged);
  void track(TrackEvent event, const Envelope& envelope, const HopQueue& queue,
             std::vector<std::string_view> recipients, const RecipientResult& result,
             std::uint64_t bytes);

  // Administrators (queue_admin.cc)
  std::uint64_t waiting() const { return waiting_; }
  QueueSummary summarize(const HopQueue& queue, const store::Snapshot& snapshot) const;
  std::vector<QueueSummary> summaries(std::string_view after, std::size_t limit) const;
  QueueItem describe(const HopQueue& queue, const store::Message& message,
                     const store::Snapshot& snapshot) const;
  Result<ItemPage> list(const ItemWalk& walk) const;
  Result<QueueItem> item(std::string_view id) const;
  Result<std::pair<const HopQueue*, store::Uid>> place_of(std::string_view id) const;
  Task<Result<>> set_suspended(std::string queue, bool suspended);
  Result<> retry(std::string_view queue);
  Task<Result<ItemPage>> work(ItemWalk walk, ItemWork work, std::vector<std::string>* busy);
  Task<Result<bool>> work_on(HopQueue& queue, store::Uid uid, const ItemWork& work);
  Task<Result<bool>> change_item(HopQueue& queue, store::Uid uid, ItemAction action);
  Task<Result<>> remove_told(HopQueue& queue, StoredItem& item, bool tell);
  Task<Result<>> redirect(HopQueue& queue, StoredItem& item, const NextHop& to);

  // Safety Net (safety_net.cc)
  Task<Result<>> keep(HopQueue& queue, const StoredItem& item, const Envelope& delivered,
                      bool whole);
  Task<Result<Resubmitted>> resubmit(Resubmission what);
  Task<Result<>> put_back(std::string net, store::Uid uid);
  Task<void> drop_old_nets();
  void watch_for_faults() { marks_.watch_for_faults(); }

  Executor executor_;
  QueueOptions options_;
  const Clock& clock_;
  std::unique_ptr<store::Database> database_;
  std::map<std::string, std::unique_ptr<HopQueue>, std::less<>> queues_;
  QueueWorld* world_ = nullptr;  // while run() runs

 private:
  struct Outcome;  // of an attempt, for queue_attempt.cc
  std::optional<SteadyTime> next_look(HopQueue& queue) const;
  void arrange(HopQueue& queue);
  void set_timer(HopQueue& queue, std::optional<SteadyTime> time);
  void begin_due(TaskGroup& tasks);
  void begin_one(TaskGroup& tasks, HopQueue& queue);
  void age_due(TaskGroup& tasks);
  void notice_configuration();
  void retire_empty(TaskGroup& tasks);
  Task<void> retire(std::string name);
  Task<void> load_all();
  Task<void> load_queue(QueueUse queue);
  Task<void> work_item(QueueUse queue, IndexedItem entry);

  void hop_succeeded(HopQueue& queue, std::uint32_t generation);
  void hop_failed(HopQueue& queue, std::uint32_t generation, std::string error);
  Duration hop_delay(const HopQueue& queue) const;
  bool is_too_late(const Envelope& envelope) const;
  bool is_its_turn(HopQueue& queue, const StoredItem& item, IndexedItem entry);
  Task<Result<bool>> reroute(HopQueue& queue, StoredItem& item);
  Task<void> carry(HopQueue& queue, StoredItem item, IndexedItem entry);
  void let_suspects_go();
  Outcome judge(const HopQueue& queue, const StoredItem& item, const CarryReport& report);
  Task<Result<>> settle(HopQueue& queue, StoredItem& item, Outcome outcome);
  // Writes down who is left of an item; nobody: it goes. An error: it is remembered meanwhile.
  Task<Result<>> leave(HopQueue& queue, store::Uid uid, const Envelope& left);
  Task<Result<>> settle_late(HopQueue& queue, const StoredItem& item);
  Task<Result<>> poison(HopQueue& queue, store::Uid uid, std::string why);
  Task<Result<>> poison_suspects();
  Task<Result<>> submit_report(const Envelope& original, DsnAction action,
                               std::vector<DsnRecipient> about, std::string message);

  AttemptMarks marks_;
  // Of items about which the store could not be told what became of them: who has the message must
  // not get it again.
  std::map<MarkedItem, Envelope> unsettled_;
  std::uint64_t waiting_ = 0;
  std::uint32_t active_ = 0;  // attempts under way
  std::set<std::pair<SteadyTime, HopQueue*>> timers_;
  std::vector<HopQueue*> runnable_;
  Condition changed_;
  bool suspect_active_ = false;
  std::vector<std::pair<std::string, IndexedItem>> suspects_;  // wait until the one has ended
  bool look_again_ = false;  // set by every notification of changed_
  std::uint64_t configuration_ = 0;
  SteadyTime configuration_asked_ = SteadyTime::min();
  SteadyTime configuration_changed_ = SteadyTime::min();
  SteadyTime aged_at_ = SteadyTime::min();
  SteadyTime tidied_at_ = SteadyTime::min();
};

}  // namespace hauspost::transport
