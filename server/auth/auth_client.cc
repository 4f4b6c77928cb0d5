#include "server/auth/auth_client.h"

#include "base/text.h"
#include "protocols/sasl/token_mechanisms.h"
#include "server/auth/wire.h"

namespace hauspost::auth {

namespace {

// A full queue of 64 at 40 ms each, and some more.
constexpr std::chrono::seconds kVerifyTimeout{10};
constexpr std::chrono::seconds kChangeTimeout{30};

std::uint16_t number(Method method) { return static_cast<std::uint16_t>(method); }

// What a login may answer stays; all else is a failure of ours.
std::unexpected<Error> as_login_error(Error error, bool may_be_invalid) {
  if (error.code == ErrorCode::kDenied || error.code == ErrorCode::kCancelled)
    return fail(std::move(error));
  if (may_be_invalid && error.code == ErrorCode::kInvalid) return fail(std::move(error));
  return fail(ErrorCode::kUnavailable, "auth: " + error.text);
}

// What auth would not even read is a wrong name or password like any other.
bool can_be_right(const LoginAttempt& attempt) {
  const bool token = attempt.proof == sasl::Proof::kBearer;
  return attempt.name.size() <= sasl::kNameMax && is_valid_utf8(attempt.name) &&
         attempt.password.reveal().size() <= (token ? sasl::kTokenMax : sasl::kPasswordMax);
}

}  // namespace

Task<Result<SaslAnswer>> Authenticator::sasl(SaslMessage) {
  co_return fail(ErrorCode::kInvalid, "no such mechanism");
}

Task<Result<SaslAnswer>> AuthClient::sasl(SaslMessage message) {
  const Secret request(sasl_message_to_wire(message));
  auto reply = co_await calls_.call(number(Method::kSasl), request.reveal(), kVerifyTimeout);
  if (!reply) co_return as_login_error(std::move(reply).error(), true);
  auto answer = sasl_answer_from_wire(*reply);
  if (!answer) co_return fail(ErrorCode::kUnavailable, std::move(answer).error().text);
  co_return std::move(*answer);
}

Task<Result<Identity>> AuthClient::verify(LoginAttempt attempt) {
  if (!can_be_right(attempt)) co_return fail(ErrorCode::kDenied, std::string(kDeniedText));
  const Secret request(verify_request_to_wire(attempt));
  auto reply = co_await calls_.call(number(Method::kVerify), request.reveal(), kVerifyTimeout);
  if (!reply) co_return as_login_error(std::move(reply).error(), false);
  auto identity = identity_from_wire(*reply);
  if (!identity) co_return fail(ErrorCode::kUnavailable, std::move(identity).error().text);
  co_return std::move(*identity);
}

Task<Result<>> set_password(link::RpcClient& control, Guid mailbox, Secret password) {
  const Secret request(password_change_to_wire({mailbox, std::move(password)}));
  CO_TRY(co_await control.call(number(Method::kSetPassword), request.reveal(), kChangeTimeout));
  co_return Result<>{};
}

Task<Result<TestOutcome>> test_login(link::RpcClient& control, LoginAttempt attempt) {
  const Secret request(verify_request_to_wire(attempt));
  CO_TRY_ASSIGN(const std::string reply,
                co_await control.call(number(Method::kTest), request.reveal(), kChangeTimeout));
  co_return test_outcome_from_wire(reply);
}

Task<Result<>> set_health_password(link::RpcClient& control, Secret password) {
  CO_TRY(co_await control.call(number(Method::kHealthPassword), password.reveal(), kChangeTimeout));
  co_return Result<>{};
}

Task<Result<>> copy_verifiers(link::RpcClient& control) {
  CO_TRY(co_await control.call(number(Method::kCopyVerifiers), std::string_view(), kChangeTimeout));
  co_return Result<>{};
}

Task<Result<>> remove(link::RpcClient& control, Guid mailbox) {
  const std::string request = removal_to_wire(mailbox);
  CO_TRY(co_await control.call(number(Method::kRemove), request, kChangeTimeout));
  co_return Result<>{};
}

}  // namespace hauspost::auth
