// Pop3Login: POP3 up to the command that logs in (RFC 1939 section 4, RFC 2595, RFC 5034).
#pragma once

#include "protocols/pop3/command.h"
#include "protocols/pop3/line_reader.h"
#include "server/frontend/client_input.h"
#include "server/frontend/sasl_dialogue.h"

namespace hauspost::frontend {

class Pop3Login {
 public:
  Pop3Login(const Services& services, const SessionContext& context);

  // From the greeting on. The back-end answers the command that logged in. nullopt: the session is
  // over, what the client had to be told was written; reason() says why.
  Task<std::optional<Handover>> run();
  std::string_view reason() const { return reason_; }

 private:
  using Clock = std::chrono::steady_clock;

  Task<bool> next_line();
  Task<void> act(pop3::Command command);
  Task<void> start_tls();
  Task<void> user(std::string name);
  Task<void> pass(pop3::Command command);
  Task<void> authenticate(pop3::Command command);
  Task<std::optional<SaslDialogue::Turn>> converse(SaslDialogue& dialogue, SaslDialogue::Turn turn);
  Task<void> enter(Result<auth::Identity> identity);
  Task<void> hand_over(const auth::Identity& identity);

  Task<bool> more_input();
  Task<void> say(std::string_view text);  // CRLF is added
  Task<void> write(std::string text);
  Task<void> bad(std::string_view text);  // counts as an error of the client
  void end(std::string_view reason);
  bool may_log_in() const { return context_.client.facts().may_log_in(); }

  const Services& services_;
  const SessionContext& context_;
  LoginGate gate_;
  ClientInput input_;
  pop3::LineReader reader_;
  Clock::time_point until_;
  std::string name_;  // what USER said; empty until then and after each PASS
  unsigned bad_commands_ = 0;
  std::string_view reason_;
  bool over_ = false;
  std::optional<Handover> handover_;
};

}  // namespace hauspost::frontend
