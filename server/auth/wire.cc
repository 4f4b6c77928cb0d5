#include "server/auth/wire.h"

#include <algorithm>

#include "protocols/sasl/exchange.h"
#include "protocols/sasl/token_mechanisms.h"
#include "server/auth/auth.pb.h"

namespace hauspost::auth {

namespace {

constexpr std::size_t kClientAddressMax = 64;
constexpr std::size_t kAddressMax = 320;
constexpr std::size_t kDatabaseMax = 64;
constexpr std::size_t kAppPasswordNameMax = 64;
constexpr std::size_t kMechanismMax = 32;
constexpr std::size_t kBindingMax = 64;

wire::Protocol to_wire(link::Protocol protocol) {
  switch (protocol) {
    case link::Protocol::kImap: return wire::PROTOCOL_IMAP;
    case link::Protocol::kPop3: return wire::PROTOCOL_POP3;
    case link::Protocol::kSmtp: return wire::PROTOCOL_SMTP;
    case link::Protocol::kHttp: return wire::PROTOCOL_HTTP;
  }
  return wire::PROTOCOL_UNSPECIFIED;
}

std::optional<link::Protocol> from_wire(wire::Protocol protocol) {
  switch (protocol) {
    case wire::PROTOCOL_IMAP: return link::Protocol::kImap;
    case wire::PROTOCOL_POP3: return link::Protocol::kPop3;
    case wire::PROTOCOL_SMTP: return link::Protocol::kSmtp;
    case wire::PROTOCOL_HTTP: return link::Protocol::kHttp;
    default: return std::nullopt;
  }
}

constexpr std::pair<sasl::Proof, wire::Proof> kProofs[] = {
    {sasl::Proof::kPassword, wire::PROOF_PASSWORD},
    {sasl::Proof::kBearer, wire::PROOF_BEARER},
    {sasl::Proof::kCertificate, wire::PROOF_CERTIFICATE},
};

// nullopt: no kind of proof that we know, or more of it than there may be.
std::optional<sasl::Proof> proof_from_wire(const wire::VerifyRequest& message) {
  const auto* found = std::ranges::find(kProofs, message.proof(),
                                        &std::pair<sasl::Proof, wire::Proof>::second);
  if (found == std::end(kProofs)) return std::nullopt;
  const bool bearer = found->first == sasl::Proof::kBearer;
  if (message.password().size() > (bearer ? sasl::kTokenMax : sasl::kPasswordMax))
    return std::nullopt;
  if (std::cmp_greater(message.certificate_names_size(), kCertificateNamesMax)) return std::nullopt;
  for (const std::string& name : message.certificate_names()) {
    if (name.size() > kAddressMax) return std::nullopt;
  }
  return found->first;
}

template <class Message>
bool parse(Message& message, std::string_view bytes) {
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

std::unexpected<Error> malformed() { return fail(ErrorCode::kInvalid, "auth: malformed message"); }

wire::VerifyReply to_message(const Identity& identity) {
  wire::VerifyReply message;
  message.set_mailbox(std::string(identity.mailbox.as_bytes()));
  message.set_address(identity.address);
  message.set_database(identity.database);
  message.set_app_password(identity.app_password);
  if (identity.user) message.set_user(std::string(identity.user->as_bytes()));
  return message;
}

Result<Identity> from_message(const wire::VerifyReply& message) {
  const auto mailbox = Guid::from_bytes(message.mailbox());
  if (!mailbox || message.address().empty() || message.address().size() > kAddressMax ||
      message.database().size() > kDatabaseMax ||
      message.app_password().size() > kAppPasswordNameMax) {
    return malformed();
  }
  std::optional<Guid> user;
  if (!message.user().empty()) {
    user = Guid::from_bytes(message.user());
    if (!user) return malformed();
  }
  return Identity{*mailbox, message.address(), message.database(), message.app_password(), user};
}

// Empty stands for none; nullopt for what is no GUID.
std::optional<Guid> exchange_from(std::string_view bytes) {
  if (bytes.empty()) return Guid();
  return Guid::from_bytes(bytes);
}

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
  for (const auto& [proof, wired] : kProofs) {
    if (proof == attempt.proof) message.set_proof(wired);
  }
  for (const std::string& name : attempt.certificate_names) message.add_certificate_names(name);
  return message.SerializeAsString();
}

Result<LoginAttempt> verify_request_from_wire(std::string_view bytes) {
  wire::VerifyRequest message;
  if (!parse(message, bytes)) return malformed();
  const Wiper wiper(message.mutable_password());
  const auto protocol = from_wire(message.protocol());
  const auto session = Guid::from_bytes(message.session_id());
  const auto proof = proof_from_wire(message);
  if (!protocol || !session || !proof || message.name().size() > sasl::kNameMax ||
      message.client_address().size() > kClientAddressMax) {
    return malformed();
  }
  return LoginAttempt{message.name(),
                      Secret(message.password()),
                      message.client_address(),
                      *protocol,
                      *session,
                      *proof,
                      {message.certificate_names().begin(), message.certificate_names().end()}};
}

std::string identity_to_wire(const Identity& identity) {
  return to_message(identity).SerializeAsString();
}

Result<Identity> identity_from_wire(std::string_view bytes) {
  wire::VerifyReply message;
  if (!parse(message, bytes)) return malformed();
  return from_message(message);
}

std::string sasl_message_to_wire(const SaslMessage& from) {
  wire::SaslRequest message;
  if (!from.exchange.is_nil()) message.set_exchange(std::string(from.exchange.as_bytes()));
  message.set_mechanism(from.mechanism);
  message.set_message(std::string(from.message.reveal()));
  const Wiper wiper(message.mutable_message());
  message.set_client_address(from.client_address);
  message.set_protocol(to_wire(from.protocol));
  message.set_session_id(std::string(from.session.as_bytes()));
  message.set_tls_exporter(from.bindings.tls_exporter);
  message.set_tls_server_end_point(from.bindings.tls_server_end_point);
  return message.SerializeAsString();
}

Result<SaslMessage> sasl_message_from_wire(std::string_view bytes) {
  wire::SaslRequest message;
  if (!parse(message, bytes)) return malformed();
  const Wiper wiper(message.mutable_message());
  const auto exchange = exchange_from(message.exchange());
  const auto protocol = from_wire(message.protocol());
  const auto session = Guid::from_bytes(message.session_id());
  if (!exchange || !protocol || !session || message.mechanism().size() > kMechanismMax ||
      message.message().size() > sasl::kLineMax ||
      message.client_address().size() > kClientAddressMax ||
      message.tls_exporter().size() > kBindingMax ||
      message.tls_server_end_point().size() > kBindingMax) {
    return malformed();
  }
  return SaslMessage{*exchange,
                     message.mechanism(),
                     Secret(message.message()),
                     {message.tls_exporter(), message.tls_server_end_point()},
                     message.client_address(),
                     *protocol,
                     *session};
}

std::string sasl_answer_to_wire(const SaslAnswer& answer) {
  wire::SaslReply message;
  if (!answer.exchange.is_nil()) message.set_exchange(std::string(answer.exchange.as_bytes()));
  message.set_message(answer.message);
  if (answer.identity) *message.mutable_identity() = to_message(*answer.identity);
  return message.SerializeAsString();
}

Result<SaslAnswer> sasl_answer_from_wire(std::string_view bytes) {
  wire::SaslReply message;
  if (!parse(message, bytes)) return malformed();
  const auto exchange = exchange_from(message.exchange());
  if (!exchange || message.message().size() > sasl::kLineMax) return malformed();
  SaslAnswer answer{*exchange, message.message(), {}};
  if (message.has_identity()) {
    TRY_ASSIGN(answer.identity, from_message(message.identity()));
  }
  return answer;
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

std::string test_outcome_to_wire(const TestOutcome& outcome) {
  wire::TestReply message;
  message.set_accepted(outcome.identity.has_value());
  message.set_reason(outcome.reason);
  if (outcome.identity) *message.mutable_identity() = to_message(*outcome.identity);
  return message.SerializeAsString();
}

Result<TestOutcome> test_outcome_from_wire(std::string_view bytes) {
  wire::TestReply message;
  if (!parse(message, bytes) || message.accepted() != message.has_identity()) return malformed();
  TestOutcome outcome{.identity = std::nullopt, .reason = message.reason()};
  if (!message.accepted()) return outcome;
  TRY_ASSIGN(outcome.identity, from_message(message.identity()));
  return outcome;
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
