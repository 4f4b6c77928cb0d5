#include "base/memory_stream.h"

#include <cstring>

#include "base/deadline.h"
#include "base/signal.h"

namespace hauspost {

std::pair<std::unique_ptr<MemoryStream>, std::unique_ptr<MemoryStream>> MemoryStream::pair(
    Executor executor) {
  auto left = std::make_shared<Pipe>(executor);
  auto right = std::make_shared<Pipe>(executor);
  return {std::unique_ptr<MemoryStream>(new MemoryStream(left, right)),
          std::unique_ptr<MemoryStream>(new MemoryStream(right, left))};
}

Task<Result<std::size_t>> MemoryStream::read_some(std::span<char> into) {
  const std::shared_ptr<Pipe> pipe = in_;
  while (pipe->bytes.empty() && !pipe->ended) {
    CO_TRY(co_await pipe->changed.wait());
  }
  const std::size_t count = std::min(into.size(), pipe->bytes.size());
  std::memcpy(into.data(), pipe->bytes.data(), count);
  pipe->bytes.erase(0, count);
  co_return count;
}

Task<Result<>> MemoryStream::write(std::span<const std::string_view> parts) {
  if (out_->ended) co_return fail(ErrorCode::kUnavailable, "write: connection closed");
  for (const std::string_view part : parts) out_->bytes += part;
  out_->changed.notify_all();
  co_return Result<>{};
}

Task<Result<Wake>> MemoryStream::wait_input(Signal& signal, Duration timeout) {
  const std::shared_ptr<Pipe> pipe = in_;
  bool timed_out = false;
  Deadline deadline(co_await asio::this_coro::executor, [&] {
    timed_out = true;
    pipe->changed.notify_all();
  });
  if (timeout > Duration::zero()) deadline.start(timeout);
  signal.set_waker([pipe] { pipe->changed.notify_all(); });
  Result<Wake> wake = Wake::kInput;
  for (;;) {
    if (signal.take())
      wake = Wake::kSignal;
    else if (!pipe->bytes.empty() || pipe->ended)
      wake = Wake::kInput;
    else if (timed_out)
      wake = Wake::kTimeout;
    else if (auto woken = co_await pipe->changed.wait(); !woken)
      wake = fail(std::move(woken).error());
    else
      continue;
    break;
  }
  signal.set_waker(nullptr);
  co_return wake;
}

void MemoryStream::close() noexcept {
  for (const auto& pipe : {in_, out_}) {
    pipe->ended = true;
    pipe->changed.notify_all();
  }
}

}  // namespace hauspost
