// LoginGate: one connection's attempts to log in. Each wrong password answers later than the one
// before, and after a few there is no further one.
#pragma once

#include "protocols/sasl/mechanism.h"
#include "server/frontend/services.h"

namespace hauspost::frontend {

class LoginGate {
 public:
  LoginGate(const Services& services, const SessionContext& context)
      : services_(services), context_(context) {}

  // Errors as auth::Authenticator says, kDenied only after the delay. Logs login.ok, login.failed.
  Task<Result<auth::Identity>> check(sasl::Credentials credentials);
  // The same for one message of an exchange that hauspost-auth carries on; kInvalid: malformed.
  Task<Result<auth::SaslAnswer>> carry(auth::SaslMessage message);
  bool exhausted() const { return failures_ >= services_.limits.bad_passwords_max; }

 private:
  // Logs and notes who it is. kUnavailable: an administrator has ended such logins since `begun`.
  Result<> succeeded(const auth::Identity& identity, std::chrono::steady_clock::time_point begun);
  // Logs, and waits until `begun` is long enough ago: whatever was wrong, and however long it took
  // to find out, the answer comes at the same time.
  Task<Result<>> failed(std::string name, bool as_oneself, Error error,
                        std::chrono::steady_clock::time_point begun);

  const Services& services_;
  const SessionContext& context_;
  unsigned failures_ = 0;
  std::chrono::steady_clock::time_point exchange_begun_;  // of the one that is carried
};

}  // namespace hauspost::frontend
