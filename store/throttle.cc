#include "store/throttle.h"

#include <algorithm>
#include <thread>

namespace hauspost::store {

namespace {

constexpr auto kAhead = std::chrono::milliseconds(100);
constexpr auto kStep = std::chrono::milliseconds(50);  // between looks at the progress

}  // namespace

Result<> Throttle::spend(std::uint64_t bytes, const Progress& progress) {
  TRY(progress.check());
  if (bytes_per_second_ == 0) return {};
  const auto price =
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(
          static_cast<double>(bytes) / static_cast<double>(bytes_per_second_)));
  // Time in which nothing was spent is not saved up.
  due_ = std::max(due_, std::chrono::steady_clock::now()) + price;
  while (true) {
    const auto early = due_ - std::chrono::steady_clock::now() - kAhead;
    if (early <= std::chrono::steady_clock::duration::zero()) return {};
    std::this_thread::sleep_for(std::min(early, std::chrono::steady_clock::duration(kStep)));
    TRY(progress.check());
  }
}

}  // namespace hauspost::store
