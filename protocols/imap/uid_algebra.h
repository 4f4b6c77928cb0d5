// Sets of UIDs against each other.
#pragma once

#include <span>

#include "store/uid_set.h"

namespace hauspost::imap {

// What is in both. Linear in their ranges.
store::UidSet intersection(const store::UidSet& a, const store::UidSet& b);
// What of `set` is not among the rising `uids`. For each range of `set` a search, for each of its
// elements in `uids` a step.
store::UidSet without(const store::UidSet& set, std::span<const std::uint32_t> uids);

}  // namespace hauspost::imap
