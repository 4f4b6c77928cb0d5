// The supervisor's calls about mailboxes (server/child/mailbox.proto).
#pragma once

#include <functional>

#include "server/child/control.h"
#include "server/store_worker/limits_cache.h"
#include "store/database.h"

namespace hauspost::store_worker {

struct MailboxCalls {
  store::Database& database;
  LimitsCache& limits;
  std::function<std::size_t(const Guid&)> sessions;  // of a user, now
};

bool is_mailbox_call(child::ControlMethod method);
// REQUIRES: is_mailbox_call(method); `calls` outlives the task.
Task<Result<std::string>> answer_mailbox_call(MailboxCalls& calls, child::ControlMethod method,
                                              std::string body);

}  // namespace hauspost::store_worker
