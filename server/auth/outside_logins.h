// OutsideLogins: logins that our own verifiers do not decide: passwords that a directory server or
// PAM knows, bearer tokens, client certificates.
#pragma once

#include "server/auth/login_cache.h"
#include "server/auth/login_rules.h"
#include "server/auth/sources.h"

namespace hauspost::auth {

// REQUIRES: one thread; all that it refers to outlives it; nobody awaits a call when it is
// destroyed.
class OutsideLogins {
 public:
  // A password that another source has confirmed is not asked about again for so long: a change
  // over there is not told to us.
  static constexpr std::chrono::minutes kRemembered{2};

  OutsideLogins(Sources& sources, LoginRules& rules, const Clock& clock)
      : sources_(sources), rules_(rules), known_(clock, {.lifetime = kRemembered}) {}

  const SourceSettings& settings() const { return sources_.settings(); }
  // True when a mailbox's password is, by its domain, not ours alone to judge.
  bool judges(const directory::MailboxEntry& mailbox) const;
  // True when this password was confirmed a moment ago.
  bool knows(const Guid& mailbox, const Secret& password) const {
    return known_.knows(mailbox, password);
  }
  // What `source` says. REQUIRES: source != kLocal.
  Task<SourceAnswer> ask(Source source, const directory::MailboxEntry& mailbox,
                         std::string client_address, Secret password);

  // A bearer token or a certificate. Errors as Authenticator::verify(); logs its decision.
  Task<Result<Identity>> verify(LoginAttempt attempt);

 private:
  Task<Result<Identity>> by_token(LoginAttempt attempt);
  Result<Identity> by_certificate(LoginAttempt attempt);
  // Whom `named` means; when `asked` is not empty, it must mean the same person, and may say whose
  // mail they want to open.
  Result<Identity> enter(const Attempt& from, std::string_view named, std::string_view asked);

  Sources& sources_;
  LoginRules& rules_;
  LoginCache known_;
};

}  // namespace hauspost::auth
