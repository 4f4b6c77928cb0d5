// AuthService: hauspost-auth without its sockets. Decides logins, changes verifiers.
#pragma once

#include <functional>

#include "server/auth/hash_pool.h"
#include "server/auth/login_cache.h"
#include "server/auth/login_rules.h"
#include "server/auth/outside_logins.h"
#include "server/auth/password_hash.h"
#include "server/auth/scram_login.h"
#include "server/auth/wire.h"
#include "server/directory/auth_settings.h"

namespace hauspost::auth {

// REQUIRES: one thread, that of `executor`; verifiers and clock outlive it; nobody awaits a call
// when it is destroyed.
class AuthService final : public Authenticator {
 public:
  struct Settings {
    // What the administrator has set, asked at each call; what cannot be read stays as it was.
    std::function<Result<directory::AuthSettings>()> policy = [] {
      return directory::AuthSettings();
    };
    std::size_t threads = 1;
    std::size_t queue_max = 64;
    std::size_t cache_entries_max = 10'000;
    ScramLogins::Limits scram = {};
    Sources* sources = nullptr;  // outlives the service; null: nobody else is asked
    LoginDefence::Rules defence = [] { return directory::DefenceRules{}; };
  };
  // Hashes once, for the verifier that unknown users are measured against. kExhausted: no memory.
  static Result<std::unique_ptr<AuthService>> create(Executor executor, VerifierStore& verifiers,
                                                     FindLogin find_login, const Clock& clock,
                                                     Settings settings);

  // Logs its decision (auth.accepted, auth.refused) with the reason.
  Task<Result<Identity>> verify(LoginAttempt attempt) override;
  Task<Result<SaslAnswer>> sasl(SaslMessage message) override;
  // A login as an administrator tries it: says why. Errors other than a refusal as verify().
  Task<Result<TestOutcome>> test(LoginAttempt attempt);
  Task<Result<>> set_password(Guid mailbox, Secret password);
  Task<Result<>> remove(Guid mailbox);

  struct NewAppPassword {
    AppPassword entry;
    Secret password;  // nobody can find it out again
  };
  // kExists, kExhausted as VerifierStore; kInvalid: the name is empty, too long or has controls.
  Task<Result<NewAppPassword>> create_app_password(Guid mailbox, std::string name,
                                                   ProtocolSet protocols);
  Result<std::vector<AppPassword>> app_passwords(Guid mailbox) const;
  // kNotFound.
  Task<Result<AppPassword>> revoke_app_password(Guid mailbox, std::string name);

  // See VerifierStore::copy(). The copy stays until the next, or until somebody removes it.
  Task<Result<>> copy_verifiers();

  // From now on this password alone opens system mailboxes, until the next. Kept in memory only.
  void set_health_password(Secret password) { health_password_ = std::move(password); }

  // Who is kept out, for the administrator.
  LoginDefence& defence() { return rules_.defence(); }

  // RpcHandlers: what the socket "calls" may ask, and what only the control connection may.
  // kInvalid: unknown method or malformed body.
  Task<Result<std::string>> handle_call(std::uint16_t method, std::string body);
  Task<Result<std::string>> handle_control(std::uint16_t method, std::string body);

 private:
  struct Checked {
    bool good = false;
    std::string verifier;  // stored after the check: renewed when it was out of date
  };
  // One check on a worker thread.
  struct Question {
    std::optional<Guid> mailbox;  // nullopt: nobody, and the answer is no
    std::string verifier;
    Secret password;
    directory::AuthSettings settings;
  };
  AuthService(Executor executor, VerifierStore& verifiers, FindLogin find_login, const Clock& clock,
              Settings settings, directory::AuthSettings policy, std::string dummy);
  Result<Checked> check(const Question& question) const;
  // What is stored now, when what was stored was out of date.
  Result<std::optional<std::string>> renew(const Question& question, const Secret& typed,
                                           bool unprepared) const;
  // auth_service_sources.cc
  Task<Result<Identity>> verify_otherwise(LoginAttempt attempt);
  Task<Result<Identity>> ask_sources(LoginAttempt attempt, Attempt from, Login login,
                                     StoredCredentials stored);
  Task<Result<SourceAnswer>> ask_ourselves(Guid mailbox, Secret password,
                                           StoredCredentials stored);
  Task<Result<>> follow_policy();
  bool is_health_login(const LoginAttempt& attempt, const Login& login) const;
  Task<Result<Identity>> enter_by(AppPassword used, Attempt attempt, Login login);
  Task<Result<>> note_use(Guid mailbox, AppPassword used, std::string client_address);
  std::int64_t now_s() const;

  VerifierStore& verifiers_;
  const Clock& clock_;
  Settings settings_;
  directory::AuthSettings policy_;
  std::string dummy_;  // a verifier that no password matches, at today's cost
  LoginCache cache_;
  LoginRules rules_;
  ScramLogins scram_;
  std::unique_ptr<OutsideLogins> outside_;  // null: nobody else is asked
  Secret health_password_;  // empty: nobody opens system mailboxes
  HashPool pool_;  // last: its threads use the others
};

}  // namespace hauspost::auth
