#include "store/index_space.h"

namespace hauspost::store {

namespace {

constexpr std::uint64_t kStepMin = 1ULL << 20;
constexpr std::uint64_t kStepMax = 16ULL << 20;
constexpr std::uint64_t kStepShare = 8;  // of the file's size
// Parts of the map: the first is kept for changes that take things away, the second for recovery,
// which replays in batches of its own and must always come through.
constexpr std::uint64_t kRemovalShare = 16;
constexpr std::uint64_t kRecoveryShare = 32;
constexpr std::uint64_t kRefusedPagesMin = 128;

// One change that is far too big says little about those behind it.
std::uint64_t refused_pages_max(const Environment::Size& size) {
  return std::max(size.pages_max / kRemovalShare / 2, kRefusedPagesMin);
}

}  // namespace

Result<bool> IndexSpace::has_room(std::uint64_t pages, bool last_reserve) const {
  const std::shared_ptr<Environment> environment = index_.environment.get();
  const Environment::Size size = environment->size();
  const std::uint64_t kept = size.pages_max / (last_reserve ? kRecoveryShare : kRemovalShare);
  if (size.pages_used + pages + kept <= size.pages_max) return true;
  // The file's end says nothing when there is much room inside.
  TRY_ASSIGN(const ReadTxn before, environment->read());
  TRY_ASSIGN(const std::uint64_t inside, Environment::free_pages(before));
  return inside >= kept + pages;
}

Result<bool> IndexSpace::near_limit() {
  if (refused_pages_ == 0) return false;
  TRY_ASSIGN(const bool room, has_room(refused_pages_, false));
  if (room) refused_pages_ = 0;
  return !room;
}

Result<> IndexSpace::take(const WriteTxn& txn, bool last_reserve) {
  const std::shared_ptr<Environment> environment = index_.environment.get();
  if (of_.lock() != environment) {
    of_ = environment;
    taken_ = 0;
  }
  const Environment::Size size = environment->size();
  TRY_ASSIGN(const bool fits, has_room(txn.growth_max(), last_reserve));
  if (!fits) {
    if (!last_reserve) refused_pages_ = std::min(txn.growth_max(), refused_pages_max(size));
    return fail(ErrorCode::kExhausted, "the database's index has reached its size limit");
  }
  const std::uint64_t pages = size.pages_used + txn.growth_max();
  const std::uint64_t wanted = std::min(pages, size.pages_max) * size.page_bytes;
  if (wanted <= taken_) return {};
  const std::uint64_t step = std::clamp(wanted / kStepShare, kStepMin, kStepMax);
  if (auto whole = disk_.allocate(environment->descriptor(), taken_, wanted + step - taken_)) {
    taken_ = wanted + step;
    return {};
  } else if (whole.error().code != ErrorCode::kExhausted) {
    return whole;
  }
  TRY(disk_.allocate(environment->descriptor(), taken_, wanted - taken_));
  taken_ = wanted;
  return {};
}

}  // namespace hauspost::store
