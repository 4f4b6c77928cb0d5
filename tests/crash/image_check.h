// Opens what a power loss left behind and holds it against the ledger.
#pragma once

#include <string>

#include "base/result.h"
#include "tests/crash/ledger.h"

namespace hauspost::crash {

// `point`: events of the trace before the loss. Fails with a text that says what was lost, doubled,
// damaged or went backwards.
Result<> check_image(const std::string& folder, const Ledger& ledger, std::size_t point);

}  // namespace hauspost::crash
