#include "server/store_worker/mailbox_care.h"

#include <asio/post.hpp>

#include "base/log.h"
#include "base/text.h"

namespace hauspost::store_worker {

namespace {

constexpr Duration kGatherTime = std::chrono::seconds(1);  // between looks at mailboxes that grow
constexpr Duration kHouseInterval = std::chrono::hours(1);

}  // namespace

MailboxCare::MailboxCare(Executor executor, store::Database& database, LimitsCache& limits,
                         const Clock& clock, std::string hostname)
    : executor_(executor),
      database_(database),
      limits_(limits),
      clock_(clock),
      hostname_(std::move(hostname)),
      touched_(executor),
      tasks_(executor) {}

void MailboxCare::start() {
  limits_.set_on_touched([this] {
    asio::post(executor_, [this] {
      has_touched_ = true;
      touched_.notify_all();
    });
  });
  tasks_.spawn("care.quotas", watch_quotas());
  tasks_.spawn("care.house", keep_house());
}

Task<void> MailboxCare::stop() {
  limits_.set_on_touched({});
  tasks_.stop();
  co_await tasks_.join();
  co_await yield_now();  // what was posted before has run
}

void MailboxCare::note_refused(const Guid& mailbox) {
  refused_.insert(mailbox);
  has_touched_ = true;
  touched_.notify_all();
}

std::int64_t MailboxCare::now_s() const {
  return std::chrono::floor<Seconds>(clock_.now()).time_since_epoch().count();
}

Task<void> MailboxCare::watch_quotas() {
  while (true) {
    while (!has_touched_) {
      if (!co_await touched_.wait()) co_return;
    }
    has_touched_ = false;
    if (!co_await sleep_for(kGatherTime)) co_return;
    std::unordered_set<Guid> refused = std::exchange(refused_, {});
    std::unordered_set<Guid> mailboxes = limits_.take_touched();
    mailboxes.insert(refused.begin(), refused.end());
    for (const Guid& mailbox : mailboxes) {
      co_await check(mailbox, refused.contains(mailbox));
      if (was_cancelled(co_await asio::this_coro::cancellation_state)) co_return;
    }
  }
}

// A level is told when it is reached from below; who falls below it and comes back is told again,
// though not twice a day (the delivery's id sees to that, also over a restart).
Task<void> MailboxCare::check(Guid guid, bool refused) {
  const auto mailbox = database_.snapshot().mailbox(guid);
  if (!mailbox || mailbox->disconnected_s != 0) {
    levels_.erase(guid);
    co_return;
  }
  QuotaLevel level = quota_level(mailbox->bytes, limits_.of(guid));
  if (refused) level = QuotaLevel::kFull;
  const auto before = levels_.find(guid);
  const QuotaLevel told = before == levels_.end() ? QuotaLevel::kFine : before->second;
  if (level > told) {
    const auto warned = co_await warn(*mailbox, level);
    if (!warned) {
      log::warning("quota.warning.failed",
                   {{"mailbox", guid.to_string()}, {"cause", warned.error()}});
      co_return;
    }
  }
  if (level == QuotaLevel::kFine)
    levels_.erase(guid);
  else
    levels_[guid] = level;
}

Task<Result<>> MailboxCare::warn(const store::Mailbox& mailbox, QuotaLevel level) {
  CO_TRY_ASSIGN(const auto entry, limits_.directory().mailbox(mailbox.guid));
  if (!entry) co_return Result<>{};
  QuotaWarning warning;
  warning.level = level;
  warning.address = entry->address;
  warning.hostname = hostname_;
  warning.bytes = mailbox.bytes;
  warning.limits = limits_.of(mailbox.guid);
  warning.time = clock_.now();
  warning.id = quota_warning_id(mailbox.guid, level, warning.time);
  store::Delivery delivery;
  delivery.id = warning.id;
  delivery.body = std::make_shared<const std::string>(quota_warning_text(warning));
  delivery.internal_date_s = now_s();
  delivery.targets.push_back({.mailbox = mailbox.guid, .label = entry->address});
  delivery.beyond_quota = true;
  CO_TRY_ASSIGN(const auto delivered, co_await database_.deliver({}, std::move(delivery)));
  if (!delivered.front().duplicate) {
    log::info("quota.warned",
              {{"mailbox", entry->address}, {"level", to_string(level)}, {"bytes", mailbox.bytes}});
  }
  co_return Result<>{};
}

Task<void> MailboxCare::keep_house() {
  while (true) {
    const std::vector<store::Mailbox> mailboxes = database_.snapshot().mailboxes();
    for (const store::Mailbox& mailbox : mailboxes) {
      const auto done = co_await look_after(mailbox);
      if (was_cancelled(co_await asio::this_coro::cancellation_state)) co_return;
      if (!done)
        log::warning("mailbox.care.failed",
                     {{"mailbox", mailbox.guid.to_string()}, {"cause", done.error()}});
      co_await yield_now();
    }
    if (!co_await sleep_for(kHouseInterval)) co_return;
  }
}

// The directory says who has an owner. A call that should have told us may have been lost with a
// crash, or the database was not mounted then.
Task<Result<>> MailboxCare::look_after(store::Mailbox mailbox) {
  CO_TRY_ASSIGN(const auto entry, limits_.directory().mailbox(mailbox.guid));
  const bool owned = entry && iequals(entry->database, limits_.database());
  if (owned && mailbox.disconnected_s != 0)
    CO_TRY(co_await database_.set_disconnected({}, mailbox.guid, 0));
  if (owned) co_return co_await trim(mailbox.guid);
  if (mailbox.disconnected_s == 0) {
    log::info("mailbox.disconnected", {{"mailbox", mailbox.label}});
    co_return co_await database_.set_disconnected({}, mailbox.guid, now_s());
  }
  CO_TRY_ASSIGN(const auto limits, limits_.try_of(mailbox.guid));
  if (now_s() - mailbox.disconnected_s < limits.keep_disconnected_s) co_return Result<>{};
  CO_TRY(co_await database_.delete_mailbox({}, mailbox.guid));
  log::info("mailbox.purged", {{"mailbox", mailbox.label},
                               {"guid", mailbox.guid.to_string()},
                               {"messages", mailbox.messages}});
  co_return Result<>{};
}

Task<Result<>> MailboxCare::trim(Guid mailbox) {
  CO_TRY(limits_.try_of(mailbox));  // unknown limits are no reason to let anything go
  std::uint64_t total = 0;
  for (std::uint64_t step = 1; step != 0; total += step) {
    CO_TRY_ASSIGN(step, co_await database_.trim_recoverable({}, mailbox));
    if (was_cancelled(co_await asio::this_coro::cancellation_state)) break;
  }
  if (total != 0)
    log::info("mailbox.trimmed", {{"mailbox", mailbox.to_string()}, {"messages", total}});
  co_return Result<>{};
}

}  // namespace hauspost::store_worker
