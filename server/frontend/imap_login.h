// ImapLogin: IMAP up to the command that logs in (RFC 3501 sections 6.1 and 6.2).
#pragma once

#include "protocols/imap/command_parser.h"
#include "server/frontend/client_input.h"
#include "server/frontend/sasl_dialogue.h"

namespace hauspost::frontend {

class ImapLogin {
 public:
  ImapLogin(const Services& services, const SessionContext& context);

  // From the greeting on. The back-end answers the command that logged in. nullopt: the session is
  // over, what the client had to be told was written; reason() says why.
  Task<std::optional<Handover>> run();
  std::string_view reason() const { return reason_; }

 private:
  using Clock = std::chrono::steady_clock;

  Task<std::optional<imap::RawCommand>> next_command();
  Task<bool> reader_refused(imap::CommandReader::Event event);
  Task<void> act(imap::ParsedCommand parsed);
  Task<void> act_typed(const std::string& tag, imap::Command command);
  Task<void> capability(const std::string& tag);
  Task<void> id(const std::string& tag, const imap::IdRequest& request);
  Task<void> start_tls(const std::string& tag);
  Task<void> login(const std::string& tag, imap::LoginRequest request);
  Task<void> authenticate(const std::string& tag, imap::AuthenticateRequest request);
  Task<std::optional<SaslDialogue::Turn>> converse(SaslDialogue& dialogue, SaslDialogue::Turn turn);
  Task<void> enter(const std::string& tag, Result<auth::Identity> identity);
  Task<void> hand_over(const std::string& tag, const auth::Identity& identity);

  Task<bool> more_input();
  Task<void> say(std::string text);  // CRLF is added
  Task<void> bad(const std::string& tag, std::string_view text);
  Task<void> goodbye(std::string_view text, std::string_view reason);
  void end(std::string_view reason);
  std::string capabilities() const;
  bool may_log_in() const { return context_.client.facts().may_log_in(); }

  const Services& services_;
  const SessionContext& context_;
  LoginGate gate_;
  imap::Limits limits_ = imap::limits_before_login();
  imap::CommandReader reader_{limits_};
  ClientInput input_;
  Clock::time_point until_;
  unsigned bad_commands_ = 0;
  std::size_t unfinished_bytes_ = 0;  // of the command that is being read
  std::string device_;  // what the client said of itself with ID
  std::string_view reason_;
  bool over_ = false;
  std::optional<Handover> handover_;
};

}  // namespace hauspost::frontend
