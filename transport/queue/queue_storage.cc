// What the queue keeps in its store database: folders that are queues, messages that are items.
#include "base/log.h"
#include "store/metadata.h"
#include "store/platform.h"
#include "transport/queue/queue_engine.h"

namespace hauspost::transport {

namespace {

// A queue database never leaves its node, so one name for all of them does.
constexpr Guid kQueueDatabase{{0x68, 0x70, 0x71, 0x75, 0x65, 0x75, 0x65, 0x4d, 0x80, 0x01, 0x64,
                               0x61, 0x74, 0x61, 0x62, 0x61}};
constexpr Guid kQueueMailbox{{0x68, 0x70, 0x71, 0x75, 0x65, 0x75, 0x65, 0x4d, 0x80, 0x02, 0x73,
                              0x79, 0x73, 0x74, 0x65, 0x6d}};
// A mailbox has a limited number of folders, and the world a great many domains.
constexpr std::uint8_t kRemoteMailboxes = 64;
constexpr std::uint8_t kRemoteTag = 0x03;
constexpr std::string_view kRemotePrefix = "Remote/";
constexpr std::string_view kSuspendedEntry = "/shared/vendor/hauspost/suspended";
// About 300 bytes an item and its envelope: room for ten million and more.
constexpr std::uint64_t kIndexBytesMax = 8ULL << 30;
constexpr std::uint32_t kConcurrencyAtFirst = 5;

const store::Actor& server_actor() {
  static const store::Actor actor;
  return actor;
}

// Stored: a queue is looked for in the mailbox that this names, for ever.
Guid mailbox_of(std::string_view queue) {
  if (!queue.starts_with(kRemotePrefix)) return kQueueMailbox;
  constexpr std::uint32_t kPrime = 16'777'619;
  constexpr std::uint32_t kBasis = 2'166'136'261;
  std::uint32_t hash = kBasis;
  for (const char c : queue) hash = (hash ^ static_cast<unsigned char>(c)) * kPrime;
  Guid guid = kQueueMailbox;
  guid.bytes[9] = kRemoteTag;
  guid.bytes.back() = static_cast<std::uint8_t>((hash >> 16) % kRemoteMailboxes);
  return guid;
}

bool is_queue_folder(const store::Folder& folder) {
  return hop_of_queue(folder.path).has_value() || folder.path == kPoisonQueue ||
         (folder.path.starts_with(kSafetyNetPrefix) && !folder.has_children);
}

std::unique_ptr<HopQueue> make_queue(std::string name, store::FolderId folder,
                                     const QueueOptions& options) {
  auto queue = std::make_unique<HopQueue>();
  queue->hop = hop_of_queue(name);
  queue->name = std::move(name);
  queue->folder = folder;
  queue->limit = std::min(kConcurrencyAtFirst, options.hop_connections_max);
  return queue;
}

std::int64_t seconds_of(WallTime time) {
  return std::chrono::floor<Seconds>(time).time_since_epoch().count();
}

}  // namespace

std::uint32_t unix_seconds(WallTime time) {
  const std::int64_t seconds = std::chrono::ceil<Seconds>(time).time_since_epoch().count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(seconds, 0, kNever - 1));
}

QueueEngine::QueueEngine(Executor executor, QueueOptions options, const Clock& clock,
                         std::unique_ptr<store::Database> database, AttemptMarks marks)
    : executor_(executor),
      options_(std::move(options)),
      clock_(clock),
      database_(std::move(database)),
      marks_(std::move(marks)),
      changed_(executor) {}

