#include "base/link/frame.h"

#include <sys/un.h>

#include <cstring>

#include "base/bytes.h"
#include "base/signal.h"
#include "base/socket_stream.h"

namespace hauspost::link {

namespace {

constexpr std::size_t kBufferBytes = 64 * 1024;

bool is_known(std::uint8_t type) {
  return type >= static_cast<std::uint8_t>(FrameType::kSessionStart) &&
         type <= static_cast<std::uint8_t>(FrameType::kReply);
}

}  // namespace

void put_frame_header(std::string& out, FrameHeader header) {
  put_le(out, header.length);
  put_le(out, static_cast<std::uint32_t>(header.type));  // type, then three zero bytes
}

Result<FrameHeader> parse_frame_header(std::string_view bytes, std::size_t payload_max) {
  const auto length = load_le<std::uint32_t>(bytes.data());
  const auto type = load_le<std::uint32_t>(bytes.data() + 4);
  if (type > 0xff || !is_known(static_cast<std::uint8_t>(type))) {
    return fail(ErrorCode::kCorrupt, "link: unknown frame type");
  }
  if (length > payload_max) return fail(ErrorCode::kCorrupt, "link: frame too long");
  return FrameHeader{static_cast<FrameType>(type), length};
}

FrameSocket::FrameSocket(UnixSocket socket, std::size_t payload_max)
    : socket_(std::move(socket)),
      reader_(socket_),
      payload_max_(payload_max),
      read_deadline_(socket_.get_executor(), canceller()),
      write_deadline_(socket_.get_executor(), canceller()) {}

std::function<void()> FrameSocket::canceller() {
  return [this] {
    std::error_code ignored;
    socket_.cancel(ignored);
  };
}

Task<Result<std::size_t>> FrameSocket::receive(const std::function<std::span<char>()>& place) {
  if (was_cancelled(co_await asio::this_coro::cancellation_state))
    co_return fail(ErrorCode::kCancelled, "link: cancelled");
  if (timeout_ > Duration::zero()) read_deadline_.start(timeout_);
  std::error_code code;
  const std::size_t count = co_await reader_.read(place, code);
  read_deadline_.stop();
  if (!code && count == 0) co_return fail(ErrorCode::kUnavailable, "link: connection closed");
  if (!code) co_return count;
  if (read_deadline_.expired()) co_return fail(ErrorCode::kTimeout, "link: read timed out");
  co_return fail(asio_error("link", code));
}

std::span<char> FrameSocket::free_buffer() {
  if (!buffer_) buffer_ = std::make_unique_for_overwrite<char[]>(kBufferBytes);
  return {buffer_.get() + end_, kBufferBytes - end_};
}

Task<Result<>> FrameSocket::fill(std::size_t least) {
  if (begin_ > 0 && begin_ + least > kBufferBytes) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, buffered());
    end_ -= begin_;
    begin_ = 0;
  }
  const std::function<std::span<char>()> place = [this] { return free_buffer(); };
  while (buffered() < least) {
    auto got = co_await receive(place);
    if (!got) co_return fail(std::move(got).error());
    end_ += *got;
  }
  co_return Result<>{};
}

Task<Result<>> FrameSocket::buffer_input() {
  if (has_buffered_input()) co_return Result<>{};
  co_return co_await fill(1);
}

void FrameSocket::release_idle_buffer() {
  if (buffered() > 0) return;
  begin_ = end_ = 0;
  buffer_.reset();
}

Task<Result<Frame>> FrameSocket::read() {
  CO_TRY(co_await fill(kFrameHeaderBytes));
  CO_TRY_ASSIGN(const FrameHeader header,
                parse_frame_header({buffer_.get() + begin_, kFrameHeaderBytes}, payload_max_));
  begin_ += kFrameHeaderBytes;
  Frame frame{header.type, {}};
  frame.payload.resize(header.length);
  const std::size_t ready = std::min<std::size_t>(buffered(), header.length);
  std::memcpy(frame.payload.data(), buffer_.get() + begin_, ready);
  begin_ += ready;
  for (std::size_t have = ready; have < frame.payload.size();) {
    const std::span<char> rest{frame.payload.data() + have, frame.payload.size() - have};
    auto got = co_await receive([rest] { return rest; });
    if (!got) co_return fail(std::move(got).error());
    have += *got;
  }
  release_idle_buffer();
  co_return frame;
}

Task<Result<FrameSocket::Piece>> FrameSocket::read_data(std::span<char> into) {
  while (data_left_ == 0) {
    CO_TRY(co_await fill(kFrameHeaderBytes));
    CO_TRY_ASSIGN(const FrameHeader header,
                  parse_frame_header({buffer_.get() + begin_, kFrameHeaderBytes}, payload_max_));
    if (header.type != FrameType::kData) {
      CO_TRY_ASSIGN(Frame frame, co_await read());
      co_return Piece{0, std::move(frame)};
    }
    begin_ += kFrameHeaderBytes;
    data_left_ = header.length;
  }
  if (buffered() == 0) {
    const std::span<char> rest = into.first(std::min<std::size_t>(into.size(), data_left_));
    CO_TRY_ASSIGN(const std::size_t got, co_await receive([rest] { return rest; }));
    data_left_ -= static_cast<std::uint32_t>(got);
    release_idle_buffer();
    co_return Piece{got, std::nullopt};
  }
  const std::size_t count = std::min({into.size(), buffered(), std::size_t{data_left_}});
  std::memcpy(into.data(), buffer_.get() + begin_, count);
  begin_ += count;
  data_left_ -= static_cast<std::uint32_t>(count);
  release_idle_buffer();
  co_return Piece{count, std::nullopt};
}

