// The commands that need no waiting. Each is checked first and done then.
#include "transport/receive/session.h"

namespace hauspost::transport {

using smtp::Reply;

namespace {

const Reply kOk{250, "2.0.0", "Ok"};

}  // namespace

// RFC 5321 section 4.1.4: EHLO in mid-session is RSET. What was agreed before TLS and AUTH stays
// the front-end's, so neither is offered again.
Session::Answer Session::on(const smtp::EhloCommand& command) {
  if (state_ != State::kReady) reset();
  start_.hello = command.name;
  start_.extended = command.extended;
  if (!command.extended) return {{250, {}, services_.hostname}};
  return {smtp::ehlo_lines({services_.hostname, command.name, services_.limits.message_bytes_max})};
}

std::optional<Session::Answer> Session::check_mail(const smtp::MailCommand& command) {
  if (messages_ >= services_.limits.messages_max) {
    return Answer{{421, "4.7.0", services_.hostname + " Too many messages, closing connection"}};
  }
  if (auto refused = rights_.check(command)) return Answer{std::move(*refused)};
  return std::nullopt;
}

Session::Answer Session::on(const smtp::MailCommand& command) {
  if (auto refused = check_mail(command)) return std::move(*refused);
  transaction_.mail = command;
  enter(State::kMail);
  return {{250, "2.1.0", "Ok"}};
}

std::optional<Session::Answer> Session::check_rcpt(const smtp::RcptCommand& command,
                                                   TakenRecipient& taken) {
  if (transaction_.recipients.size() >= services_.limits.recipients_max) {
    return Answer{{452, "4.5.3", "Too many recipients"}};
  }
  auto refused = rights_.check(command, transaction_.mail, taken);
  if (!refused) return std::nullopt;
  // Whoever guesses addresses waits for each wrong one.
  const bool guessing = refused->enhanced == "5.1.1" && !rights_.is_authenticated();
  return Answer{std::move(*refused), guessing ? services_.limits.tarpit : Milliseconds::zero()};
}

Session::Answer Session::on(const smtp::RcptCommand& command) {
  TakenRecipient taken;
  if (auto refused = check_rcpt(command, taken)) {
    ++transaction_.refused;
    return std::move(*refused);
  }
  auto& recipients = transaction_.recipients;
  const bool known = std::any_of(recipients.begin(), recipients.end(), [&](const auto& other) {
    return other.recipient.address == taken.recipient.address;
  });
  if (!known) recipients.push_back(std::move(taken));
  enter(State::kRcpt);
  return {{250, "2.1.5", "Ok"}};
}

Session::Answer Session::on(const smtp::RsetCommand&) {
  reset();
  return {kOk};
}

Session::Answer Session::on(const smtp::NoopCommand&) { return {kOk}; }

Session::Answer Session::on(const smtp::QuitCommand&) {
  reset();
  enter(State::kEnded);
  return {{221, "2.0.0", services_.hostname + " Bye"}};
}

// RFC 5321 section 3.5.3: saying nothing is allowed, and all that a stranger should hear.
Session::Answer Session::on(const smtp::VrfyCommand&) {
  return {{252, "2.5.2", "Send some mail, it will be tried"}};
}

Session::Answer Session::on(const smtp::ExpnCommand&) {
  return {{502, "5.5.1", "EXPN is not available"}};
}

Session::Answer Session::on(const smtp::HelpCommand&) {
  return {{214, "2.0.0", "EHLO HELO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY HELP"}};
}

}  // namespace hauspost::transport