Result<std::unique_ptr<QueueEngine>> QueueEngine::open(Executor executor, QueueOptions options,
                                                       const Clock& clock) {
  store::OpenOptions how;
  how.path = options.path;
  how.guid = kQueueDatabase;
  how.create = true;
  how.index_bytes_max = kIndexBytesMax;
  store::Platform platform = store::Platform::real();
  platform.clock = &clock;
  TRY_ASSIGN(auto database, store::Database::open(std::move(how), std::move(platform)));
  TRY_ASSIGN(auto marks, AttemptMarks::open(options.path + "/attempts"));
  auto engine = std::make_unique<QueueEngine>(executor, std::move(options), clock,
                                              std::move(database), std::move(marks));
  const store::Snapshot snapshot = engine->database_->snapshot();
  for (const store::Mailbox& mailbox : snapshot.mailboxes()) {
    for (const store::Folder& folder : snapshot.folders(mailbox.id)) {
      if (!is_queue_folder(folder) || mailbox_of(folder.path) != mailbox.guid) continue;
      auto queue = make_queue(folder.path, folder.id, engine->options_);
      queue->load_below = folder.uid_next.value;
      queue->last_used = clock.steady();
      queue->suspended =
          snapshot.metadata({mailbox.id, folder.id, {}}, kSuspendedEntry).has_value();
      if (queue->hop) engine->waiting_ += folder.messages;
      engine->queues_.emplace(folder.path, std::move(queue));
    }
  }
  return engine;
}

HopQueue* QueueEngine::find(std::string_view name) {
  const auto found = queues_.find(name);
  return found == queues_.end() ? nullptr : found->second.get();
}

const HopQueue* QueueEngine::find(std::string_view name) const {
  const auto found = queues_.find(name);
  return found == queues_.end() ? nullptr : found->second.get();
}

Task<Result<QueueUse>> QueueEngine::queue_of(std::string name) {
  if (HopQueue* known = find(name)) {
    known->last_used = clock_.steady();
    co_return QueueUse(*known);
  }
  CO_TRY_ASSIGN(const store::MailboxId mailbox,
                co_await database_->open_mailbox(server_actor(), mailbox_of(name), "queue"));
  auto folder =
      co_await database_->create_folder(server_actor(), mailbox, name, store::SpecialUse::kNone);
  if (!folder && folder.error().code == ErrorCode::kExists) {
    const auto found = database_->snapshot().find_folder(mailbox, name);
    if (found) folder = found->id;
  }
  if (!folder) co_return fail(std::move(folder).error());
  // Somebody else may have been as quick.
  auto& queue = queues_[name];
  if (!queue) queue = make_queue(name, *folder, options_);
  queue->last_used = clock_.steady();
  co_return QueueUse(*queue);
}

Task<Result<>> QueueEngine::enqueue(std::vector<NewItem> items,
                                    std::shared_ptr<const std::string> message) {
  std::map<std::string, std::vector<Envelope>> by_queue;
  for (NewItem& item : items) {
    for (Envelope& piece : split_to_fit(std::move(item.envelope)))
      by_queue[queue_name(item.hop)].push_back(std::move(piece));
  }
  std::vector<std::pair<QueueUse, std::vector<IndexedItem>>> done;
  Result<> outcome;
  for (auto& [name, envelopes] : by_queue) {
    auto queue = co_await queue_of(name);
    if (!queue) {
      outcome = fail(queue.error());
      break;
    }
    std::vector<store::NewMessage> messages;
    for (const Envelope& envelope : envelopes) {
      messages.push_back({message, 0, {}, seconds_of(envelope.received), to_annotation(envelope)});
    }
    const auto appended =
        co_await database_->append(server_actor(), (*queue)->folder, std::move(messages));
    if (!appended) {
      outcome = fail(appended.error());
      break;
    }
    std::vector<IndexedItem> entries;
    for (std::size_t i = 0; i < envelopes.size(); ++i)
      entries.push_back(indexed(**queue, appended->uids[i], envelopes[i]));
    done.emplace_back(std::move(*queue), std::move(entries));
  }
  if (!outcome) {
    for (const auto& [queue, entries] : done) {
      store::UidSet uids;
      for (const IndexedItem& entry : entries) uids.add(entry.uid);
      [[maybe_unused]] auto undone =
          co_await database_->expunge(server_actor(), queue->folder, std::move(uids), false);
    }
    co_return fail(std::move(outcome).error().within("queueing"));
  }
  for (const auto& [queue, entries] : done) {
    for (const IndexedItem& entry : entries) queue->index.add(entry);
    queue->taken += entries.size();
    waiting_ += entries.size();
    wake(*queue);
  }
  co_return Result<>{};
}

