#include "server/store_worker/accepting_stream.h"

#include "base/link/session_start.pb.h"

namespace hauspost::store_worker {

namespace {

// What goes into an empty socket at once, whatever the other side does.
constexpr std::size_t kTogetherMax = 16 * 1024;

}  // namespace

Task<Result<>> AcceptingStream::accept() {
  if (std::exchange(accepted_, true)) co_return Result<>{};
  co_return co_await link::accept(frames_);
}

Task<Result<std::size_t>> AcceptingStream::read_some(std::span<char> into) {
  CO_TRY(co_await accept());
  co_return co_await stream_.read_some(into);
}

Task<Result<>> AcceptingStream::write(std::span<const std::string_view> parts) {
  std::size_t total = 0;
  for (const std::string_view part : parts) total += part.size();
  if (accepted_ || total == 0 || total > kTogetherMax) {
    CO_TRY(co_await accept());
    co_return co_await stream_.write(parts);
  }
  if (was_cancelled(co_await asio::this_coro::cancellation_state))
    co_return fail(ErrorCode::kCancelled, "link: cancelled");
  accepted_ = true;
  link::wire::SessionAccepted message;
  message.set_link_version(link::kLinkVersion);
  const std::string payload = message.SerializeAsString();
  std::string head;
  link::put_frame_header(
      head, {link::FrameType::kSessionAccepted, static_cast<std::uint32_t>(payload.size())});
  head += payload;
  link::put_frame_header(head, {link::FrameType::kData, static_cast<std::uint32_t>(total)});
  std::vector<std::string_view> pieces{head};
  pieces.insert(pieces.end(), parts.begin(), parts.end());
  std::error_code code;
  co_await write_all(frames_.socket(), pieces, code);
  if (code) co_return fail(asio_error("link", code));
  co_return Result<>{};
}

Task<Result<Wake>> AcceptingStream::wait_input(Signal& signal, Duration timeout) {
  if (!accepted_) CO_TRY(co_await accept());
  co_return co_await stream_.wait_input(signal, timeout);
}

Task<void> AcceptingStream::end_in_order() {
  if (co_await accept()) co_await stream_.end_in_order();
}

}  // namespace hauspost::store_worker
