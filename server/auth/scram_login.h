// ScramLogins: SCRAM exchanges under way, between their two messages.
#pragma once

#include <list>
#include <unordered_map>

#include "server/auth/login_rules.h"
#include "server/auth/verifier_store.h"
#include "server/directory/auth_settings.h"

namespace hauspost::auth {

// REQUIRES: one thread; everything it refers to outlives it.
class ScramLogins {
 public:
  struct Limits {
    std::size_t exchanges_max = 4'096;  // then the oldest is forgotten
    std::chrono::seconds lifetime{120};
  };
  ScramLogins(const VerifierStore& verifiers, LoginRules& rules, const Clock& clock, Limits limits)
      : verifiers_(verifiers), rules_(rules), clock_(clock), limits_(limits) {}

  // One message. Errors as Authenticator::sasl says. Whoever cannot log in gets just the same
  // first answer, and the refusal at the end.
  struct Outcome {
    SaslAnswer answer;
    std::optional<AppPassword> used;  // with the identity: by which it was
  };
  Result<Outcome> take(SaslMessage message, const directory::AuthSettings& settings);
  std::size_t size() const { return exchanges_.size(); }

 private:
  struct Exchange {
    Guid id;
    std::chrono::steady_clock::time_point expires;
    sasl::ScramMechanism mechanism;
    sasl::ScramServer server;
    std::string salt;  // as it was sent
    ChannelBindings bindings;
    std::string_view reason;  // why it fails whatever comes; empty: it may succeed
  };
  Result<Outcome> begin(const SaslMessage& message, const directory::AuthSettings& settings);
  Result<Outcome> finish(const SaslMessage& message, const Exchange& exchange,
                         const directory::AuthSettings& settings);
  std::optional<Exchange> forget(const Guid& id);
  void make_room();

  const VerifierStore& verifiers_;
  LoginRules& rules_;
  const Clock& clock_;
  Limits limits_;
  std::list<Exchange> exchanges_;  // in the order in which they expire
  std::unordered_map<Guid, std::list<Exchange>::iterator> by_id_;
};

}  // namespace hauspost::auth
