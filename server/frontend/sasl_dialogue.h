// SaslDialogue: one authentication, whoever carries it on. Most mechanisms end here with
// credentials that LoginGate asks about; the messages of SCRAM travel to hauspost-auth, which alone
// holds the keys.
#pragma once

#include <variant>

#include "protocols/sasl/exchange.h"
#include "server/frontend/login_gate.h"

namespace hauspost::frontend {

// The mechanisms that this client may use now, the best first.
std::vector<std::string_view> offered_mechanisms(const Services& services, const Client& client);

// REQUIRES: services, context and gate outlive it.
class SaslDialogue {
 public:
  // nullopt: not offered here and now.
  static std::optional<SaslDialogue> create(const Services& services, const SessionContext& context,
                                            LoginGate& gate, std::string_view mechanism);

  struct Turn {
    enum class Kind {
      kAsk,        // send `text` (base64) and feed the answer to line()
      kDone,       // `identity` says who it is, or why not: errors as auth::Authenticator says
      kMalformed,  // the client broke the mechanism's grammar
      kAborted,    // it cancelled
    };
    Kind kind = Kind::kMalformed;
    std::string text = {};
    Result<auth::Identity> identity = fail(ErrorCode::kDenied, std::string(auth::kDeniedText));
  };
  Task<Turn> start(std::optional<std::string_view> initial_response);
  // REQUIRES: the last turn was kAsk. `line` has no CRLF.
  Task<Turn> line(std::string_view line);

 private:
  // An exchange that hauspost-auth carries on.
  struct Carried {
    std::string mechanism;
    Guid exchange;                           // nil: not begun
    std::optional<auth::Identity> identity;  // known; the client must still see the last message
  };
  SaslDialogue(const Services& services, const SessionContext& context, LoginGate& gate,
               std::variant<sasl::Exchange, Carried> part)
      : services_(&services), context_(&context), gate_(&gate), part_(std::move(part)) {}
  Task<Turn> settle(sasl::Step step);
  Task<Turn> decide(sasl::Credentials credentials);
  Task<Turn> carry(std::string_view text);

  const Services* services_;
  const SessionContext* context_;
  LoginGate* gate_;
  std::variant<sasl::Exchange, Carried> part_;
  std::optional<Error> refused_;  // the client has still to answer why
};

}  // namespace hauspost::frontend
