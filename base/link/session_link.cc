#include "base/link/session_link.h"

#include "base/link/session_start.pb.h"

namespace hauspost::link {

namespace {

wire::Protocol to_wire(Protocol protocol) {
  switch (protocol) {
    case Protocol::kImap: return wire::PROTOCOL_IMAP;
    case Protocol::kPop3: return wire::PROTOCOL_POP3;
    case Protocol::kSmtp: return wire::PROTOCOL_SMTP;
    case Protocol::kHttp: return wire::PROTOCOL_HTTP;
  }
  return wire::PROTOCOL_UNSPECIFIED;
}

std::optional<Protocol> from_wire(wire::Protocol protocol) {
  switch (protocol) {
    case wire::PROTOCOL_IMAP: return Protocol::kImap;
    case wire::PROTOCOL_POP3: return Protocol::kPop3;
    case wire::PROTOCOL_SMTP: return Protocol::kSmtp;
    case wire::PROTOCOL_HTTP: return Protocol::kHttp;
    default: return std::nullopt;
  }
}

constexpr std::pair<ErrorCode, std::string_view> kRefusals[] = {
    {ErrorCode::kUnavailable, "unavailable"},
    {ErrorCode::kExhausted, "limit"},
    {ErrorCode::kDenied, "denied"},
    {ErrorCode::kNotFound, "not-found"},
};

// See session_start.proto.
constexpr std::size_t kAddressMax = 64;
constexpr std::size_t kDeviceMax = 128;
constexpr std::size_t kServerNameMax = 255;
constexpr std::uint32_t kPortMax = 65535;

bool within_limits(const wire::SessionStart& message) {
  return message.client_address().size() <= kAddressMax &&
         message.device_id().size() <= kDeviceMax && message.client_port() <= kPortMax &&
         message.server_name().size() <= kServerNameMax;
}

}  // namespace

std::string to_wire(const SessionStart& start) {
  wire::SessionStart message;
  message.set_link_version(kLinkVersion);
  message.set_session_id(std::string(start.session.as_bytes()));
  message.set_protocol(to_wire(start.protocol));
  message.set_client_address(start.client_address);
  message.set_client_port(start.client_port);
  message.set_tls(start.tls);
  message.set_tls_version(start.tls_version);
  message.set_tls_cipher(start.tls_cipher);
  message.set_user(start.user);
  if (start.mailbox) message.set_mailbox(std::string(start.mailbox->as_bytes()));
  if (start.identity) message.set_identity(std::string(start.identity->as_bytes()));
  message.set_database(start.database);
  message.set_epoch(start.epoch);
  message.set_device_id(start.device_id);
  message.set_listener(start.listener);
  message.set_client_tag(start.client_tag);
  message.set_hello(start.hello);
  message.set_extended(start.extended);
  message.set_server_name(start.server_name);
  return message.SerializeAsString();
}

Result<SessionStart> session_start_from_wire(std::string_view bytes) {
  wire::SessionStart message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return fail(ErrorCode::kCorrupt, "link: SessionStart does not parse");
  }
  if (message.link_version() != kLinkVersion)
    return fail(ErrorCode::kInvalid, "link: unknown version");
  const auto session = Guid::from_bytes(message.session_id());
  const auto protocol = from_wire(message.protocol());
  if (!session || !protocol)
    return fail(ErrorCode::kCorrupt, "link: SessionStart lacks its session or protocol");
  if (!within_limits(message))
    return fail(ErrorCode::kCorrupt, "link: SessionStart passes a limit");
  SessionStart start;
  start.session = *session;
  start.protocol = *protocol;
  start.client_address = message.client_address();
  start.client_port = static_cast<std::uint16_t>(message.client_port());
  start.tls = message.tls();
  start.tls_version = message.tls_version();
  start.tls_cipher = message.tls_cipher();
  start.user = message.user();
  if (!message.mailbox().empty()) {
    start.mailbox = Guid::from_bytes(message.mailbox());
    if (!start.mailbox) return fail(ErrorCode::kCorrupt, "link: mailbox is not sixteen bytes");
  }
  if (!message.identity().empty()) {
    start.identity = Guid::from_bytes(message.identity());
    if (!start.identity) return fail(ErrorCode::kCorrupt, "link: identity is not sixteen bytes");
  }
  start.database = message.database();
  start.epoch = message.epoch();
  start.device_id = message.device_id();
  start.listener = message.listener();
  start.client_tag = message.client_tag();
  start.hello = message.hello();
  start.extended = message.extended();
  start.server_name = message.server_name();
  return start;
}

