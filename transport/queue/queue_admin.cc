// What administrators see of the queue, and do with it.
#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "transport/queue/queue_engine.h"

namespace hauspost::transport {

namespace {

constexpr std::size_t kLookedAtMax = 5000;  // items, in one slice of a walk
constexpr std::string_view kNoWay = "no send connector takes mail for this domain";

std::string item_id(store::FolderId folder, store::Uid uid) {
  return fmt::format("{}-{}", folder.value, uid.value);
}

std::optional<std::uint32_t> number32(std::string_view text) {
  const auto number = parse_u64(text);
  if (!number || *number > UINT32_MAX) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

}  // namespace

std::string_view to_string(ItemState state) {
  switch (state) {
    case ItemState::kReady: return "ready";
    case ItemState::kActive: return "active";
    case ItemState::kRetry: return "retry";
    case ItemState::kSuspended: return "suspended";
    case ItemState::kPoison: return "poison";
  }
  return {};
}

std::string_view to_string(QueueState state) {
  switch (state) {
    case QueueState::kReady: return "ready";
    case QueueState::kConnecting: return "connecting";
    case QueueState::kActive: return "active";
    case QueueState::kRetry: return "retry";
    case QueueState::kSuspended: return "suspended";
  }
  return {};
}

std::string QueueEngine::Cursor::to_string() const { return fmt::format("{}:{}", uid, queue); }

Result<QueueEngine::Cursor> QueueEngine::Cursor::parse(std::string_view text) {
  if (text.empty()) return Cursor{};
  const std::size_t colon = text.find(':');
  const auto uid = number32(text.substr(0, colon));
  if (colon == text.npos || !uid || *uid == UINT32_MAX)
    return fail(ErrorCode::kInvalid, "a walk through the queue cannot go on from there");
  return Cursor{std::string(text.substr(colon + 1)), *uid};
}

QueueSummary QueueEngine::summarize(const HopQueue& queue, const store::Snapshot& snapshot) const {
  QueueSummary out;
  out.queue = queue.name;
  if (const auto folder = snapshot.folder(queue.folder)) {
    out.items = folder->messages;
    out.bytes = folder->bytes;
  }
  out.active = static_cast<std::uint32_t>(queue.in_flight.size());
  out.failures = queue.failures;
  out.taken = queue.taken;
  out.done = queue.done;
  out.last_error = queue.last_error;
  if (queue.suspended)
    out.state = QueueState::kSuspended;
  else if (queue.failures > 0)
    out.state = out.active > 0 ? QueueState::kConnecting : QueueState::kRetry;
  else if (out.active > 0)
    out.state = QueueState::kActive;
  if (queue.failures > 0 && !queue.suspended && out.items > 0) {
    const auto wait = std::max(queue.retry_at - clock_.steady(), Duration::zero());
    out.next_attempt = clock_.now() + std::chrono::floor<std::chrono::microseconds>(wait);
  }
  if (queue.is_unreachable() && out.items > 0) out.last_error = kNoWay;
  return out;
}

std::vector<QueueSummary> QueueEngine::summaries(std::string_view after, std::size_t limit) const {
  std::vector<QueueSummary> all;
  const store::Snapshot snapshot = database_->snapshot();
  auto at = after.empty() ? queues_.begin() : queues_.upper_bound(after);
  for (; at != queues_.end() && all.size() < limit; ++at) {
    QueueSummary summary = summarize(*at->second, snapshot);
    if (summary.items > 0 || at->second->suspended) all.push_back(std::move(summary));
  }
  return all;
}

QueueItem QueueEngine::describe(const HopQueue& queue, const store::Message& message,
                                const store::Snapshot& snapshot) const {
  QueueItem item{item_id(queue.folder, message.uid), queue.name};
  item.bytes = message.size;
  item.received = WallTime(Seconds(message.internal_date_s));
  if (queue.name == kPoisonQueue) item.state = ItemState::kPoison;
  auto envelope = envelope_from_annotation(snapshot.annotation(queue.folder, message.uid));
  if (!envelope) {
    item.last_error = envelope.error().text;
    return item;
  }
  item.sender = envelope->sender;
  for (Recipient& recipient : envelope->recipients)
    item.recipients.push_back(std::move(recipient.address));
  item.received = envelope->received;
  item.expires = expires(*envelope);
  item.priority = envelope->priority;
  item.attempts = envelope->attempts + queue.failures;
  item.message = (envelope->network.is_nil() ? envelope->delivery : envelope->network).to_string();
  item.last_error = queue.last_error.empty() ? envelope->last_error : queue.last_error;
  if (queue.is_unreachable()) item.last_error = kNoWay;
  if (!queue.hop) return item;
  const WallTime now = clock_.now();
  const std::uint32_t due_s = indexed(queue, message.uid, *envelope).due_s;
  if (queue.suspended || (message.flags & store::kFlagged) != 0)
    item.state = ItemState::kSuspended;
  else if (queue.in_flight.contains(message.uid.value))
    item.state = ItemState::kActive;
  else if (queue.failures > 0 || due_s > 0 || envelope->attempts > 0)
    item.state = ItemState::kRetry;
  if (queue.is_unreachable() || item.state == ItemState::kSuspended) return item;
  item.next_attempt = std::max(now, WallTime(Seconds(due_s)));
  if (queue.retry_at > clock_.steady()) {
    const auto wait = queue.retry_at - clock_.steady();
    item.next_attempt =
        std::max(*item.next_attempt, now + std::chrono::floor<std::chrono::microseconds>(wait));
  }
  return item;
}

Result<ItemPage> QueueEngine::list(const ItemWalk& walk) const {
  ItemPage page;
  if (!walk.id.empty()) {
    TRY_ASSIGN(QueueItem one, item(walk.id));
    page.items.push_back(std::move(one));
    return page;
  }
  TRY_ASSIGN(const Cursor cursor, Cursor::parse(walk.cursor));
  const store::Snapshot snapshot = database_->snapshot();
  const WallTime now = clock_.now();
  std::size_t looked_at = 0;
  bool more = false;
  const std::string_view from = std::max<std::string_view>(cursor.queue, walk.queue);
  for (auto at = queues_.lower_bound(from); at != queues_.end() && !more; ++at) {
    const HopQueue& queue = *at->second;
    if (!walk.queue.empty() && queue.name != walk.queue) break;
    // The Safety Net holds nothing that waits: it is shown when it is named.
    if (walk.queue.empty() && queue.name.starts_with(kSafetyNetPrefix)) continue;
    const std::uint32_t first = queue.name == cursor.queue ? cursor.uid + 1 : 1;
    snapshot.for_each_message(queue.folder, {first, UINT32_MAX},
                              [&](const store::Message& message) {
                                more = page.items.size() >= walk.limit || looked_at >= kLookedAtMax;
                                if (more) return false;
                                ++looked_at;
                                page.next = Cursor{queue.name, message.uid.value}.to_string();
                                if (walk.before != WallTime{} &&
                                    WallTime(Seconds(message.save_date_s)) >= walk.before)
                                  return true;
                                QueueItem item = describe(queue, message, snapshot);
                                if (walk.filter.matches(item, now))
                                  page.items.push_back(std::move(item));
                                return true;
                              });
  }
  if (!more) page.next.clear();
  return page;
}

Result<std::pair<const HopQueue*, store::Uid>> QueueEngine::place_of(std::string_view id) const {
  const std::size_t dash = id.find('-');
  const auto folder = number32(id.substr(0, dash));
  const auto uid = dash == id.npos ? std::nullopt : number32(id.substr(dash + 1));
  if (folder && uid) {
    for (const auto& [name, queue] : queues_) {
      if (queue->folder.value == *folder) return std::pair(queue.get(), store::Uid(*uid));
    }
  }
  return fail(ErrorCode::kNotFound,
              fmt::format("no queued message has the id {}", escape_for_log(id)));
}

Result<QueueItem> QueueEngine::item(std::string_view id) const {
  TRY_ASSIGN(const auto place, place_of(id));
  const store::Snapshot snapshot = database_->snapshot();
  const auto message = snapshot.message(place.first->folder, place.second);
  if (!message)
    return fail(ErrorCode::kNotFound, "no queued message has the id " + std::string(id));
  return describe(*place.first, *message, snapshot);
}

Result<> QueueEngine::retry(std::string_view name) {
  HopQueue* queue = find(name);
  if (!queue || !queue->hop)
    return fail(ErrorCode::kNotFound, fmt::format("no queue is named {}", escape_for_log(name)));
  queue->retry_at = SteadyTime::min();
  queue->index.make_due();
  log::info("queue.retry", {{"queue", name}});
  wake(*queue);
  return {};
}

Task<Result<ItemPage>> QueueEngine::work(ItemWalk walk, ItemWork work,
                                         std::vector<std::string>* busy) {
  CO_TRY_ASSIGN(ItemPage page, list(walk));
  if (work.action == ItemAction::kRedirect) {
    const std::string to = queue_name(work.to);
    std::erase_if(page.items, [&](const QueueItem& item) { return item.queue == to; });
  }
  if (work.dry_run) co_return page;
  if (!world_) co_return fail(ErrorCode::kUnavailable, "the queue is being stopped");
  std::vector<QueueItem> done;
  for (QueueItem& item : page.items) {
    const auto place = place_of(item.id);
    if (!place) continue;
    HopQueue* queue = find(item.queue);
    if (!queue) continue;
    const QueueUse use(*queue);
    CO_TRY_ASSIGN(const bool worked, co_await work_on(*queue, place->second, work));
    if (worked)
      done.push_back(std::move(item));
    else if (busy)
      busy->push_back(std::move(item.id));
  }
  page.items = std::move(done);
  co_return page;
}

// False: it is just being tried.
Task<Result<bool>> QueueEngine::work_on(HopQueue& queue, store::Uid uid, const ItemWork& work) {
  const bool leaves = work.action == ItemAction::kRemove || work.action == ItemAction::kRedirect ||
                      (work.action == ItemAction::kResume && !queue.hop);
  if (!leaves) co_return co_await change_item(queue, uid, work.action);
  if (!queue.in_flight.insert(uid.value).second) co_return false;
  auto item = load(queue, uid);
  Result<> outcome;
  if (work.action == ItemAction::kRemove) {
    if (item && *item)
      outcome = co_await remove_told(queue, **item, work.report);
    else if (!item)
      outcome = co_await remove(queue, uid);  // nobody can read whom to tell
  } else if (item && *item) {
    const NextHop to = work.action == ItemAction::kRedirect ? work.to : NextHop{};
    outcome = co_await redirect(queue, **item, to);
  } else if (!item) {
    outcome = fail(item.error());
  }
  queue.in_flight.erase(uid.value);
  if (!outcome && queue.hop && item && *item) {
    // Its entry may have had its turn meanwhile, and been passed over.
    queue.index.add(indexed(queue, uid, (*item)->envelope));
    wake(queue);
  }
  if (!outcome) co_return fail(std::move(outcome).error());
  co_return true;
}

Task<Result<bool>> QueueEngine::change_item(HopQueue& queue, store::Uid uid, ItemAction action) {
  if (action != ItemAction::kRetry) {
    store::FlagChange change;
    change.uids = {{uid.value, uid.value}};
    change.mode = action == ItemAction::kSuspend ? store::FlagMode::kAdd : store::FlagMode::kRemove;
    change.flags = store::kFlagged;
    CO_TRY(co_await database_->change_flags({}, queue.folder, std::move(change)));
    if (action == ItemAction::kSuspend) co_return true;
  }
  const auto item = load(queue, uid);
  if (!queue.hop || !item || !*item) co_return true;
  IndexedItem entry = indexed(queue, uid, (*item)->envelope);
  if (action == ItemAction::kRetry) {
    entry.due_s = 0;
    entry.urgent = true;
    queue.retry_at = SteadyTime::min();
  }
  queue.index.add(entry);
  wake(queue);
  co_return true;
}

Task<Result<>> QueueEngine::remove_told(HopQueue& queue, StoredItem& item, bool tell) {
  const RecipientResult result{RecipientResult::Kind::kFailed,
                               "5.3.0",
                               "the message was removed from the queue by an administrator",
                               {}};
  std::vector<DsnRecipient> about;
  std::vector<std::string_view> recipients;
  for (const Recipient& recipient : item.envelope.recipients) {
    recipients.push_back(recipient.address);
    about.push_back({recipient, DsnAction::kFailed, result, clock_.now(), {}});
  }
  const bool nobody_waits = queue.name.starts_with(kSafetyNetPrefix);
  if (tell && !nobody_waits) CO_TRY(co_await report(item, std::move(about)));
  track(tell ? TrackEvent::kFail : TrackEvent::kDrop, item.envelope, queue, std::move(recipients),
        result, item.bytes);
  log::info("queue.removed", {{"id", item.envelope.delivery.to_string()},
                              {"queue", queue.name},
                              {"told", tell && !nobody_waits}});
  co_return co_await remove(queue, item.uid);
}

// To nowhere: its next attempt routes it as if it had just come.
Task<Result<>> QueueEngine::redirect(HopQueue& queue, StoredItem& item, const NextHop& to) {
  Envelope envelope = item.envelope;
  envelope.redirected = to.kind != NextHop::Kind::kUnreachable;
  envelope.next_attempt = {};
  CO_TRY(co_await rewrite(queue, item.uid, envelope));
  CO_TRY_ASSIGN(const QueueUse next, co_await queue_of(queue_name(to)));
  CO_TRY_ASSIGN(const auto moved, co_await move_item(queue, item.uid, *next));
  if (moved) next->index.add(arrived(*moved, envelope));
  track(TrackEvent::kTransfer, envelope, *next, {}, {}, item.bytes);
  wake(*next);
  co_return Result<>{};
}

}  // namespace hauspost::transport
