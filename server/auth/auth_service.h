// AuthService: hauspost-auth without its sockets. Decides logins, changes verifiers.
#pragma once

#include <functional>

#include "server/auth/failure_limits.h"
#include "server/auth/hash_pool.h"
#include "server/auth/identity.h"
#include "server/auth/login_cache.h"
#include "server/auth/password_hash.h"
#include "server/auth/verifier_store.h"
#include "server/directory/directory.h"

namespace hauspost::auth {

// How a login name becomes a mailbox: DirectoryReader::find_login, or a test's table.
using FindLogin =
    std::function<Result<std::optional<directory::MailboxEntry>>(std::string_view name)>;

// REQUIRES: one thread, that of `executor`; verifiers and clock outlive it; nobody awaits a call
// when it is destroyed.
class AuthService final : public Authenticator {
 public:
  struct Settings {
    HashCost cost;
    std::size_t threads = 1;
    std::size_t queue_max = 64;
    LoginCache::Limits cache;
    FailureLimits::Limits failures;
  };
  // Hashes once, for the verifier that unknown users are measured against. kExhausted: no memory.
  static Result<std::unique_ptr<AuthService>> create(Executor executor, VerifierStore& verifiers,
                                                     FindLogin find_login, const Clock& clock,
                                                     Settings settings);

  // Logs its decision (auth.accepted, auth.refused) with the reason.
  Task<Result<Identity>> verify(LoginAttempt attempt) override;
  Task<Result<>> set_password(Guid mailbox, Secret password);
  Task<Result<>> remove(Guid mailbox);

  // RpcHandlers: what the socket "calls" may ask, and what only the control connection may.
  // kInvalid: unknown method or malformed body.
  Task<Result<std::string>> handle_call(std::uint16_t method, std::string body);
  Task<Result<std::string>> handle_control(std::uint16_t method, std::string body);

 private:
  struct Checked {
    bool good = false;
    std::string verifier;  // stored after the check: renewed when its cost was out of date
  };
  AuthService(Executor executor, VerifierStore& verifiers, FindLogin find_login, const Clock& clock,
              Settings settings, std::string dummy);
  Result<Checked> check(const std::optional<Guid>& mailbox, const std::string& verifier,
                        const Secret& password) const;  // on a worker thread
  Task<Result<Identity>> refuse(const LoginAttempt& attempt, std::string_view reason);

  VerifierStore& verifiers_;
  FindLogin find_login_;
  Settings settings_;
  std::string dummy_;  // a verifier that no password matches, at today's cost
  LoginCache cache_;
  FailureLimits failures_;
  HashPool pool_;  // last: its threads use the others
};

}  // namespace hauspost::auth
