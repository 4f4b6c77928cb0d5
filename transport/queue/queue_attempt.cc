// One attempt to deliver one item, and what follows from it.
#include "base/log.h"
#include "base/text.h"
#include "transport/queue/ageing.h"
#include "transport/queue/queue_engine.h"

namespace hauspost::transport {

namespace {

constexpr Seconds kOwnFault{60};  // after a failure of ours
// While the store takes no word of so many attempts, no others are made.
constexpr std::size_t kUnsettledMax = 1000;

std::string text_of(const RecipientResult& result) {
  if (result.diagnostic.empty()) return result.status;
  return result.remote_host.empty() ? result.diagnostic
                                    : result.remote_host + " said: " + result.diagnostic;
}

std::vector<std::string_view> addresses_of(const Envelope& envelope) {
  std::vector<std::string_view> out;
  for (const Recipient& recipient : envelope.recipients) out.push_back(recipient.address);
  return out;
}

}  // namespace

struct QueueEngine::Outcome {
  std::vector<Recipient> left;
  std::vector<Recipient> delivered;  // into mailboxes
  std::vector<DsnRecipient> reports;
  std::string error;
};

Task<void> QueueEngine::attempt(HopQueue& queue, IndexedItem entry) {
  const store::Uid uid(entry.uid);
  auto loaded = load(queue, uid);
  if (!loaded) {
    if (auto kept = co_await poison(queue, uid, loaded.error().text); !kept)
      log::error("queue.unreadable", {{"item", uid.value}, {"error", kept.error()}});
    co_return;
  }
  if (!*loaded || (*loaded)->suspended) co_return;
  StoredItem item = std::move(**loaded);
  if (auto settled = co_await settle_late(queue, item); !settled) {
    log::error("queue.settle", {{"queue", queue.name}, {"error", settled.error()}});
    entry.due_s = unix_seconds(clock_.now() + kOwnFault);
    queue.index.add(entry);
    co_return;
  }
  if (item.envelope.recipients.empty() || !is_its_turn(queue, item, entry)) co_return;
  auto elsewhere = co_await reroute(queue, item);
  if (!elsewhere) {
    log::error("queue.reroute", {{"queue", queue.name}, {"error", elsewhere.error()}});
    entry.due_s = unix_seconds(clock_.now() + kOwnFault);
    queue.index.add(entry);
    co_return;
  }
  if (*elsewhere) co_return;
  if (queue.is_unreachable()) {
    entry.due_s = kNever;
    entry.urgent = false;
    queue.index.add(entry);
    co_await yield_now();
    co_return;
  }
  if (is_too_late(item.envelope)) {
    const auto left = co_await age(queue, item, {});
    if (left && !*left) co_return;
    entry.due_s = unix_seconds(clock_.now() + kOwnFault);
    queue.index.add(entry);
    co_return;
  }
  if (auto sound = item.body.check(); !sound) {
    if (auto kept = co_await poison(queue, uid, sound.error().text); !kept)
      log::error("queue.unreadable", {{"item", uid.value}, {"error", kept.error()}});
    co_return;
  }
  co_await carry(queue, std::move(item), entry);
}

// RFC 2852 section 4.1: what is to be returned when it is late is not delivered late.
bool QueueEngine::is_too_late(const Envelope& envelope) const {
  return envelope.deliver_by != WallTime{} && !envelope.deliver_by_notify &&
         envelope.deliver_by <= clock_.now();
}

bool QueueEngine::is_its_turn(HopQueue& queue, const StoredItem& item, IndexedItem entry) {
  const WallTime now = clock_.now();
  const bool late = item.envelope.deliver_by != WallTime{} && item.envelope.deliver_by <= now;
  const bool held = item.envelope.hold_until > now;
  const bool waits = item.envelope.next_attempt > now && !entry.urgent && !late;
  if (!held && !waits) return true;
  IndexedItem again = indexed(queue, item.uid, item.envelope);
  if (held) again.due_s = unix_seconds(item.envelope.hold_until);
  queue.index.add(again);
  return false;
}

// True: nothing is left of it in this queue. Each part that went elsewhere is written down at once:
// at worst the last of them is in two queues, and its recipients alone are repeated.
Task<Result<bool>> QueueEngine::reroute(HopQueue& queue, StoredItem& item) {
  if (item.envelope.redirected) co_return false;
  std::map<NextHop, std::vector<Recipient>> hops;
  for (const Recipient& recipient : item.envelope.recipients)
    hops[world_->router.route(recipient, item.bytes)].push_back(recipient);
  // While nobody can say where it goes, a mailbox's mail stays where it is.
  if (queue.is_local()) {
    const auto nowhere = hops.find(NextHop{});
    if (nowhere != hops.end()) {
      auto& here = hops[*queue.hop];
      here.insert(here.end(), nowhere->second.begin(), nowhere->second.end());
      hops.erase(NextHop{});
    }
  }
  if (hops.size() == 1 && hops.begin()->first == *queue.hop) co_return false;
  if (hops.size() == 1) {
    CO_TRY_ASSIGN(const QueueUse to, co_await queue_of(queue_name(hops.begin()->first)));
    CO_TRY_ASSIGN(const auto moved, co_await move_item(queue, item.uid, *to));
    if (moved) to->index.add(arrived(*moved, item.envelope));
    wake(*to);
    co_return true;
  }
  const auto stays = [&](const auto& share) { return share.first == *queue.hop; };
  for (;;) {
    const auto next = std::ranges::find_if_not(hops, stays);
    if (next == hops.end()) co_return false;
    const auto share = hops.extract(next);
    Envelope part = item.envelope;
    part.recipients = share.mapped();
    CO_TRY_ASSIGN(const QueueUse to, co_await queue_of(queue_name(share.key())));
    CO_TRY(co_await append_item(*to, part, item));
    item.envelope.recipients.clear();
    for (const auto& [hop, recipients] : hops)
      std::ranges::copy(recipients, std::back_inserter(item.envelope.recipients));
    CO_TRY(co_await leave(queue, item.uid, item.envelope));
    if (item.envelope.recipients.empty()) co_return true;
  }
}

Task<Result<>> QueueEngine::leave(HopQueue& queue, store::Uid uid, const Envelope& left) {
  Result<> written;
  if (left.recipients.empty())
    written = co_await remove(queue, uid);
  else
    written = co_await rewrite(queue, uid, left);
  const MarkedItem key{queue.folder.value, uid.value};
  if (written)
    unsettled_.erase(key);
  else
    unsettled_.insert_or_assign(key, left);
  co_return written;
}

// What an earlier attempt could not write down.
Task<Result<>> QueueEngine::settle_late(HopQueue& queue, const StoredItem& item) {
  const bool unsettled = unsettled_.contains({queue.folder.value, item.uid.value});
  if (unsettled || item.envelope.recipients.empty())
    co_return co_await leave(queue, item.uid, item.envelope);
  if (unsettled_.size() >= kUnsettledMax)
    co_return fail(ErrorCode::kUnavailable, "the store does not take what became of other mail");
  co_return Result<>{};
}

Task<void> QueueEngine::carry(HopQueue& queue, StoredItem item, IndexedItem entry) {
  const std::uint32_t generation = queue.generation;
  const MarkedItem mark{queue.folder.value, entry.uid};
  const bool suspect = marks_.is_suspect(mark);
  if (suspect && suspect_active_) {
    suspects_.emplace_back(queue.name, entry);
    co_return;
  }
  if (suspect) suspect_active_ = true;
  marks_.begin(mark);
  // Until what follows is done, too: a report about the message may be what kills the process.
  struct Trial {
    QueueEngine& engine;
    MarkedItem mark;
    bool suspect;
    ~Trial() {
      engine.marks_.end(mark);
      if (suspect) engine.let_suspects_go();
    }
  } const trial{*this, mark, suspect};
  CarryReport result = co_await world_->carrier.carry(*queue.hop, item.envelope, item.body.bytes);
  const bool stopped = was_cancelled(co_await asio::this_coro::cancellation_state);
  if (stopped && result.hop_failed) co_return;
  // What was achieved is written down, whatever happens around.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  if (!result.hop_failed && result.recipients.size() != item.envelope.recipients.size())
    result = {.hop_failed = true, .error = "the wrong number of results"};
  entry.urgent = false;
  entry.due_s = 0;
  if (result.hop_failed) {
    track(TrackEvent::kDefer, item.envelope, queue, addresses_of(item.envelope),
          {RecipientResult::Kind::kDeferred, {}, result.error, {}}, item.bytes);
    hop_failed(queue, generation, std::move(result.error));
    const auto left = co_await age(queue, item, queue.last_error);
    entry.age_s = age_of(item.envelope);
    // Behind the others: should it be this message that the hop cannot bear, they get through.
    if (!left || *left) queue.index.add(entry);
    co_return;
  }
  hop_succeeded(queue, generation);
  const auto settled = co_await settle(queue, item, judge(queue, item, result));
  if (settled) co_return;
  log::error("queue.settle", {{"queue", queue.name}, {"error", settled.error()}});
  entry.due_s = unix_seconds(clock_.now() + kOwnFault);
  queue.index.add(entry);
}

// The next of them to be tried makes the others wait again.
void QueueEngine::let_suspects_go() {
  suspect_active_ = false;
  for (const auto& [name, entry] : std::exchange(suspects_, {})) {
    HopQueue* queue = find(name);
    if (!queue) continue;
    queue->index.add(entry);
    wake(*queue);
  }
}

QueueEngine::Outcome QueueEngine::judge(const HopQueue& queue, const StoredItem& item,
                                        const CarryReport& report) {
  using Kind = RecipientResult::Kind;
  Outcome outcome;
  const WallTime now = clock_.now();
  for (std::size_t i = 0; i < report.recipients.size(); ++i) {
    Recipient recipient = item.envelope.recipients[i];
    const RecipientResult& result = report.recipients[i];
    const auto note = [&](DsnAction action) {
      outcome.reports.push_back({recipient, action, result, now, {}});
    };
    const auto event = [&](TrackEvent what) {
      track(what, item.envelope, queue, {recipient.address}, result, item.bytes);
    };
    switch (result.kind) {
      case Kind::kDelivered:
        note(DsnAction::kDelivered);
        event(TrackEvent::kDeliver);
        outcome.delivered.push_back(std::move(recipient));
        break;
      case Kind::kRelayedBlind:
        note(DsnAction::kRelayed);
        event(TrackEvent::kSend);
        break;
      case Kind::kRelayed:
        // RFC 2852: by-trace asks for a word from every host on the way.
        if (item.envelope.deliver_by_trace) note(DsnAction::kRelayed);
        event(TrackEvent::kSend);
        break;
      case Kind::kFailed:
        note(DsnAction::kFailed);
        event(TrackEvent::kFail);
        log::info("queue.failed", {{"id", item.envelope.delivery.to_string()},
                                   {"recipient", recipient.address},
                                   {"error", text_of(result)}});
        break;
      case Kind::kDeferred:
        event(TrackEvent::kDefer);
        ++recipient.attempts;
        recipient.last_error = text_of(result);
        outcome.error = recipient.address + ": " + recipient.last_error;
        outcome.left.push_back(std::move(recipient));
        break;
    }
  }
  return outcome;
}

// Reports first: a recipient leaves only when its sender is sure to hear what is to be heard.
Task<Result<>> QueueEngine::settle(HopQueue& queue, StoredItem& item, Outcome outcome) {
  Envelope next = item.envelope;
  next.recipients = std::move(outcome.left);
  next.last_error = outcome.error;
  ++next.attempts;
  const std::vector<Recipient> before = next.recipients;
  std::vector<DsnRecipient> aged = age_recipients(
      next, {.now = clock_.now(), .expires = expires(next), .notice = options_.delay_notice});
  outcome.reports.insert(outcome.reports.end(), aged.begin(), aged.end());
  if (auto told = co_await this->report(item, outcome.reports); !told) {
    log::error("queue.report",
               {{"id", item.envelope.delivery.to_string()}, {"error", told.error()}});
    next.recipients = before;
    for (const DsnRecipient& about : outcome.reports) {
      const bool aged_out =
          std::ranges::find(before, about.recipient.address, &Recipient::address) != before.end();
      if (about.action == DsnAction::kFailed && !aged_out)
        next.recipients.push_back(about.recipient);
    }
  }
  // What was resubmitted is in the net already; it and reports count as reports.
  if (!outcome.delivered.empty() && options_.safety_net > Seconds(0) && !item.envelope.report) {
    Envelope delivered = item.envelope;
    delivered.recipients = std::move(outcome.delivered);
    const bool whole = next.recipients.empty();
    const auto kept = co_await keep(queue, item, delivered, whole);
    if (kept && whole) co_return Result<>{};
    if (!kept) {
      log::error("queue.safety_net",
                 {{"id", item.envelope.delivery.to_string()}, {"error", kept.error()}});
    }
  }
  if (next.recipients.empty()) {
    log::debug("queue.done", {{"id", item.envelope.delivery.to_string()}, {"queue", queue.name}});
    co_return co_await leave(queue, item.uid, next);
  }
  next.next_attempt =
      clock_.now() + (queue.is_local() ? options_.mailbox_interval : options_.message_interval);
  CO_TRY(co_await leave(queue, item.uid, next));
  queue.index.add(indexed(queue, item.uid, next));
  co_return Result<>{};
}

void QueueEngine::hop_succeeded(HopQueue& queue, std::uint32_t generation) {
  queue.succeeded = queue.succeeded || generation == queue.generation;
  if (queue.failures > 0) log::info("queue.works_again", {{"queue", queue.name}});
  queue.failures = 0;
  queue.retry_at = SteadyTime::min();
  queue.last_error.clear();
  queue.limit = std::min(queue.limit + 1, options_.hop_connections_max);
}

// Several attempts may find out at the same time what is one failure. A hop that takes mail on
// other connections only wants fewer of them.
void QueueEngine::hop_failed(HopQueue& queue, std::uint32_t generation, std::string error) {
  if (queue.generation != generation) return;
  ++queue.generation;
  const auto others = static_cast<std::uint32_t>(queue.in_flight.size()) - 1;
  const bool busy = std::exchange(queue.succeeded, false) && others > 0;
  queue.last_error = std::move(error);
  if (busy) {
    queue.limit = others;
    return;
  }
  queue.limit = 1;
  ++queue.failures;
  const Duration delay = hop_delay(queue);
  queue.retry_at = clock_.steady() + delay;
  log::warning("queue.waits", {{"queue", queue.name},
                               {"failures", queue.failures},
                               {"seconds", std::chrono::floor<Seconds>(delay).count()},
                               {"error", queue.last_error}});
}

Duration QueueEngine::hop_delay(const HopQueue& queue) const {
  if (queue.is_local()) {
    constexpr std::uint32_t kDoublingsMax = 10;
    const Seconds delay =
        options_.mailbox_first * (1U << std::min(queue.failures - 1, kDoublingsMax));
    return std::min(delay, options_.mailbox_interval);
  }
  if (queue.failures <= options_.glitch_retries) return options_.glitch_interval;
  if (queue.failures <= options_.glitch_retries + options_.transient_retries)
    return options_.transient_interval;
  return options_.failure_interval;
}

// What cannot be read, or kills who reads it, is kept where nobody tries it.
Task<Result<>> QueueEngine::poison(HopQueue& queue, store::Uid uid, std::string why) {
  CO_TRY_ASSIGN(const QueueUse to, co_await queue_of(std::string(kPoisonQueue)));
  const auto item = load(queue, uid);
  CO_TRY(co_await move_item(queue, uid, *to));
  log::error("queue.poison", {{"queue", queue.name}, {"item", uid.value}, {"error", why}});
  if (item && *item) {
    const RecipientResult result{RecipientResult::Kind::kDeferred, {}, std::move(why), {}};
    track(TrackEvent::kPoison, (*item)->envelope, queue, addresses_of((*item)->envelope), result,
          (*item)->bytes);
  }
  co_return Result<>{};
}

Task<Result<>> QueueEngine::poison_suspects() {
  for (const MarkedItem& marked : marks_.poisonous()) {
    for (auto& [name, queue] : queues_) {
      if (queue->folder.value != marked.folder || !queue->hop) continue;
      const QueueUse use(*queue);
      CO_TRY(co_await poison(*queue, store::Uid(marked.uid),
                             "the server failed each time it tried this message"));
      break;
    }
    marks_.forget(marked);
  }
  co_return Result<>{};
}

}  // namespace hauspost::transport
