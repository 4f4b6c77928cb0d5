#include "base/condition.h"

namespace hauspost {

Task<Result<>> Condition::wait() {
  if (was_cancelled(co_await asio::this_coro::cancellation_state))
    co_return fail(ErrorCode::kCancelled, "cancelled");
  std::error_code ignored;
  co_await timer_.async_wait(asio::redirect_error(kUseTask, ignored));
  if (was_cancelled(co_await asio::this_coro::cancellation_state))
    co_return fail(ErrorCode::kCancelled, "cancelled");
  co_return Result<>{};
}

Task<void> Condition::wait_even_cancelled() {
  std::error_code ignored;
  co_await timer_.async_wait(asio::redirect_error(kUseTask, ignored));
}

}  // namespace hauspost
