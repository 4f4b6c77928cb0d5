#include "server/auth/wire.h"

#include "protocols/sasl/mechanism.h"
#include "server/auth/auth.pb.h"

namespace hauspost::auth {

namespace {

constexpr std::size_t kClientAddressMax = 64;
constexpr std::size_t kAddressMax = 320;
constexpr std::size_t kDatabaseMax = 64;

wire::Protocol to_wire(link::Protocol protocol) {
  switch (protocol) {
    case link::Protocol::kImap: return wire::PROTOCOL_IMAP;
    case link::Protocol::kPop3: return wire::PROTOCOL_POP3;
    case link::Protocol::kSmtp: return wire::PROTOCOL_SMTP;
  }
  return wire::PROTOCOL_UNSPECIFIED;
}

std::optional<link::Protocol> from_wire(wire::Protocol protocol) {
  switch (protocol) {
    case wire::PROTOCOL_IMAP: return link::Protocol::kImap;
    case wire::PROTOCOL_POP3: return link::Protocol::kPop3;
    case wire::PROTOCOL_SMTP: return link::Protocol::kSmtp;
    default: return std::nullopt;
  }
}

template <class Message>
bool parse(Message& message, std::string_view bytes) {
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

std::unexpected<Error> malformed() { return fail(ErrorCode::kInvalid, "auth: malformed message"); }

// Wipes the message's own copy of a password when the scope ends.
class Wiper {
 public:
  explicit Wiper(std::string* text) : text_(text) {}
  ~Wiper() { Secret wiped(std::move(*text_)); }
  Wiper(const Wiper&) = delete;
  Wiper& operator=(const Wiper&) = delete;

 private:
  std::string* text_;
};

}  // namespace

std::string verify_request_to_wire(const LoginAttempt& attempt) {
  wire::VerifyRequest message;
  message.set_name(attempt.name);
  message.set_password(std::string(attempt.password.reveal()));
  const Wiper wiper(message.mutable_password());
  message.set_client_address(attempt.client_address);
  message.set_protocol(to_wire(attempt.protocol));
  message.set_session_id(std::string(attempt.session.as_bytes()));
  return message.SerializeAsString();
}

Result<LoginAttempt> verify_request_from_wire(std::string_view bytes) {
  wire::VerifyRequest message;
  if (!parse(message, bytes)) return malformed();
  const Wiper wiper(message.mutable_password());
  const auto protocol = from_wire(message.protocol());
  const auto session = Guid::from_bytes(message.session_id());
  if (!protocol || !session || message.name().size() > sasl::kNameMax ||
      message.password().size() > sasl::kPasswordMax ||
      message.client_address().size() > kClientAddressMax) {
    return malformed();
  }
  return LoginAttempt{message.name(), Secret(message.password()), message.client_address(),
                      *protocol, *session};
}

std::string identity_to_wire(const Identity& identity) {
  wire::VerifyReply message;
  message.set_mailbox(std::string(identity.mailbox.as_bytes()));
  message.set_address(identity.address);
  message.set_database(identity.database);
  return message.SerializeAsString();
}

Result<Identity> identity_from_wire(std::string_view bytes) {
  wire::VerifyReply message;
  if (!parse(message, bytes)) return malformed();
  const auto mailbox = Guid::from_bytes(message.mailbox());
  if (!mailbox || message.address().empty() || message.address().size() > kAddressMax ||
      message.database().size() > kDatabaseMax) {
    return malformed();
  }
  return Identity{*mailbox, message.address(), message.database()};
}

std::string password_change_to_wire(const PasswordChange& change) {
  wire::SetPasswordRequest message;
  message.set_mailbox(std::string(change.mailbox.as_bytes()));
  message.set_password(std::string(change.password.reveal()));
  const Wiper wiper(message.mutable_password());
  return message.SerializeAsString();
}

Result<PasswordChange> password_change_from_wire(std::string_view bytes) {
  wire::SetPasswordRequest message;
  if (!parse(message, bytes)) return malformed();
  const Wiper wiper(message.mutable_password());
  const auto mailbox = Guid::from_bytes(message.mailbox());
  if (!mailbox) return malformed();
  if (message.password().empty() || message.password().size() > sasl::kPasswordMax)
    return fail(ErrorCode::kInvalid, "a password has 1 to 1024 bytes");
  return PasswordChange{*mailbox, Secret(message.password())};
}

std::string removal_to_wire(const Guid& mailbox) {
  wire::RemoveRequest message;
  message.set_mailbox(std::string(mailbox.as_bytes()));
  return message.SerializeAsString();
}

Result<Guid> removal_from_wire(std::string_view bytes) {
  wire::RemoveRequest message;
  if (!parse(message, bytes)) return malformed();
  const auto mailbox = Guid::from_bytes(message.mailbox());
  if (!mailbox) return malformed();
  return *mailbox;
}

}  // namespace hauspost::auth
