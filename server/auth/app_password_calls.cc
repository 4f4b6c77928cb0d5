#include "server/auth/app_password_calls.h"

#include "server/auth/auth.pb.h"
#include "server/auth/wire.h"

namespace hauspost::auth {

namespace {

constexpr std::chrono::seconds kCallTimeout{30};

template <class Message>
Result<Message> parse_message(std::string_view bytes) {
  Message message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return fail(ErrorCode::kInvalid, "auth: malformed message");
  return message;
}

template <class Message>
Result<Guid> mailbox_of(const Message& message) {
  const auto mailbox = Guid::from_bytes(message.mailbox());
  if (!mailbox) return fail(ErrorCode::kInvalid, "auth: malformed message");
  return *mailbox;
}

void to_message(const AppPassword& entry, wire::AppPassword& message) {
  message.set_name(entry.name);
  message.set_imap(entry.protocols.imap);
  message.set_pop3(entry.protocols.pop3);
  message.set_smtp(entry.protocols.smtp);
  message.set_created_s(entry.created_s);
  message.set_used_s(entry.used_s);
  message.set_used_from(entry.used_from);
}

AppPassword from_message(const wire::AppPassword& message) {
  return {.id = 0,
          .name = message.name(),
          .tag = {},
          .scram = {},
          .protocols = {message.imap(), message.pop3(), message.smtp()},
          .created_s = message.created_s(),
          .used_s = message.used_s(),
          .used_from = message.used_from()};
}

std::uint16_t number(Method method) { return static_cast<std::uint16_t>(method); }

}  // namespace

Result<AppPasswordOrder> order_from_wire(std::string_view bytes) {
  TRY_ASSIGN(const auto message, parse_message<wire::AppPasswordCreateRequest>(bytes));
  TRY_ASSIGN(const Guid mailbox, mailbox_of(message));
  return AppPasswordOrder{
      mailbox, message.name(), {message.imap(), message.pop3(), message.smtp()}};
}

std::string created_to_wire(const AppPassword& entry, const Secret& password) {
  wire::AppPasswordCreateReply message;
  to_message(entry, *message.mutable_app_password());
  message.set_password(std::string(password.reveal()));
  std::string bytes = message.SerializeAsString();
  const Secret wiped(std::move(*message.mutable_password()));
  return bytes;
}

Result<Guid> list_request_from_wire(std::string_view bytes) {
  TRY_ASSIGN(const auto message, parse_message<wire::AppPasswordListRequest>(bytes));
  return mailbox_of(message);
}

std::string list_to_wire(const std::vector<AppPassword>& all) {
  wire::AppPasswordListReply message;
  for (const AppPassword& one : all) to_message(one, *message.add_app_passwords());
  return message.SerializeAsString();
}

Result<AppPasswordOrder> revocation_from_wire(std::string_view bytes) {
  TRY_ASSIGN(const auto message, parse_message<wire::AppPasswordRevokeRequest>(bytes));
  TRY_ASSIGN(const Guid mailbox, mailbox_of(message));
  return AppPasswordOrder{mailbox, message.name(), {}};
}

std::string revoked_to_wire(const AppPassword& entry) {
  wire::AppPasswordRevokeReply message;
  to_message(entry, *message.mutable_app_password());
  return message.SerializeAsString();
}

Task<Result<CreatedAppPassword>> create_app_password(link::RpcClient& control,
                                                     AppPasswordOrder order) {
  wire::AppPasswordCreateRequest request;
  request.set_mailbox(std::string(order.mailbox.as_bytes()));
  request.set_name(order.name);
  request.set_imap(order.protocols.imap);
  request.set_pop3(order.protocols.pop3);
  request.set_smtp(order.protocols.smtp);
  const std::string body = request.SerializeAsString();
  CO_TRY_ASSIGN(std::string bytes,
                co_await control.call(number(Method::kAppPasswordCreate), body, kCallTimeout));
  const Secret wiped(std::move(bytes));
  CO_TRY_ASSIGN(auto message, parse_message<wire::AppPasswordCreateReply>(wiped.reveal()));
  co_return CreatedAppPassword{from_message(message.app_password()),
                               Secret(std::move(*message.mutable_password()))};
}

Task<Result<std::vector<AppPassword>>> list_app_passwords(link::RpcClient& control, Guid mailbox) {
  wire::AppPasswordListRequest request;
  request.set_mailbox(std::string(mailbox.as_bytes()));
  const std::string body = request.SerializeAsString();
  CO_TRY_ASSIGN(const std::string bytes,
                co_await control.call(number(Method::kAppPasswordList), body, kCallTimeout));
  CO_TRY_ASSIGN(const auto message, parse_message<wire::AppPasswordListReply>(bytes));
  std::vector<AppPassword> all;
  for (const wire::AppPassword& one : message.app_passwords()) all.push_back(from_message(one));
  co_return all;
}

Task<Result<AppPassword>> revoke_app_password(link::RpcClient& control, Guid mailbox,
                                              std::string name) {
  wire::AppPasswordRevokeRequest request;
  request.set_mailbox(std::string(mailbox.as_bytes()));
  request.set_name(name);
  const std::string body = request.SerializeAsString();
  CO_TRY_ASSIGN(const std::string bytes,
                co_await control.call(number(Method::kAppPasswordRevoke), body, kCallTimeout));
  CO_TRY_ASSIGN(const auto message, parse_message<wire::AppPasswordRevokeReply>(bytes));
  co_return from_message(message.app_password());
}

}  // namespace hauspost::auth
