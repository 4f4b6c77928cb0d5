// What the calls of AuthService's two connections carry.
#include "server/auth/app_password_calls.h"
#include "server/auth/auth_service.h"
#include "server/auth/defence_calls.h"
#include "server/auth/wire.h"

namespace hauspost::auth {

Task<Result<std::string>> AuthService::handle_call(std::uint16_t method, std::string body) {
  const Secret wiped_body(std::move(body));
  switch (static_cast<Method>(method)) {
    case Method::kVerify: {
      CO_TRY_ASSIGN(LoginAttempt attempt, verify_request_from_wire(wiped_body.reveal()));
      CO_TRY_ASSIGN(const Identity identity, co_await verify(std::move(attempt)));
      co_return identity_to_wire(identity);
    }
    case Method::kSasl: {
      CO_TRY_ASSIGN(SaslMessage message, sasl_message_from_wire(wiped_body.reveal()));
      CO_TRY_ASSIGN(const SaslAnswer answer, co_await sasl(std::move(message)));
      co_return sasl_answer_to_wire(answer);
    }
    default: break;
  }
  co_return fail(ErrorCode::kInvalid, "auth: unknown method");
}

Task<Result<std::string>> AuthService::handle_control(std::uint16_t method, std::string body) {
  const Secret wiped_body(std::move(body));
  switch (static_cast<Method>(method)) {
    case Method::kSetPassword: {
      CO_TRY_ASSIGN(PasswordChange change, password_change_from_wire(wiped_body.reveal()));
      CO_TRY(co_await set_password(change.mailbox, std::move(change.password)));
      co_return std::string();
    }
    case Method::kRemove: {
      CO_TRY_ASSIGN(const Guid mailbox, removal_from_wire(wiped_body.reveal()));
      CO_TRY(co_await remove(mailbox));
      co_return std::string();
    }
    case Method::kAppPasswordCreate: {
      CO_TRY_ASSIGN(AppPasswordOrder order, order_from_wire(wiped_body.reveal()));
      CO_TRY_ASSIGN(
          const NewAppPassword made,
          co_await create_app_password(order.mailbox, std::move(order.name), order.protocols));
      co_return created_to_wire(made.entry, made.password);
    }
    case Method::kAppPasswordList: {
      CO_TRY_ASSIGN(const Guid mailbox, list_request_from_wire(wiped_body.reveal()));
      CO_TRY_ASSIGN(const auto all, app_passwords(mailbox));
      co_return list_to_wire(all);
    }
    case Method::kAppPasswordRevoke: {
      CO_TRY_ASSIGN(AppPasswordOrder order, revocation_from_wire(wiped_body.reveal()));
      CO_TRY_ASSIGN(const AppPassword gone,
                    co_await revoke_app_password(order.mailbox, std::move(order.name)));
      co_return revoked_to_wire(gone);
    }
    case Method::kCopyVerifiers: {
      CO_TRY(co_await copy_verifiers());
      co_return std::string();
    }
    case Method::kTest: {
      CO_TRY_ASSIGN(LoginAttempt attempt, verify_request_from_wire(wiped_body.reveal()));
      CO_TRY_ASSIGN(const TestOutcome outcome, co_await test(std::move(attempt)));
      co_return test_outcome_to_wire(outcome);
    }
    case Method::kHealthPassword: {
      constexpr std::size_t kLeast = 20;
      if (wiped_body.reveal().size() < kLeast)
        co_return fail(ErrorCode::kInvalid, "auth: the password of probes is too short");
      set_health_password(wiped_body);
      co_return std::string();
    }
    case Method::kVerify:
    case Method::kSasl: break;
  }
  if (auto answer = answer_defence_call(rules_.defence(), method, wiped_body.reveal()))
    co_return std::move(*answer);
  co_return fail(ErrorCode::kInvalid, "auth: unknown control method");
}

}  // namespace hauspost::auth
