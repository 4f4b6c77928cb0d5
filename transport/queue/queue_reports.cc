// What senders hear of their messages.
#include "base/crypto/sha256.h"
#include "base/log.h"
#include "protocols/smtp/address.h"
#include "transport/queue/ageing.h"
#include "transport/queue/queue_engine.h"

namespace hauspost::transport {

namespace {

// The same report is the same delivery, however often a crash makes us send it.
Guid report_id(const Envelope& original, DsnAction action, const std::vector<DsnRecipient>& about) {
  crypto::Sha256 hash;
  hash.update(original.delivery.as_bytes());
  hash.update(std::to_string(static_cast<int>(action)));
  for (const DsnRecipient& recipient : about) {
    hash.update(recipient.recipient.address);
    hash.update(std::string_view("\0", 1));
  }
  Guid id = *Guid::from_bytes(hash.finish().substr(0, sizeof(Guid::bytes)));
  // Version 8, RFC 9562 section 5.8: made our own way.
  constexpr std::uint8_t kLow = 0x0f;
  constexpr std::uint8_t kVersion = 0x80;
  constexpr std::uint8_t kVariantLow = 0x3f;
  id.bytes[6] = (id.bytes[6] & kLow) | kVersion;
  id.bytes[8] = (id.bytes[8] & kVariantLow) | kVersion;
  return id;
}

}  // namespace

Task<Result<>> QueueEngine::report(const StoredItem& item, std::vector<DsnRecipient> about) {
  if (item.envelope.sender.empty() || item.envelope.report) co_return Result<>{};
  std::erase_if(about, [&](const DsnRecipient& recipient) {
    const bool traced = recipient.action == DsnAction::kRelayed && item.envelope.deliver_by_trace &&
                        (recipient.recipient.notify & smtp::kNotifyNever) == 0;
    return !traced && !is_wanted(recipient.recipient, recipient.action);
  });
  while (!about.empty()) {
    // An administrator's work may outlast run().
    if (!world_) co_return fail(ErrorCode::kUnavailable, "the queue is being stopped");
    const DsnAction action = about.front().action;
    std::vector<DsnRecipient> now;
    std::erase_if(about, [&](DsnRecipient& recipient) {
      if (recipient.action != action) return false;
      now.push_back(std::move(recipient));
      return true;
    });
    DsnOptions dsn = world_->dsn;
    if (world_->postmaster) dsn.postmaster = world_->postmaster();
    std::string message = compose_dsn(dsn, item.envelope, item.body.bytes, now, clock_.now());
    CO_TRY(co_await submit_report(item.envelope, action, std::move(now), std::move(message)));
  }
  co_return Result<>{};
}

Task<Result<>> QueueEngine::submit_report(const Envelope& original, DsnAction action,
                                          std::vector<DsnRecipient> about, std::string message) {
  const auto sender = smtp::address_from(original.sender);
  if (!sender) {
    log::error("queue.report_nowhere", {{"sender", original.sender}});
    co_return Result<>{};
  }
  Envelope envelope;
  envelope.delivery = report_id(original, action, about);
  envelope.network = envelope.delivery;
  envelope.received = clock_.now();
  envelope.report = true;
  envelope.require_tls = original.require_tls;  // RFC 8689 section 5
  envelope.smtputf8 = !sender->is_ascii();
  envelope.recipients = {{sender->local + "@" + sender->domain, smtp::kNotifyNever}};
  TrackedEvent event{.event = TrackEvent::kDsn, .message = envelope.network};
  event.recipients = {original.sender};
  event.source = "queue";
  event.bytes = message.size();
  event.related = original.network.is_nil() ? original.delivery : original.network;
  world_->tracker->record(event);
  if (world_->reports)
    co_return co_await world_->reports->submit(std::move(envelope), std::move(message));
  std::vector<NewItem> items;
  const NextHop hop = world_->router.route(envelope.recipients.front(), message.size());
  items.push_back({hop, std::move(envelope)});
  co_return co_await enqueue(std::move(items),
                             std::make_shared<const std::string>(std::move(message)));
}

Task<Result<bool>> QueueEngine::age(HopQueue& queue, StoredItem& item, std::string_view error) {
  Envelope next = item.envelope;
  std::vector<DsnRecipient> about = age_recipients(next, {.now = clock_.now(),
                                                          .expires = expires(next),
                                                          .notice = options_.delay_notice,
                                                          .error = std::string(error)});
  if (about.empty()) co_return true;
  if (auto told = co_await report(item, about); !told) {
    log::error("queue.report",
               {{"id", item.envelope.delivery.to_string()}, {"error", told.error()}});
    co_return true;
  }
  item.envelope = std::move(next);
  if (!item.envelope.recipients.empty()) {
    CO_TRY(co_await rewrite(queue, item.uid, item.envelope));
    co_return true;
  }
  for (const DsnRecipient& gone : about) {
    track(TrackEvent::kFail, item.envelope, queue, {gone.recipient.address}, gone.result,
          item.bytes);
    log::info("queue.expired", {{"id", item.envelope.delivery.to_string()},
                                {"recipient", gone.recipient.address},
                                {"error", gone.result.diagnostic}});
  }
  CO_TRY(co_await remove(queue, item.uid));
  co_return false;
}

Task<void> QueueEngine::age_queue(QueueUse queue, std::vector<IndexedItem> aged) {
  constexpr Seconds kAgain{60};
  for (IndexedItem& entry : aged) {
    if (was_cancelled(co_await asio::this_coro::cancellation_state)) co_return;
    if (!queue->in_flight.insert(entry.uid).second) continue;
    auto item = load(*queue, store::Uid(entry.uid));
    bool stays = item && *item && !(*item)->suspended;
    if (stays) {
      const std::string_view nowhere = "no send connector takes mail for this domain";
      const std::string error(queue->is_unreachable() ? nowhere : queue->last_error);
      const auto left = co_await age(*queue, **item, error);
      stays = !left || *left;
      entry.age_s = std::max(age_of((*item)->envelope), unix_seconds(clock_.now() + kAgain));
    }
    queue->in_flight.erase(entry.uid);
    // What cannot be read is found out at its next attempt.
    if (stays || !item) queue->index.add(entry);
  }
  wake(*queue);
}

void QueueEngine::track(TrackEvent event, const Envelope& envelope, const HopQueue& queue,
                        std::vector<std::string_view> recipients, const RecipientResult& result,
                        std::uint64_t bytes) {
  if (!world_) return;
  TrackedEvent tracked{.event = event};
  tracked.message = envelope.network.is_nil() ? envelope.delivery : envelope.network;
  tracked.session = envelope.session;
  tracked.sender = envelope.sender;
  tracked.recipients = std::move(recipients);
  tracked.source = queue.name;
  tracked.remote = result.remote_host;
  tracked.status = result.status;
  tracked.detail = result.diagnostic;
  tracked.bytes = bytes;
  world_->tracker->record(tracked);
}

}  // namespace hauspost::transport
