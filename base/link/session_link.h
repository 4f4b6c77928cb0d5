// The session link: what a front-end hands to a back-end service together with a client's bytes.
// Passwords never cross it.
#pragma once

#include <memory>
#include <string>

#include "base/ids.h"
#include "base/link/frame.h"

namespace hauspost::link {

enum class Protocol : std::uint8_t { kImap, kPop3, kSmtp, kHttp };

inline constexpr std::uint32_t kLinkVersion = 1;

// Who is at the other end and what they want; see session_start.proto for limits.
struct SessionStart {
  Guid session;
  Protocol protocol = Protocol::kImap;
  std::string client_address;
  std::uint16_t client_port = 0;
  bool tls = false;
  std::string tls_version;
  std::string tls_cipher;
  std::string user;             // empty: not authenticated
  std::optional<Guid> mailbox;  // set when authenticated
  std::optional<Guid> identity = {};  // set when `mailbox` is not the user's own: whose session it is
  std::string database;
  std::uint64_t epoch = 0;
  std::string device_id;
  std::string listener;
  std::string client_tag;
  std::string hello;
  bool extended = false;
  std::string server_name = {};  // TLS: whom the client asked for; empty: nobody
};

struct SessionRefused {
  ErrorCode code =
      ErrorCode::kUnavailable;  // kUnavailable, kExhausted (a limit), kDenied, kNotFound
  std::string text;
};

std::string to_wire(const SessionStart& start);
Result<SessionStart> session_start_from_wire(std::string_view bytes);
std::string to_wire(const SessionRefused& refused);
Result<SessionRefused> session_refused_from_wire(std::string_view bytes);

// Front-end side: sends `start` and waits for the answer. The error of a refusal carries the
// back-end's code; kUnavailable also when the link broke.
Task<Result<>> start_session(FrameSocket& frames, const SessionStart& start);

// Back-end side. accept_session reads SessionStart; the service then answers with accept() or
// refuse().
Task<Result<SessionStart>> accept_session(FrameSocket& frames);
Task<Result<>> accept(FrameSocket& frames);
Task<Result<>> refuse(FrameSocket& frames, SessionRefused refusal);

// Back-end side: the accepted session's bytes as a Stream. A CLOSE frame reads as the end.
class LinkStream final : public Stream {
 public:
  explicit LinkStream(std::unique_ptr<FrameSocket> frames) : frames_(std::move(frames)) {}

  Task<Result<std::size_t>> read_some(std::span<char> into) override;
  using Stream::write;
  Task<Result<>> write(std::span<const std::string_view> parts) override;
  Task<Result<Wake>> wait_input(Signal& signal, Duration timeout) override;
  void set_timeout(Duration timeout) override { frames_->set_timeout(timeout); }
  void close() noexcept override { frames_->close(); }
  // Tells the front-end that the session ended as the protocol wants it: without this frame a
  // front-end takes the loss of the link for a crash and says so to its client.
  Task<void> end_in_order();

 private:
  std::unique_ptr<FrameSocket> frames_;
  bool ended_ = false;
};

}  // namespace hauspost::link
