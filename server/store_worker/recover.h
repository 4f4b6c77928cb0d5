// Deleted messages: listed, put back, dropped for good.
#pragma once

#include "server/store_worker/limits_cache.h"
#include "store/database.h"

namespace hauspost::child::wire {
class RecoverListReply;
class RecoverRequest;
class RecoverStepReply;
}  // namespace hauspost::child::wire

namespace hauspost::store_worker {

// One call looks at this many messages at most and says where the next one goes on.
inline constexpr std::size_t kRecoverStepMax = 5000;
inline constexpr std::uint32_t kRecoverListMax = 1000;

Task<Result<child::wire::RecoverListReply>> list_deleted(store::Database& database,
                                                         LimitsCache& limits,
                                                         child::wire::RecoverRequest request);
// Restored, or with `purge` dropped. kOverQuota names what was restored before.
Task<Result<child::wire::RecoverStepReply>> take_deleted(store::Database& database,
                                                         child::wire::RecoverRequest request,
                                                         bool purge);

}  // namespace hauspost::store_worker
