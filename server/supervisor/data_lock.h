// The lock of a data root: one supervisor at a time. Children inherit it, so that a new supervisor
// waits until the last child of a killed one is gone.
#pragma once

#include "base/result.h"
#include "server/supervisor/unique_fd.h"

namespace hauspost::supervisor {

// Blocks at most ten seconds, for the children of a dead supervisor. kExists: a live one has it.
Result<UniqueFd> lock_data_root(const std::string& data_root);

}  // namespace hauspost::supervisor
