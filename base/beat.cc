#include "base/beat.h"

namespace hauspost {

Duration time_to_beat(Duration since_epoch, std::chrono::seconds beat) {
  const Duration left = beat - since_epoch % beat;
  return left < Duration(beat) / 4 ? left + beat : left;
}

Task<Result<>> sleep_to_beat(std::chrono::seconds beat) {
  if (was_cancelled(co_await asio::this_coro::cancellation_state))
    co_return fail(ErrorCode::kCancelled, "wait");
  Timer timer(co_await asio::this_coro::executor);
  // The moment itself: waits that begin microseconds apart would end so, too, each with a waking.
  const auto now = std::chrono::steady_clock::now();
  timer.expires_at(now + time_to_beat(now.time_since_epoch(), beat));
  std::error_code code;
  co_await timer.async_wait(asio::redirect_error(kUseTask, code));
  if (code) co_return fail(asio_error("wait", code));
  co_return Result<>{};
}

}  // namespace hauspost
