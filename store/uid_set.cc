#include "store/uid_set.h"

#include <algorithm>

namespace hauspost::store {

namespace {

// True when `next` overlaps `range` or follows it without a gap.
bool touches(const UidRange& range, const UidRange& next) {
  return next.first <= range.last || next.first - range.last == 1;
}

}  // namespace

void UidSet::add(UidRange range) {
  if (ranges_.empty() || ranges_.back().last < range.first) {
    if (!ranges_.empty() && touches(ranges_.back(), range)) {
      ranges_.back().last = range.last;
    } else {
      ranges_.push_back(range);
    }
    return;
  }
  const auto begin = std::partition_point(
      ranges_.begin(), ranges_.end(),
      [&](const UidRange& held) { return held.last < range.first && range.first - held.last > 1; });
  auto end = begin;
  while (end != ranges_.end() && (end->first <= range.last || end->first - range.last == 1)) {
    range.first = std::min(range.first, end->first);
    range.last = std::max(range.last, end->last);
    ++end;
  }
  const auto at = ranges_.erase(begin, end);
  ranges_.insert(at, range);
}

bool UidSet::contains(std::uint32_t number) const {
  const auto found = std::partition_point(ranges_.begin(), ranges_.end(),
                                          [&](const UidRange& held) { return held.last < number; });
  return found != ranges_.end() && found->first <= number;
}

std::uint64_t UidSet::count() const {
  std::uint64_t total = 0;
  for (const UidRange& range : ranges_) total += std::uint64_t{range.last} - range.first + 1;
  return total;
}

}  // namespace hauspost::store
