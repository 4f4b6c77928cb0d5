// Queue: mail that has been taken but could not be delivered yet, durable in a store database of
// its own.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/condition.h"
#include "store/database.h"
#include "transport/delivery/delivery_clients.h"
#include "transport/directory.h"
#include "transport/queue/envelope.h"
#include "transport/queue/queue_name.h"

namespace hauspost::transport {

struct QueueOptions {
  std::string path;  // the queue database's folder; created when missing
  Seconds retry_first{5};
  Seconds retry_max{300};  // waits double up to this
  Milliseconds delivery_timeout{60'000};
  Seconds age_max{48 * 3600};  // older items are shown as expired; they stay
};

// One next hop's share of a message.
struct NewItem {
  NextHop hop;
  Envelope envelope;
};

struct QueueItem {
  std::string id;  // stable while the item exists
  std::string queue;
  std::string sender;
  std::vector<std::string> recipients;
  std::uint64_t bytes = 0;
  WallTime received;
  std::uint32_t attempts = 0;
  std::optional<WallTime> next_attempt;  // none: waits for a change of configuration
  std::string last_error;
  bool expired = false;
};

struct QueueSummary {
  std::string queue;
  std::uint64_t items = 0;
  std::uint64_t bytes = 0;
  std::string last_error;
};

// REQUIRES: one thread, that of `executor`. run() must have ended before destruction.
class Queue {
 public:
  // Opens or creates, and recovers. Blocks. `clock` must outlive the queue.
  static Result<std::unique_ptr<Queue>> open(Executor executor, QueueOptions options,
                                             const Clock& clock);
  ~Queue();

  // Takes the message for all items; durable when it returns. After an error no item is left
  // behind (at worst, when the store fails twice, one is: mail may come double, never not at all).
  Task<Result<>> enqueue(std::vector<NewItem> items, std::shared_ptr<const std::string> message);

  // Items of one queue, or of all when `queue` is empty; oldest first.
  std::vector<QueueItem> list(std::string_view queue = {}) const;
  std::vector<QueueSummary> summaries() const;

  // Something may go now that did not before (a database came up, a domain was added): every queue
  // is tried at once.
  void kick();

  // Delivers what waits until cancelled.
  Task<void> run(const Directory& directory, DeliveryClients& clients);

 private:
  struct State;  // of one queue, in memory: back-off as a whole
  struct Drain;
  struct Attempt;

  Queue(Executor executor, QueueOptions options, const Clock& clock,
        std::unique_ptr<store::Database> database);

  Task<Result<store::FolderId>> folder_of(std::string queue);
  State& state_of(const std::string& queue);
  void note_arrival(const std::string& queue);
  std::vector<store::Folder> queue_folders(const store::Snapshot& snapshot) const;

  Duration start_due(TaskGroup& tasks, const Directory& directory, DeliveryClients& clients);
  Task<void> drain(store::Folder folder, const Directory& directory, DeliveryClients& clients);
  Task<void> drain_lane(Drain& drain);
  Task<void> try_item(Drain& drain, store::Uid uid);
  Task<bool> deliver_recipients(Drain& drain, Attempt& attempt);
  Task<Result<>> settle(Drain& drain, store::Uid uid, Attempt& attempt);
  void back_off(State& state, std::string error);
  Duration item_delay(std::uint32_t attempts) const;

  Executor executor_;
  QueueOptions options_;
  const Clock& clock_;
  std::unique_ptr<store::Database> database_;
  std::map<std::string, std::unique_ptr<State>, std::less<>> states_;  // by queue
  std::map<std::string, store::FolderId, std::less<>> folders_;        // known to exist
  Condition changed_;
  bool look_again_ = false;  // set by every notification of changed_
};

}  // namespace hauspost::transport
