// The commands that need no waiting. Each is checked first and done then.
#include <fmt/format.h>

#include <algorithm>

#include "transport/receive/session.h"

namespace hauspost::transport {

using smtp::Reply;

namespace {

const Reply kOk{250, "2.0.0", "Ok"};

std::int64_t unix_seconds(WallTime time) {
  return std::chrono::floor<Seconds>(time).time_since_epoch().count();
}

}  // namespace

// RFC 5321 section 4.1.4: EHLO in mid-session is RSET. What was agreed before TLS and AUTH stays
// the front-end's, so neither is offered again.
Session::Answer Session::on(const smtp::EhloCommand& command) {
  // RFC 2033 section 4.1: LMTP has LHLO alone, and SMTP does not have it.
  if (command.lmtp != connector_->is_lmtp()) {
    return {{500, "5.5.1", connector_->is_lmtp() ? "This is LMTP: send LHLO" : "Unknown command"}};
  }
  if (state_ != State::kReady) reset();
  start_.hello = command.name;
  start_.extended = command.extended;
  if (!command.extended) return {{250, {}, name()}};
  smtp::EhloOptions options{name(), command.name, limits_.message_bytes_max};
  options.extensions = offered_extensions(*connector_);
  options.tls = start_.tls;
  options.recipients_max = limits_.recipients_max;
  options.messages_max = limits_.messages_max;
  options.hold_max_s = hold_max_s();
  options.now_s = unix_seconds(services_.clock.now());
  return {smtp::ehlo_lines(options)};
}

std::uint64_t Session::hold_max_s() const {
  return hold_limit_s(*connector_, rights_.is_authenticated());
}

// The parameters of an extension that is not offered here are unknown (RFC 5321 section 4.1.1.11).
std::optional<Reply> Session::check_offered(smtp::ExtensionBits used) const {
  smtp::ExtensionBits offered = offered_extensions(*connector_);
  if (!start_.tls) offered &= ~smtp::kRequireTlsExtension;  // RFC 8689 section 3
  if (hold_max_s() == 0) offered &= ~smtp::kFutureReleaseExtension;
  const smtp::ExtensionBits missing = used & ~offered;
  for (const smtp::ExtensionName& extension : smtp::kExtensions) {
    if ((missing & extension.bit) == 0) continue;
    return Reply{555, "5.5.4", std::string(extension.name) + " is not offered here"};
  }
  return std::nullopt;
}

std::optional<Reply> Session::check_parameters(const smtp::MailCommand& command) const {
  if (auto refused = check_offered(command.extensions_used())) return refused;
  const std::int64_t hold_s = command.hold_until_s
                                  ? *command.hold_until_s - unix_seconds(services_.clock.now())
                                  : static_cast<std::int64_t>(command.hold_for_s.value_or(0));
  if (hold_s > static_cast<std::int64_t>(hold_max_s())) {  // RFC 4865 section 4.1
    return Reply{501, "5.5.4", fmt::format("At most {} seconds may be asked for", hold_max_s())};
  }
  if (command.deliver_by && hold_s >= command.deliver_by->seconds && hold_s > 0)
    return Reply{501, "5.5.4", "It would be late before it is released"};
  return std::nullopt;
}

// RFC 5321 section 4.2.2: what has no room now may come later.
std::optional<Reply> Session::check_pressure() const {
  if (services_.pressure == nullptr) return std::nullopt;
  const Pressure::Level level = services_.pressure->level();
  if (level == Pressure::Level::kNormal) return std::nullopt;
  if (level == Pressure::Level::kMedium && !rights_.is_stranger()) return std::nullopt;
  return Reply{452, "4.3.1", "Insufficient system resources, try again later"};
}

std::optional<Session::Answer> Session::check_mail(const smtp::MailCommand& command) {
  if (messages_ >= limits_.messages_max) {
    return Answer{{421, "4.7.0", name() + " Too many messages, closing connection"}};
  }
  if (auto refused = check_parameters(command)) return Answer{std::move(*refused)};
  if (auto refused = rights_.check(command)) return Answer{std::move(*refused)};
  if (auto refused = check_pressure()) return Answer{std::move(*refused)};
  const std::uint64_t most = connector_->limits.messages_per_minute;
  if (most != 0 && services_.rates != nullptr &&
      !services_.rates->take(connector_->name, start_.client_address, most)) {
    return Answer{{450, "4.7.0", "Too many messages from your address, try again in a minute"}};
  }
  return std::nullopt;
}

Session::Answer Session::on(const smtp::MailCommand& command) {
  if (auto refused = check_mail(command)) return std::move(*refused);
  transaction_.mail = command;
  enter(State::kMail);
  // RFC 6710 section 4: a priority that is not granted is lowered, and the client told which holds.
  if (command.priority.value_or(0) <= 0 || rights_.has(kPriorityRight)) {
    return {{250, "2.1.0", "Ok"}};
  }
  transaction_.mail.priority = 0;
  return {{250, "2.3.6", "0 is the priority of this message"}};
}

std::optional<Session::Answer> Session::check_rcpt(const smtp::RcptCommand& command,
                                                   TakenRecipient& taken) {
  // In LMTP one that is named twice has two answers.
  const std::size_t named = std::max(transaction_.recipients.size(), transaction_.answers.size());
  if (named >= limits_.recipients_max) {
    return Answer{{452, "4.5.3", "Too many recipients"}};
  }
  auto refused = rights_.check(command, transaction_.mail, taken);
  if (!refused) return std::nullopt;
  // Whoever guesses addresses waits for each wrong one.
  const bool guessing = refused->enhanced == "5.1.1" && rights_.is_stranger();
  return Answer{std::move(*refused), guessing ? limits_.tarpit : Milliseconds::zero()};
}

Session::Answer Session::on(const smtp::RcptCommand& command) {
  TakenRecipient taken;
  if (auto refused = check_rcpt(command, taken)) {
    ++transaction_.refused;
    return std::move(*refused);
  }
  auto& recipients = transaction_.recipients;
  // In LMTP each is handed over alone, and a mailbox of two names gets one copy all the same.
  const bool plain = connector_->is_lmtp() && taken.resolved.is_plain_mailbox();
  const auto known = std::ranges::find_if(recipients, [&](const auto& other) {
    if (plain && other.resolved.is_plain_mailbox())
      return other.resolved.mailbox == taken.resolved.mailbox;
    return other.recipient.address == taken.recipient.address;
  });
  if (connector_->is_lmtp())
    transaction_.answers.push_back(static_cast<std::size_t>(known - recipients.begin()));
  if (known == recipients.end()) recipients.push_back(std::move(taken));
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
  return {{221, "2.0.0", name() + " Bye"}};
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