std::string to_wire(const SessionRefused& refused) {
  wire::SessionRefused message;
  message.set_code("unavailable");
  for (const auto& [code, name] : kRefusals) {
    if (code == refused.code) message.set_code(std::string(name));
  }
  message.set_text(refused.text);
  return message.SerializeAsString();
}

Result<SessionRefused> session_refused_from_wire(std::string_view bytes) {
  wire::SessionRefused message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return fail(ErrorCode::kCorrupt, "link: SessionRefused does not parse");
  }
  for (const auto& [code, name] : kRefusals) {
    if (name == message.code()) return SessionRefused{code, message.text()};
  }
  return fail(ErrorCode::kCorrupt, "link: unknown refusal");
}

Task<Result<>> start_session(FrameSocket& frames, const SessionStart& start) {
  CO_TRY(co_await frames.write(FrameType::kSessionStart, to_wire(start)));
  CO_TRY_ASSIGN(const Frame answer, co_await frames.read());
  if (answer.type == FrameType::kSessionAccepted) co_return Result<>{};
  if (answer.type != FrameType::kSessionRefused)
    co_return fail(ErrorCode::kCorrupt, "link: unexpected answer");
  CO_TRY_ASSIGN(SessionRefused refused, session_refused_from_wire(answer.payload));
  co_return fail(refused.code, std::move(refused.text));
}

Task<Result<SessionStart>> accept_session(FrameSocket& frames) {
  CO_TRY_ASSIGN(const Frame first, co_await frames.read());
  if (first.type != FrameType::kSessionStart)
    co_return fail(ErrorCode::kCorrupt, "link: no SessionStart");
  co_return session_start_from_wire(first.payload);
}

Task<Result<>> accept(FrameSocket& frames) {
  wire::SessionAccepted message;
  message.set_link_version(kLinkVersion);
  const std::string payload = message.SerializeAsString();
  co_return co_await frames.write(FrameType::kSessionAccepted, payload);
}

Task<Result<>> refuse(FrameSocket& frames, SessionRefused refusal) {
  const std::string payload = to_wire(refusal);
  co_return co_await frames.write(FrameType::kSessionRefused, payload);
}

Task<Result<std::size_t>> LinkStream::read_some(std::span<char> into) {
  if (ended_) co_return std::size_t{0};
  CO_TRY_ASSIGN(const FrameSocket::Piece piece, co_await frames_->read_data(into));
  if (!piece.control) co_return piece.count;
  if (piece.control->type != FrameType::kClose)
    co_return fail(ErrorCode::kCorrupt, "link: unexpected frame");
  ended_ = true;
  co_return std::size_t{0};
}

Task<Result<>> LinkStream::write(std::span<const std::string_view> parts) {
  return frames_->write(FrameType::kData, parts);
}

Task<Result<Wake>> LinkStream::wait_input(Signal& signal, Duration timeout) {
  if (ended_) co_return Wake::kInput;  // read_some returns the end at once
  co_return co_await frames_->wait_input(signal, timeout);
}

Task<void> LinkStream::end_in_order() {
  // The client may be gone already; then there is nobody to tell.
  [[maybe_unused]] auto told = co_await frames_->write(FrameType::kClose, std::string_view{});
}

}  // namespace hauspost::link
