// Frames: how Hauspost's processes talk. u32 little-endian payload length, u8 type, three zero
// bytes, payload. One connection carries either a session (session_link.h) or calls (rpc.h).
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/deadline.h"
#include "base/socket_reader.h"
#include "base/stream.h"

namespace hauspost::link {

// On the wire for ever: numbers are never reused.
enum class FrameType : std::uint8_t {
  kSessionStart = 1,     // front-end: protobuf SessionStart
  kSessionAccepted = 2,  // back-end: protobuf SessionAccepted
  kSessionRefused = 3,   // back-end: protobuf SessionRefused
  kData = 4,             // either: bytes of the session
  kClose = 5,            // either: the session has ended in order; empty
  kReferral = 6,         // reserved: back-end sends the front-end to another worker
  kSessionState = 7,     // reserved: back-end hands a live session over
  kRequest = 8,          // rpc.h
  kReply = 9,            // rpc.h
};

inline constexpr std::size_t kFrameHeaderBytes = 8;
inline constexpr std::size_t kSessionPayloadMax = 256 * 1024;
inline constexpr std::size_t kRpcPayloadMax = 96 * 1024 * 1024;
inline constexpr std::size_t kAdminPayloadMax = 16 * 1024 * 1024;

struct FrameHeader {
  FrameType type = FrameType::kData;
  std::uint32_t length = 0;
};
void put_frame_header(std::string& out, FrameHeader header);
// REQUIRES: kFrameHeaderBytes bytes. kCorrupt: unknown type, non-zero padding or length over
// `payload_max`.
Result<FrameHeader> parse_frame_header(std::string_view bytes, std::size_t payload_max);

struct Frame {
  FrameType type = FrameType::kData;
  std::string payload;
};

// Frames over a Unix socket. Same rules as Stream: one thread, one read and one write under way.
class FrameSocket {
 public:
  FrameSocket(UnixSocket socket, std::size_t payload_max);

  // kUnavailable with text "connection closed" when the peer ended between frames; kCorrupt on a
  // bad frame.
  Task<Result<Frame>> read();
  // The next bytes of a DATA frame straight into `into`, or another frame's type when one comes
  // first. Large DATA frames are given out in pieces without being gathered.
  struct Piece {
    std::size_t count = 0;  // bytes of DATA in `into`
    std::optional<Frame> control;
  };
  Task<Result<Piece>> read_data(std::span<char> into);
  // One frame; split into several when it is DATA larger than the payload limit.
  Task<Result<>> write(FrameType type, std::span<const std::string_view> parts);
  Task<Result<>> write(FrameType type, std::string_view payload);
  // A frame for each payload, together. REQUIRES: none is over the payload limit.
  Task<Result<>> write_each(FrameType type, std::span<const std::string> payloads);

  // True when read or read_data can go on with what is buffered.
  bool has_buffered_input() const { return begin_ < end_; }
  // Waits until something is buffered, without a buffer until then. Fails as read() does.
  Task<Result<>> buffer_input();
  Task<Result<Wake>> wait_input(Signal& signal, Duration timeout);
  void set_timeout(Duration timeout) { timeout_ = timeout; }
  void close() noexcept;
  UnixSocket& socket() { return socket_; }

 private:
  Task<Result<>> fill(std::size_t least);
  Task<Result<std::size_t>> receive(const std::function<std::span<char>()>& place);
  Task<Result<>> send(std::span<const std::string_view> parts);
  std::span<char> free_buffer();
  std::function<void()> canceller();
  void release_idle_buffer();
  std::size_t buffered() const { return end_ - begin_; }

  UnixSocket socket_;
  SocketReader<UnixSocket> reader_;
  std::size_t payload_max_;
  Deadline read_deadline_;
  Deadline write_deadline_;
  Duration timeout_{};
  std::unique_ptr<char[]> buffer_;  // present only while it holds bytes: idle links cost no buffer
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint32_t data_left_ = 0;  // of the DATA frame being given out
};

inline constexpr std::chrono::milliseconds kConnectPatience{2000};
// Connects to a Unix socket by path. kUnavailable when nobody listens there, or when its backlog
// stays full for kConnectPatience; kInvalid when the path is longer than a socket address can hold.
Task<Result<UnixSocket>> connect_unix(std::string path);

}  // namespace hauspost::link