Result<std::optional<StoredItem>> QueueEngine::load(const HopQueue& queue, store::Uid uid) const {
  const store::Snapshot snapshot = database_->snapshot();
  const auto message = snapshot.message(queue.folder, uid);
  if (!message) return std::nullopt;
  StoredItem item;
  item.uid = uid;
  TRY_ASSIGN(item.envelope, envelope_from_annotation(snapshot.annotation(queue.folder, uid)));
  const auto known = unsettled_.find({queue.folder.value, uid.value});
  if (known != unsettled_.end()) item.envelope = known->second;
  TRY_ASSIGN(item.body, snapshot.unchecked_body(message->body));
  item.bytes = message->size;
  item.received_s = message->internal_date_s;
  item.suspended = (message->flags & store::kFlagged) != 0;
  return item;
}

Task<Result<std::optional<store::Uid>>> QueueEngine::move_item(HopQueue& from, store::Uid uid,
                                                               HopQueue& to) {
  auto moved =
      co_await database_->move(server_actor(), from.folder, {{uid.value, uid.value}}, to.folder);
  if (!moved) co_return fail(std::move(moved).error());
  if (moved->to.empty()) co_return std::nullopt;
  ++from.done;
  ++to.taken;
  if (from.hop && !to.hop) --waiting_;
  if (!from.hop && to.hop) ++waiting_;
  co_return moved->to.front();
}

// The same message for some of its recipients.
Task<Result<>> QueueEngine::append_item(HopQueue& to, const Envelope& envelope,
                                        const StoredItem& original) {
  CO_TRY(original.body.check());
  std::vector<store::NewMessage> messages;
  messages.push_back({std::make_shared<const std::string>(original.body.bytes),
                      0,
                      {},
                      original.received_s,
                      to_annotation(envelope)});
  CO_TRY_ASSIGN(const auto appended,
                co_await database_->append(server_actor(), to.folder, std::move(messages)));
  ++to.taken;
  if (to.hop) {
    ++waiting_;
    to.index.add(arrived(appended.uids.front(), envelope));
    wake(to);
  }
  co_return Result<>{};
}

Task<Result<>> QueueEngine::rewrite(HopQueue& queue, store::Uid uid, const Envelope& envelope) {
  return database_->annotate(server_actor(), queue.folder, uid, to_annotation(envelope));
}

Task<Result<>> QueueEngine::remove(HopQueue& queue, store::Uid uid) {
  CO_TRY_ASSIGN(const auto gone, co_await database_->expunge(server_actor(), queue.folder,
                                                             {{uid.value, uid.value}}, false));
  if (gone.empty()) co_return Result<>{};
  ++queue.done;
  if (queue.hop) --waiting_;
  co_return Result<>{};
}

WallTime QueueEngine::expires(const Envelope& envelope) const {
  return std::max(envelope.received, envelope.hold_until) + options_.expiry;
}

// When the sender is to hear something next, if the message is still here then.
std::uint32_t QueueEngine::age_of(const Envelope& envelope) const {
  WallTime next = expires(envelope);
  const bool by_time = envelope.deliver_by != WallTime{};
  if (by_time && !envelope.deliver_by_notify) next = std::min(next, envelope.deliver_by);
  const bool unreported = std::ranges::any_of(envelope.recipients,
                                              [](const Recipient& r) { return !r.delay_reported; });
  if (unreported && !envelope.sender.empty() && !envelope.report) {
    if (options_.delay_notice > Seconds(0)) {
      next =
          std::min(next, std::max(envelope.received, envelope.hold_until) + options_.delay_notice);
    }
    if (by_time && envelope.deliver_by_notify) next = std::min(next, envelope.deliver_by);
  }
  return unix_seconds(next);
}

