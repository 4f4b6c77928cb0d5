// MailboxCare: what has to be done for mailboxes without anybody asking: warnings of full ones, the
// end of retention, and keeping step with the directory.
#pragma once

#include <unordered_map>

#include "base/condition.h"
#include "base/task_group.h"
#include "server/store_worker/limits_cache.h"
#include "server/store_worker/quota_warning.h"
#include "store/database.h"

namespace hauspost::store_worker {

// REQUIRES: one thread; the references outlive it; stop() before destruction.
class MailboxCare {
 public:
  MailboxCare(Executor executor, store::Database& database, LimitsCache& limits, const Clock& clock,
              std::string hostname);

  void start();
  Task<void> stop();

  // Mail for it was refused: it counts as full, also when a smaller message would still fit.
  void note_refused(const Guid& mailbox);

 private:
  Task<void> watch_quotas();
  Task<void> keep_house();
  Task<void> check(Guid mailbox, bool refused);
  Task<Result<>> warn(const store::Mailbox& mailbox, QuotaLevel level);
  // One mailbox, every hour: does it have an owner, what of it has outlived its retention?
  Task<Result<>> look_after(store::Mailbox mailbox);
  Task<Result<>> trim(Guid mailbox);
  std::int64_t now_s() const;

  Executor executor_;
  store::Database& database_;
  LimitsCache& limits_;
  const Clock& clock_;
  const std::string hostname_;
  Condition touched_;
  bool has_touched_ = false;
  std::unordered_set<Guid> refused_;
  std::unordered_map<Guid, QuotaLevel> levels_;  // of those that are not fine
  TaskGroup tasks_;
};

}  // namespace hauspost::store_worker
