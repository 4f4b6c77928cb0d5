// The asking side of hauspost-auth: logins for front-ends, password changes for the supervisor.
#pragma once

#include "base/link/rpc.h"
#include "server/auth/identity.h"
#include "server/auth/wire.h"

namespace hauspost::auth {

// REQUIRES: one thread. Reconnects by itself when hauspost-auth was restarted.
class AuthClient final : public Authenticator {
 public:
  AuthClient(Executor executor, std::string socket_path)
      : calls_(executor, std::move(socket_path), kPayloadMax) {}

  // Errors as Authenticator says; every failure of the link is kUnavailable.
  Task<Result<Identity>> verify(LoginAttempt attempt) override;
  Task<Result<SaslAnswer>> sasl(SaslMessage message) override;

  // Ends calls under way; join() before destruction.
  void stop() { calls_.stop(); }
  Task<void> join() { return calls_.join(); }

  static constexpr std::size_t kPayloadMax = 64 * 1024;

 private:
  link::RpcClient calls_;
};

// What only the supervisor can ask, over hauspost-auth's control connection.
// Stores a new verifier; durable on return, and the old password is refused from then on.
// kInvalid: empty or longer than sasl::kPasswordMax. kUnavailable: too many at once, or auth is
// away.
Task<Result<>> set_password(link::RpcClient& control, Guid mailbox, Secret password);
// Tries a login and tells why it ends as it does. `attempt.session` must be new.
Task<Result<TestOutcome>> test_login(link::RpcClient& control, LoginAttempt attempt);
// The one password that opens system mailboxes; hauspost-auth forgets it when it ends.
Task<Result<>> set_health_password(link::RpcClient& control, Secret password);
// Has all verifiers copied to auth/verifiers.copy in the data root (VerifierStore::copy()); whoever
// asks for it reads and removes it.
Task<Result<>> copy_verifiers(link::RpcClient& control);
// Forgets the mailbox's verifier; success when it had none.
Task<Result<>> remove(link::RpcClient& control, Guid mailbox);

}  // namespace hauspost::auth
