#include "server/store_worker/limits_cache.h"

#include "base/log.h"

namespace hauspost::store_worker {

static_assert(directory::kUnlimited == store::kUnlimited);

Result<directory::EffectiveLimits> LimitsCache::read(const Guid& mailbox) const {
  auto limits = directory_.limits(mailbox);
  if (limits || limits.error().code != ErrorCode::kNotFound) return limits;
  TRY_ASSIGN(const auto database, directory_.database(database_));
  directory::EffectiveLimits defaults;
  if (database) apply(database->limits, defaults);
  return defaults;
}

directory::EffectiveLimits LimitsCache::of(const Guid& mailbox) {
  const auto version = directory_.version();
  const std::scoped_lock lock(mutex_);
  if (version && *version != version_) {
    entries_.clear();
    version_ = *version;
  }
  if (const auto found = entries_.find(mailbox); found != entries_.end()) return found->second;
  const auto limits = read(mailbox);
  if (!limits) {
    log::error("limits.unreadable", {{"cause", limits.error()}});
    return {};
  }
  if (entries_.size() >= kEntriesMax) entries_.clear();
  entries_.emplace(mailbox, *limits);
  return *limits;
}

store::MailboxLimits LimitsCache::for_store(const Guid& mailbox) {
  const directory::EffectiveLimits limits = of(mailbox);
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
