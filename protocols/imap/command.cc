#include "protocols/imap/command.h"

#include <algorithm>

namespace hauspost::imap {

store::UidSet SequenceSet::resolve(std::uint32_t largest) const {
  // Sorted first: UidSet takes rising ranges in constant time, and the order is the client's.
  std::vector<store::UidRange> sorted;
  sorted.reserve(ranges.size());
  for (const Range& range : ranges) {
    if (range.first == kStar && range.last == kStar && largest == 0) continue;
    // RFC 3501 section 9, seq-range: "n:*" holds the largest number even when n is above it; an
    // empty mailbox has none, and what follows n then stays unbounded.
    const std::uint32_t star = largest == 0 ? UINT32_MAX : largest;
    const std::uint32_t first = range.first == kStar ? star : range.first;
    const std::uint32_t last = range.last == kStar ? star : range.last;
    sorted.push_back({std::min(first, last), std::max(first, last)});
  }
  std::ranges::sort(sorted, {}, &store::UidRange::first);
  store::UidSet set;
  for (const store::UidRange range : sorted) set.add(range);
  return set;
}

PartialRange::Slice PartialRange::of(std::size_t count) const {
  const std::size_t low = std::min(first, last);
  const std::size_t high = std::max(first, last);
  if (low > count) return {};
  if (from_end) return {count - std::min(high, count), count - low + 1};
  return {low - 1, std::min(high, count)};
}

bool FetchItem::sets_seen() const {
  switch (attribute) {
    case FetchAttribute::kSection:
    case FetchAttribute::kBinary: return !peek;
    case FetchAttribute::kRfc822:
    case FetchAttribute::kRfc822Text: return true;
    default: return false;
  }
}

bool FetchItem::needs_body() const {
  switch (attribute) {
    case FetchAttribute::kFlags:
    case FetchAttribute::kUid:
    case FetchAttribute::kInternalDate:
    case FetchAttribute::kRfc822Size:
    case FetchAttribute::kModSeq:
    case FetchAttribute::kSaveDate:
    case FetchAttribute::kThreadId: return false;
    default: return true;
  }
}

}  // namespace hauspost::imap
