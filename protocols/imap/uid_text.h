// Sets of numbers as replies carry them: uid-set and sequence-set (RFC 3501, RFC 4315).
#pragma once

#include <span>
#include <string>

#include "store/types.h"
#include "store/uid_set.h"

namespace hauspost::imap {

// "1:3,7". REQUIRES: not empty.
std::string set_text(const store::UidSet& set);
// In the order given, runs that rise by one made ranges. REQUIRES: not empty.
std::string set_text(std::span<const store::Uid> uids);

}  // namespace hauspost::imap
