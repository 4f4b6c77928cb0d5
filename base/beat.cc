#include "base/beat.h"

namespace hauspost {

Duration time_to_beat(Duration since_epoch, std::chrono::seconds beat) {
  const Duration left = beat - since_epoch % beat;
  return left < Duration(beat) / 4 ? left + beat : left;
}

Task<Result<>> sleep_to_beat(std::chrono::seconds beat) {
  const Duration now = std::chrono::steady_clock::now().time_since_epoch();
  co_return co_await sleep_for(time_to_beat(now, beat));
}

}  // namespace hauspost
