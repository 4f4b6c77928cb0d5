// The messages of auth.proto as our own types. from-functions check every limit.
#pragma once

#include "server/auth/identity.h"

namespace hauspost::auth {

// Numbers of auth.proto, for ever. Those of the control connection start where server/child leaves
// room for this role.
enum class Method : std::uint16_t {
  kVerify = 1,
  kSasl = 2,
  kSetPassword = 48,
  kRemove = 49,
  kAppPasswordCreate = 50,
  kAppPasswordList = 51,
  kAppPasswordRevoke = 52,
  kTest = 53,
  kCopyVerifiers = 54,
  kHealthPassword = 127,
};

// How a login that an administrator tries ends.
struct TestOutcome {
  std::optional<Identity> identity;  // set: accepted
  std::string reason;                // why not; or by what
};

struct PasswordChange {
  Guid mailbox;
  Secret password;
};

std::string verify_request_to_wire(const LoginAttempt& attempt);
Result<LoginAttempt> verify_request_from_wire(std::string_view bytes);
std::string identity_to_wire(const Identity& identity);
Result<Identity> identity_from_wire(std::string_view bytes);
std::string sasl_message_to_wire(const SaslMessage& message);
Result<SaslMessage> sasl_message_from_wire(std::string_view bytes);
std::string sasl_answer_to_wire(const SaslAnswer& answer);
Result<SaslAnswer> sasl_answer_from_wire(std::string_view bytes);
std::string password_change_to_wire(const PasswordChange& change);
Result<PasswordChange> password_change_from_wire(std::string_view bytes);
std::string test_outcome_to_wire(const TestOutcome& outcome);
Result<TestOutcome> test_outcome_from_wire(std::string_view bytes);
std::string removal_to_wire(const Guid& mailbox);
Result<Guid> removal_from_wire(std::string_view bytes);

}  // namespace hauspost::auth
