#include "transport/queue/queue.h"

#include "base/log.h"
#include "transport/queue/queue_state.h"

namespace hauspost::transport {

namespace {

// A queue database never leaves its node, so one name for all of them does.
constexpr Guid kQueueDatabase{{0x68, 0x70, 0x71, 0x75, 0x65, 0x75, 0x65, 0x4d, 0x80, 0x01, 0x64,
                               0x61, 0x74, 0x61, 0x62, 0x61}};
constexpr Guid kQueueMailbox{{0x68, 0x70, 0x71, 0x75, 0x65, 0x75, 0x65, 0x4d, 0x80, 0x02, 0x73,
                              0x79, 0x73, 0x74, 0x65, 0x6d}};
// About 300 bytes an item and its envelope: room for ten million and more.
constexpr std::uint64_t kIndexBytesMax = 8ULL << 30;

const store::Actor& server_actor() {
  static const store::Actor actor;
  return actor;
}

bool is_queue(const store::Folder& folder) {
  return hop_of_queue(folder.path).has_value();
}

std::string item_id(store::FolderId folder, store::Uid uid) {
  return fmt::format("{}-{}", folder.value, uid.value);
}

}  // namespace

Queue::Queue(Executor executor, QueueOptions options, const Clock& clock,
             std::unique_ptr<store::Database> database)
    : executor_(executor),
      options_(std::move(options)),
      clock_(clock),
      database_(std::move(database)),
      changed_(executor) {}

Queue::~Queue() = default;

Result<std::unique_ptr<Queue>> Queue::open(Executor executor, QueueOptions options,
                                           const Clock& clock) {
  store::OpenOptions how;
  how.path = options.path;
  how.guid = kQueueDatabase;
  how.create = true;
  how.index_bytes_max = kIndexBytesMax;
  auto database = store::Database::open(std::move(how));
  if (!database) return fail(std::move(database).error().within("opening the queue"));
  return std::unique_ptr<Queue>(
      new Queue(executor, std::move(options), clock, std::move(*database)));
}

Queue::State& Queue::state_of(const std::string& queue) {
  auto& state = states_[queue];
  if (!state) state = std::make_unique<State>();
  return *state;
}

Task<Result<store::FolderId>> Queue::folder_of(std::string queue) {
  if (const auto known = folders_.find(queue); known != folders_.end()) co_return known->second;
  CO_TRY_ASSIGN(const store::MailboxId mailbox,
                co_await database_->open_mailbox(server_actor(), kQueueMailbox, "queue"));
  auto folder =
      co_await database_->create_folder(server_actor(), mailbox, queue, store::SpecialUse::kNone);
  if (!folder && folder.error().code == ErrorCode::kExists) {
    const auto found = database_->snapshot().find_folder(mailbox, queue);
    if (found) folder = found->id;
  }
  if (!folder) co_return fail(std::move(folder).error());
  folders_.emplace(std::move(queue), *folder);
  co_return *folder;
}

Task<Result<>> Queue::enqueue(std::vector<NewItem> items,
                              std::shared_ptr<const std::string> message) {
  std::map<std::string, std::vector<store::NewMessage>> by_queue;
  for (NewItem& item : items) {
    const std::int64_t received_s =
        std::chrono::floor<Seconds>(item.envelope.received).time_since_epoch().count();
    for (const Envelope& piece : split_to_fit(std::move(item.envelope))) {
      by_queue[queue_name(item.hop)].push_back({message, 0, {}, received_s, to_annotation(piece)});
    }
  }
  std::vector<std::pair<store::FolderId, store::UidSet>> done;
  Result<> outcome;
  for (auto& [queue, messages] : by_queue) {
    const auto folder = co_await folder_of(queue);
    if (!folder) {
      outcome = fail(folder.error());
      break;
    }
    const auto appended = co_await database_->append(server_actor(), *folder, std::move(messages));
    if (!appended) {
      outcome = fail(appended.error());
      break;
    }
    store::UidSet uids;
    for (const store::Uid uid : appended->uids) uids.add(uid.value);
    done.emplace_back(*folder, std::move(uids));
    note_arrival(queue);
  }
  if (!outcome) {
    for (auto& [folder, uids] : done) {
      [[maybe_unused]] auto undone =
          co_await database_->expunge(server_actor(), folder, std::move(uids), false);
    }
    co_return fail(std::move(outcome).error().within("queueing"));
  }
  look_again_ = true;
  changed_.notify_all();
  co_return Result<>{};
}

// What has just failed is not tried again at once, and what is foreign not before something
// changes.
void Queue::note_arrival(const std::string& queue) {
  const bool foreign = queue == kUnreachableQueue;
  const SteadyTime first = clock_.steady() + (foreign ? options_.retry_max : options_.retry_first);
  const bool fresh = !states_.contains(queue);
  State& state = state_of(queue);
  if (fresh)
    state.due = first;
  else if (state.busy)
    state.grew = !foreign;
  else if (state.delay == Duration::zero())
    state.due = std::min(state.due, first);
}

std::vector<store::Folder> Queue::queue_folders(const store::Snapshot& snapshot) const {
  const auto mailbox = snapshot.mailbox(kQueueMailbox);
  if (!mailbox) return {};
  std::vector<store::Folder> folders = snapshot.folders(mailbox->id);
  std::erase_if(folders, [](const store::Folder& folder) { return !is_queue(folder); });
  return folders;
}

std::vector<QueueItem> Queue::list(std::string_view queue) const {
  std::vector<QueueItem> items;
  const store::Snapshot snapshot = database_->snapshot();
  const WallTime now = clock_.now();
  const SteadyTime steady = clock_.steady();
  for (const store::Folder& folder : queue_folders(snapshot)) {
    if (!queue.empty() && folder.path != queue) continue;
    const auto found = states_.find(folder.path);
    const State* state = found == states_.end() ? nullptr : found->second.get();
    snapshot.for_each_message(folder.id, {1, UINT32_MAX}, [&](const store::Message& message) {
      QueueItem item{item_id(folder.id, message.uid), folder.path};
      item.bytes = message.size;
      auto envelope = envelope_from_annotation(snapshot.annotation(folder.id, message.uid));
      if (!envelope) {
        item.last_error = envelope.error().text;
        items.push_back(std::move(item));
        return true;
      }
      item.sender = envelope->sender;
      for (Recipient& recipient : envelope->recipients) {
        item.recipients.push_back(std::move(recipient.address));
      }
      item.received = envelope->received;
      item.expired = now - envelope->received > options_.age_max;
      item.attempts = envelope->attempts + (state ? state->attempts : 0);
      item.last_error =
          state && !state->last_error.empty() ? state->last_error : std::move(envelope->last_error);
      if (folder.path != kUnreachableQueue) {
        item.next_attempt = std::max(now, envelope->next_attempt);
        if (state && state->due != SteadyTime::max() && state->due > steady) {
          const auto wait = std::chrono::floor<std::chrono::microseconds>(state->due - steady);
          item.next_attempt = std::max(*item.next_attempt, now + wait);
        }
      }
      items.push_back(std::move(item));
      return true;
    });
  }
  return items;
}

std::vector<QueueSummary> Queue::summaries() const {
  std::vector<QueueSummary> all;
  const store::Snapshot snapshot = database_->snapshot();
  for (const store::Folder& folder : queue_folders(snapshot)) {
    const auto state = states_.find(folder.path);
    all.push_back({folder.path, folder.messages, folder.bytes,
                   state == states_.end() ? std::string() : state->second->last_error});
  }
  return all;
}

void Queue::kick() {
  for (auto& [queue, state] : states_) {
    state->due = SteadyTime::min();
    state->delay = {};
    state->urgent = true;
  }
  look_again_ = true;
  changed_.notify_all();
}

}  // namespace hauspost::transport
