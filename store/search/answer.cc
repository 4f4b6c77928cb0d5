#include "store/search/answer.h"

#include <algorithm>

namespace hauspost::store {

bool SearchAnswer::find(BodyId body) const {
  const auto behind = std::ranges::upper_bound(parts_, body, {}, &Part::first);
  if (behind == parts_.begin()) return false;
  const auto at = static_cast<std::size_t>(behind - parts_.begin()) - 1;
  if (!within(parts_[at], body)) return false;
  last_ = at;
  return true;
}

}  // namespace hauspost::store