// A mailbox database was tried just before its mail came here.
IndexedItem QueueEngine::indexed(const HopQueue& queue, store::Uid uid,
                                 const Envelope& envelope) const {
  IndexedItem entry = arrived(uid, envelope);
  if (!queue.is_local() || envelope.attempts > 0 || envelope.next_attempt != WallTime{})
    return entry;
  const WallTime due = std::max(envelope.received, WallTime{}) + options_.mailbox_first;
  if (due > clock_.now()) entry.due_s = std::max(entry.due_s, unix_seconds(due));
  return entry;
}

IndexedItem QueueEngine::arrived(store::Uid uid, const Envelope& envelope) const {
  const WallTime now = clock_.now();
  WallTime due = std::max(envelope.hold_until, envelope.next_attempt);
  const bool by_time = envelope.deliver_by != WallTime{} && envelope.deliver_by > now;
  if (by_time) due = std::min(due, envelope.deliver_by);
  return {.uid = uid.value,
          .due_s = due <= now ? 0 : unix_seconds(due),
          .age_s = age_of(envelope),
          .sender = ItemIndex::lane(envelope.sender),
          .priority = envelope.priority};
}

Task<void> QueueEngine::load_all() {
  std::vector<std::string> names;
  for (const auto& [name, queue] : queues_) {
    if (queue->hop && queue->load_below > 1) names.push_back(name);
  }
  for (const std::string& name : names) {
    HopQueue* queue = find(name);
    if (queue) co_await load_queue(QueueUse(*queue));
    if (was_cancelled(co_await asio::this_coro::cancellation_state)) co_return;
  }
}

// What stood there when the process began; in slices, so that others get their turn.
Task<void> QueueEngine::load_queue(QueueUse queue) {
  constexpr std::size_t kSlice = 500;
  std::uint32_t next = 1;
  while (next < queue->load_below) {
    {
      const store::Snapshot snapshot = database_->snapshot();
      std::size_t seen = 0;
      const store::UidRange range{next, queue->load_below - 1};
      next = queue->load_below;
      snapshot.for_each_message(queue->folder, range, [&](const store::Message& message) {
        if (seen++ == kSlice) {
          next = message.uid.value;
          return false;
        }
        const auto envelope =
            envelope_from_annotation(snapshot.annotation(queue->folder, message.uid));
        // What cannot be read is found out when its turn comes.
        queue->index.add(envelope ? arrived(message.uid, *envelope)
                                  : IndexedItem{.uid = message.uid.value});
        return true;
      });
    }
    wake(*queue);
    co_await yield_now();
    if (was_cancelled(co_await asio::this_coro::cancellation_state)) co_return;
  }
  queue->load_below = 0;
}

Task<Result<>> QueueEngine::set_suspended(std::string name, bool suspended) {
  HopQueue* queue = find(name);
  if (!queue) co_return fail(ErrorCode::kNotFound, "no queue is named " + name);
  if (!queue->hop) {
    co_return fail(ErrorCode::kInvalid,
                   name + " stands still by itself: nothing there is ever tried");
  }
  const QueueUse use(*queue);
  const auto folder = database_->snapshot().folder(queue->folder);
  if (!folder) co_return fail(ErrorCode::kNotFound, "no queue is named " + name);
  std::optional<std::string> value;
  if (suspended) value = "1";
  CO_TRY(co_await database_->set_metadata(
      server_actor(), folder->mailbox, queue->folder,
      {store::MetadataChange{{}, std::string(kSuspendedEntry), std::move(value)}}));
  queue->suspended = suspended;
  log::info(suspended ? "queue.suspended" : "queue.resumed", {{"queue", name}});
  wake(*queue);
  co_return Result<>{};
}

}  // namespace hauspost::transport
