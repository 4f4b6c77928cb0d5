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
  bool exhausted() const { return failures_ >= services_.limits.bad_passwords_max; }

 private:
  const Services& services_;
  const SessionContext& context_;
  unsigned failures_ = 0;
};

}  // namespace hauspost::frontend
