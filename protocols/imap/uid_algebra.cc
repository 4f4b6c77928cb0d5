#include "protocols/imap/uid_algebra.h"

#include <algorithm>

namespace hauspost::imap {

store::UidSet intersection(const store::UidSet& a, const store::UidSet& b) {
  store::UidSet both;
  auto left = a.ranges().begin();
  auto right = b.ranges().begin();
  while (left != a.ranges().end() && right != b.ranges().end()) {
    const std::uint32_t first = std::max(left->first, right->first);
    const std::uint32_t last = std::min(left->last, right->last);
    if (first <= last) both.add({first, last});
    if (left->last < right->last) {
      ++left;
    } else {
      ++right;
    }
  }
  return both;
}

store::UidSet without(const store::UidSet& set, std::span<const std::uint32_t> uids) {
  store::UidSet rest;
  auto at = uids.begin();
  for (const store::UidRange range : set.ranges()) {
    at = std::lower_bound(at, uids.end(), range.first);
    std::uint64_t next = range.first;
    for (; at != uids.end() && *at <= range.last; ++at) {
      if (*at > next) rest.add({static_cast<std::uint32_t>(next), *at - 1});
      next = std::uint64_t{*at} + 1;
    }
    if (next <= range.last) rest.add({static_cast<std::uint32_t>(next), range.last});
  }
  return rest;
}

}  // namespace hauspost::imap
