// SmtpGreeter: SMTP up to the first MAIL command, which and all behind it is transport's.
#pragma once

#include "protocols/smtp/command.h"
#include "protocols/smtp/line.h"
#include "server/frontend/client_input.h"
#include "server/frontend/sasl_dialogue.h"

namespace hauspost::frontend {

class SmtpGreeter {
 public:
  SmtpGreeter(const Services& services, const SessionContext& context);

  // From the greeting on. nullopt: the session is over, what the client had to be told was written;
  // reason() says why.
  Task<std::optional<Handover>> run();
  std::string_view reason() const { return reason_; }

 private:
  using Clock = std::chrono::steady_clock;

  Task<void> next_line();
  Task<bool> line_refused(smtp::LineStatus status);
  Task<void> act(std::string line);
  Task<void> act_typed(const smtp::Command& command, const std::string& line);
  Task<void> hello(const smtp::EhloCommand& command);
  Task<void> start_tls();
  Task<void> authenticate(const smtp::AuthCommand& command);
  Task<std::optional<SaslDialogue::Turn>> converse(SaslDialogue& dialogue, SaslDialogue::Turn turn);
  Task<void> enter(Result<auth::Identity> identity);
  Task<void> mail(const std::string& line);

  Task<bool> more_input();
  Task<void> say(smtp::Reply reply);
  Task<void> refuse(smtp::Reply reply);  // counts as an error of the client
  Task<void> goodbye(smtp::Reply reply, std::string_view reason);
  void end(std::string_view reason);
  // Our name, towards this client.
  const std::string& name() const;
  bool permits_users() const;
  bool must_log_in() const;
  bool offers_auth() const;
  std::vector<std::string> mechanisms() const;
  std::optional<smtp::Reply> check_mail() const;
  Clock::time_point patience_end() const;

  const Services& services_;
  const SessionContext& context_;
  LoginGate gate_;
  ClientInput input_;
  Clock::time_point opened_ = Clock::now();
  std::optional<smtp::EhloCommand> hello_;
  std::optional<auth::Identity> identity_;
  unsigned errors_ = 0;
  std::string_view reason_;
  bool over_ = false;
  std::optional<Handover> handover_;
};

}  // namespace hauspost::frontend
