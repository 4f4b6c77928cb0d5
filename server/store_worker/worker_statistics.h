// What a store worker says of its database: sizes, and how its upkeep goes.
#pragma once

#include "store/database.h"
#include "store/scan_state.h"

namespace hauspost::child::wire {
class StoreStatistics;
}  // namespace hauspost::child::wire

namespace hauspost::store_worker {

child::wire::StoreStatistics worker_statistics(const store::Database& database,
                                               const store::ScanState& scan);

}  // namespace hauspost::store_worker