Task<Result<>> FrameSocket::write(FrameType type, std::span<const std::string_view> parts) {
  if (was_cancelled(co_await asio::this_coro::cancellation_state))
    co_return fail(ErrorCode::kCancelled, "link: cancelled");
  std::size_t total = 0;
  for (const std::string_view part : parts) total += part.size();
  if (total > payload_max_) {
    if (type != FrameType::kData)
      co_return fail(ErrorCode::kInvalid, "link: frame too long to send");
    for (std::string_view part : parts) {
      while (!part.empty()) {
        const std::string_view piece[] = {part.substr(0, payload_max_)};
        CO_TRY(co_await write(type, std::span<const std::string_view>(piece)));
        part.remove_prefix(piece[0].size());
      }
    }
    co_return Result<>{};
  }
  std::string header;
  put_frame_header(header, {type, static_cast<std::uint32_t>(total)});
  std::vector<std::string_view> pieces;
  pieces.reserve(parts.size() + 1);
  pieces.emplace_back(header);
  pieces.insert(pieces.end(), parts.begin(), parts.end());
  co_return co_await send(pieces);
}

Task<Result<>> FrameSocket::send(std::span<const std::string_view> parts) {
  if (timeout_ > Duration::zero()) write_deadline_.start(timeout_);
  std::error_code code;
  co_await write_all(socket_, parts, code);
  write_deadline_.stop();
  if (code && write_deadline_.expired())
    co_return fail(ErrorCode::kTimeout, "link: write timed out");
  if (code) co_return fail(asio_error("link", code));
  co_return Result<>{};
}

Task<Result<>> FrameSocket::write_each(FrameType type, std::span<const std::string> payloads) {
  if (was_cancelled(co_await asio::this_coro::cancellation_state))
    co_return fail(ErrorCode::kCancelled, "link: cancelled");
  std::string headers;
  for (const std::string& payload : payloads)
    put_frame_header(headers, {type, static_cast<std::uint32_t>(payload.size())});
  std::vector<std::string_view> parts;
  parts.reserve(2 * payloads.size());
  for (std::size_t i = 0; i < payloads.size(); ++i) {
    parts.push_back(std::string_view(headers).substr(i * kFrameHeaderBytes, kFrameHeaderBytes));
    parts.push_back(payloads[i]);
  }
  co_return co_await send(parts);
}

Task<Result<>> FrameSocket::write(FrameType type, std::string_view payload) {
  const std::string_view parts[] = {payload};
  co_return co_await write(type, std::span<const std::string_view>(parts));
}

// What is there is read at once, so that nobody has to look and then read.
Task<Result<Wake>> FrameSocket::wait_input(Signal& signal, Duration timeout) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    if (was_cancelled(co_await asio::this_coro::cancellation_state) || !socket_.is_open())
      co_return fail(ErrorCode::kCancelled, "link: cancelled");
    if (signal.take()) co_return Wake::kSignal;
    if (has_buffered_input()) co_return Wake::kInput;
    if (reader_.may_have_more()) {
      co_await reader_.take_turn();
      if (!socket_.is_open()) co_return fail(ErrorCode::kCancelled, "link: closed");
      std::error_code code;
      const auto count = reader_.try_read(free_buffer(), code);
      end_ += count.value_or(0);
      release_idle_buffer();
      if (count || code) co_return Wake::kInput;  // read() tells of the end and of errors
    }
    Duration left{};
    if (timeout > Duration::zero()) {
      left = until - std::chrono::steady_clock::now();
      if (left <= Duration::zero()) co_return Wake::kTimeout;
    }
    CO_TRY_ASSIGN(const Wake wake, co_await wait_socket_input(socket_, signal, left));
    if (wake != Wake::kInput) co_return wake;
    reader_.note_edge();
  }
}

void FrameSocket::close() noexcept {
  std::error_code ignored;
  socket_.close(ignored);
}

Task<Result<UnixSocket>> connect_unix(std::string path) {
  constexpr std::size_t kPathMax = sizeof(sockaddr_un::sun_path) - 1;
  constexpr std::chrono::milliseconds kRetryDelay{5};
  if (path.size() > kPathMax)
    co_return fail(ErrorCode::kInvalid, "connect " + path + ": path too long for a socket");
  const auto give_up = std::chrono::steady_clock::now() + kConnectPatience;
  for (;;) {
    if (was_cancelled(co_await asio::this_coro::cancellation_state))
      co_return fail(ErrorCode::kCancelled, "connect: cancelled");
    UnixSocket socket(co_await asio::this_coro::executor);
    std::error_code code;
    co_await socket.async_connect(asio::local::stream_protocol::endpoint(path),
                                  asio::redirect_error(kUseTask, code));
    if (code == asio::error::operation_aborted) co_return fail(asio_error("connect", code));
    if (!code) co_return std::move(socket);
    const bool full = code == asio::error::no_buffer_space;  // what Asio makes of EAGAIN here
    if (!full || std::chrono::steady_clock::now() >= give_up)
      co_return fail(ErrorCode::kUnavailable, "connect " + path + ": " + code.message());
    CO_TRY(co_await sleep_for(kRetryDelay));
  }
}

}  // namespace hauspost::link
