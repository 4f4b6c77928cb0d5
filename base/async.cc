#include "base/async.h"

#include <asio/error.hpp>
#include <asio/post.hpp>

namespace hauspost {

Task<Result<>> sleep_for(Duration duration) {
  if (was_cancelled(co_await asio::this_coro::cancellation_state))
    co_return fail(ErrorCode::kCancelled, "wait");
  Timer timer(co_await asio::this_coro::executor);
  timer.expires_after(duration);
  std::error_code code;
  co_await timer.async_wait(asio::redirect_error(kUseTask, code));
  if (code) co_return fail(asio_error("wait", code));
  co_return Result<>{};
}

Task<void> yield_now() { co_await asio::post(co_await asio::this_coro::executor, kUseTask); }

Error asio_error(std::string_view what, const std::error_code& code) {
  if (code == asio::error::operation_aborted)
    return Error{ErrorCode::kCancelled, std::string(what) + ": cancelled"};
  if (code == asio::error::bad_descriptor)  // started after close()
    return Error{ErrorCode::kCancelled, std::string(what) + ": closed"};
  if (code == asio::error::eof)
    return Error{ErrorCode::kUnavailable, std::string(what) + ": connection closed"};
  if (code.category() == asio::error::get_system_category()) return errno_error(what, code.value());
  return Error{ErrorCode::kInternal, std::string(what) + ": " + code.message()};
}

}  // namespace hauspost
