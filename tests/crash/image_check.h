// Opens what a power loss left behind and holds it against the ledger.
#pragma once

#include <string>

#include "base/result.h"
#include "tests/crash/ledger.h"

namespace hauspost::crash {

// True when there was a checkpoint and yet its index was found unusable and made again from the log.
// `point`: events of the trace before the loss. Fails with a text that says what was lost, doubled,
// damaged or went backwards.
Result<bool> check_image(const std::string& folder, const Ledger& ledger, std::size_t point);

}  // namespace hauspost::crash
