#include "server/store_worker/limits_cache.h"

#include "base/log.h"

namespace hauspost::store_worker {

static_assert(directory::kUnlimited == store::kUnlimited);

namespace {

constexpr std::int64_t kKeepLongest_s = 10LL * 366 * 24 * 3600;

}  // namespace

Result<directory::EffectiveLimits> LimitsCache::read(const Guid& mailbox) const {
  auto limits = directory_.limits(mailbox);
  if (limits || limits.error().code != ErrorCode::kNotFound) return limits;
  TRY_ASSIGN(const auto database, directory_.database(database_));
  directory::EffectiveLimits defaults;
  if (database) apply(database->limits, defaults);
  return defaults;
}

Result<directory::EffectiveLimits> LimitsCache::try_of(const Guid& mailbox) {
  TRY_ASSIGN(const std::uint64_t version, directory_.version());
  const std::scoped_lock lock(mutex_);
  const auto found = entries_.find(mailbox);
  if (found != entries_.end() && found->second.version == version) return found->second.limits;
  TRY_ASSIGN(const directory::EffectiveLimits limits, read(mailbox));
  if (found == entries_.end() && entries_.size() >= kEntriesMax) entries_.clear();
  entries_.insert_or_assign(mailbox, Entry{limits, version});
  return limits;
}

std::optional<directory::EffectiveLimits> LimitsCache::last_known(const Guid& mailbox) {
  const std::scoped_lock lock(mutex_);
  const auto found = entries_.find(mailbox);
  if (found == entries_.end()) return std::nullopt;
  return found->second.limits;
}

directory::EffectiveLimits LimitsCache::of(const Guid& mailbox) {
  const auto limits = try_of(mailbox);
  if (limits) return *limits;
  log::error("limits.unreadable", {{"cause", limits.error()}});
  return last_known(mailbox).value_or(directory::EffectiveLimits());
}

// A directory that cannot be read neither turns mail away nor lets deleted mail go early.
store::MailboxLimits LimitsCache::cautious(const Guid& mailbox) {
  store::MailboxLimits out;
  const auto known = last_known(mailbox);
  out.keep_deleted_s = known ? known->keep_deleted_s : kKeepLongest_s;
  return out;
}

store::MailboxLimits LimitsCache::for_store(const Guid& mailbox) {
  const auto now = try_of(mailbox);
  if (!now) {
    log::error("limits.unreadable", {{"cause", now.error()}});
    return cautious(mailbox);
  }
  const directory::EffectiveLimits& limits = *now;
  const bool bounded = limits.warn_bytes != directory::kUnlimited ||
                       limits.prohibit_send_bytes != directory::kUnlimited ||
                       limits.prohibit_receive_bytes != directory::kUnlimited;
  if (bounded) {
    const std::scoped_lock lock(mutex_);
    const bool first = touched_.empty();
    touched_.insert(mailbox);
    if (first && on_touched_) on_touched_();
  }
  return {.warn_bytes = limits.warn_bytes,
          .prohibit_send_bytes = limits.prohibit_send_bytes,
          .prohibit_receive_bytes = limits.prohibit_receive_bytes,
          .recoverable_bytes = limits.recoverable_bytes,
          .keep_deleted_s = limits.keep_deleted_s};
}

std::unordered_set<Guid> LimitsCache::take_touched() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(touched_, {});
}

void LimitsCache::set_on_touched(std::function<void()> call) {
  const std::scoped_lock lock(mutex_);
  on_touched_ = std::move(call);
  if (on_touched_ && !touched_.empty()) on_touched_();
}

}  // namespace hauspost::store_worker
