// Queue: mail that has been taken but could not be delivered yet, durable in a store database of
// its own.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "store/database.h"
#include "transport/dsn/report.h"
#include "transport/queue/carrier.h"
#include "transport/queue/envelope.h"
#include "transport/queue/item_filter.h"
#include "transport/queue/queue_name.h"
#include "transport/queue/queue_options.h"
#include "transport/track/tracker.h"

namespace hauspost::transport {

class QueueEngine;

// One next hop's share of a message.
struct NewItem {
  NextHop hop;
  Envelope envelope;
};

// Takes the reports that the queue makes, as mail to their recipient.
class ReportSink {
 public:
  virtual ~ReportSink() = default;
  // Durable when it returns without an error. May be asked twice for the same delivery id.
  virtual Task<Result<>> submit(Envelope envelope, std::string message) = 0;
};

// What a running queue works with; all of it outlives run().
struct QueueWorld {
  Carrier& carrier;
  const Router& router;
  ReportSink* reports = nullptr;  // null: reports go where the router says
  Tracker* tracker = &no_tracker();
  DsnOptions dsn = {};
  std::function<std::string()> postmaster = {};  // asked for each report; empty: that of `dsn`
  // Grows when configuration changes that may give unreachable mail a way; empty: kick() tells.
  std::function<std::uint64_t()> configuration = {};
};

enum class ItemState : std::uint8_t { kReady, kActive, kRetry, kSuspended, kPoison };
enum class QueueState : std::uint8_t { kReady, kConnecting, kActive, kRetry, kSuspended };
std::string_view to_string(ItemState state);
std::string_view to_string(QueueState state);

struct QueueItem {
  std::string id;  // stable while the item stays in its queue
  std::string queue;
  ItemState state = ItemState::kReady;
  std::string sender;
  std::vector<std::string> recipients;
  std::uint64_t bytes = 0;
  WallTime received;
  WallTime expires;
  int priority = 0;
  std::uint32_t attempts = 0;
  std::optional<WallTime> next_attempt;  // none: not by itself
  std::string last_error;
  std::string message;  // network message id
};

struct QueueSummary {
  std::string queue;
  QueueState state = QueueState::kReady;
  std::uint64_t items = 0;
  std::uint64_t bytes = 0;
  std::uint32_t active = 0;              // attempts under way
  std::uint32_t failures = 0;            // of the next hop, in a row
  std::uint64_t taken = 0;               // items, since the process began
  std::uint64_t done = 0;                // left the queue
  std::optional<WallTime> next_attempt;  // of a hop that failed
  std::string last_error;
};

// One slice of a walk through many items. Begin with an empty cursor and go on with the one that
// was given back until it is empty; what comes meanwhile may or may not be seen.
struct ItemWalk {
  std::string queue;  // empty: all
  ItemFilter filter;
  std::string cursor;
  std::size_t limit = 1000;  // items that match, a slice
  std::string id;            // this one alone, wherever it is; kNotFound
  WallTime before;           // only what came into its queue before then; zero: everything
};
struct ItemPage {
  std::vector<QueueItem> items;
  std::string next;  // cursor; empty: that was all
};
enum class ItemAction : std::uint8_t { kSuspend, kResume, kRetry, kRemove, kRedirect };
struct ItemWork {
  ItemAction action = ItemAction::kSuspend;
  bool report = true;  // kRemove: the sender hears of it, where that is wanted
  NextHop to;          // kRedirect
  bool dry_run = false;
};

struct Resubmission {
  WallTime from;
  WallTime to;
  std::string database;  // empty: all; otherwise who was delivered there
  ItemFilter filter;
  std::string cursor;
  bool dry_run = false;
};
struct Resubmitted {
  std::uint64_t items = 0;
  std::string next;  // cursor; empty: that was all
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

  // Something may go now that did not before (a database came up, a domain was added): what waits
  // for mailboxes or is unreachable is tried at once.
  void kick();
  // Time has passed: only a clock that stands still needs to say so.
  void look();
  void set_options(QueueOptions options);  // its path is not looked at
  const QueueOptions& options() const;

  // Signals that end this process for a fault are noted, so that a message that causes it is found.
  // REQUIRES: one queue of the process does so.
  void watch_for_faults();
  // Tries what waits until cancelled.
  Task<void> run(QueueWorld world);

  // ---- For administrators

  std::uint64_t waiting() const;  // items in all queues but Poison and Safety Net
  // Queues with something in them, and those that are suspended; by name, behind `after`.
  std::vector<QueueSummary> summaries(std::string_view after = {},
                                      std::size_t limit = SIZE_MAX) const;
  // kNotFound.
  Result<QueueSummary> summary(std::string_view queue) const;
  // kNotFound; kInvalid: Poison and Safety Net stand still anyway.
  Task<Result<>> suspend(std::string queue);
  Task<Result<>> resume(std::string queue);
  // Tries the hop at once, and every item that is not held or suspended. kNotFound.
  Result<> retry(std::string_view queue);

  // kInvalid: the cursor; kNotFound: the id.
  Result<ItemPage> list(const ItemWalk& walk) const;
  // All there is: for tests and small queues.
  std::vector<QueueItem> list(std::string_view queue = {}) const;
  // kNotFound.
  Result<QueueItem> item(std::string_view id) const;
  // The items' message as it was taken. kNotFound.
  Result<store::Body> message(std::string_view id) const;
  Result<Envelope> envelope(std::string_view id) const;
  // What was done, item by item; an item that is just being tried is left out, and its id is in
  // `busy` when that is not null.
  Task<Result<ItemPage>> work(ItemWalk walk, ItemWork work, std::vector<std::string>* busy);
  // Puts delivered items of the Safety Net back into queues, under the same delivery id: a mailbox
  // that has the message does not get it again. No reports are made about them.
  Task<Result<Resubmitted>> resubmit(Resubmission what);

 private:
  explicit Queue(std::unique_ptr<QueueEngine> engine);
  std::unique_ptr<QueueEngine> engine_;
};

}  // namespace hauspost::transport
