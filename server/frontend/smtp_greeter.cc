#include "server/frontend/smtp_greeter.h"

#include <fmt/format.h>

#include <algorithm>

namespace hauspost::frontend {

namespace {

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};

// A line may be as long as an AUTH line; when it is no AUTH, the ordinary limit holds.
bool too_long_for_its_verb(std::string_view line) {
  return line.size() + 2 > smtp::kCommandLineMax && smtp::find_verb(line) != smtp::Verb::kAuth;
}

}  // namespace

SmtpGreeter::SmtpGreeter(const Services& services, const SessionContext& context)
    : services_(services), context_(context), gate_(services, context) {}

const std::string& SmtpGreeter::name() const {
  const auto& connector = context_.client.facts().connector;
  return connector && !connector->fqdn.empty() ? connector->fqdn : services_.hostname;
}

bool SmtpGreeter::permits_users() const {
  const ClientFacts& facts = context_.client.facts();
  if (!facts.connector) return facts.submission;
  return facts.connector->permits(transport::PermissionGroup::kUsers) &&
         !facts.connector->is_lmtp();
}

bool SmtpGreeter::must_log_in() const {
  const ClientFacts& facts = context_.client.facts();
  return facts.connector ? facts.connector->must_log_in() : facts.submission;
}

bool SmtpGreeter::offers_auth() const {
  return permits_users() && context_.client.facts().may_log_in() && !identity_;
}

// Those that the server has, as far as the connector wants them.
std::vector<std::string> SmtpGreeter::mechanisms() const {
  const auto offered = offered_mechanisms(services_, context_.client);
  std::vector<std::string> all(offered.begin(), offered.end());
  const auto& connector = context_.client.facts().connector;
  if (!connector || connector->mechanisms.empty()) return all;
  std::erase_if(all, [&](const std::string& one) {
    return std::ranges::find(connector->mechanisms, one) == connector->mechanisms.end();
  });
  return all;
}

SmtpGreeter::Clock::time_point SmtpGreeter::patience_end() const {
  const Limits& limits = services_.limits;
  const bool must_wait = must_log_in() && !identity_;
  const auto total = opened_ + (must_wait ? limits.login_time : limits.greeter_time);
  return std::min(total, Clock::now() + limits.command_time);
}

Task<void> SmtpGreeter::say(smtp::Reply reply) {
  if (!co_await context_.client.stream().write(smtp::to_string(reply))) end("client_gone");
}

void SmtpGreeter::end(std::string_view reason) {
  if (std::exchange(over_, true)) return;
  reason_ = reason;
}

Task<void> SmtpGreeter::goodbye(smtp::Reply reply, std::string_view reason) {
  co_await say(reply);
  end(reason);
}

Task<void> SmtpGreeter::refuse(smtp::Reply reply) {
  const Limits& limits = services_.limits;
  if (++errors_ >= limits.smtp_errors_max) {
    co_await goodbye({421, "4.7.0", "Too many errors"}, "errors");
    co_return;
  }
  if (errors_ > limits.smtp_errors_free && !co_await sleep_for(limits.error_delay)) {
    end("stopped");
    co_return;
  }
  co_await say(reply);
}

Task<bool> SmtpGreeter::more_input() {
  switch (co_await input_.more(context_.client.stream(), context_.stop, patience_end())) {
    case ClientInput::More::kBytes:
      context_.admission.note_word();
      co_return true;
    case ClientInput::More::kEnd: end("client_gone"); break;
    case ClientInput::More::kTimeout:
      co_await goodbye({421, "4.4.2", "Timed out waiting for a command"}, "timeout");
      break;
    case ClientInput::More::kStop:
      co_await goodbye({421, "4.3.2", "Service is closing, try again later"}, "stopped");
      break;
  }
  co_return false;
}

Task<std::optional<Handover>> SmtpGreeter::run() {
  const auto& connector = context_.client.facts().connector;
  const std::string_view protocol = connector && connector->is_lmtp() ? "LMTP" : "ESMTP";
  const std::string banner = connector && !connector->banner.empty()
                                 ? fmt::format("{} {}", protocol, connector->banner)
                                 : fmt::format("{} Hauspost", protocol);
  co_await say({220, "", fmt::format("{} {}", name(), banner)});
  while (!over_ && !handover_) co_await next_line();
  co_return std::move(handover_);
}

Task<void> SmtpGreeter::next_line() {
  const auto scan = smtp::scan_line(input_.bytes(), smtp::kAuthLineMax + 2);
  if (scan.status == smtp::LineStatus::kNeedMore) {
    co_await more_input();
    co_return;
  }
  std::string line(scan.line);
  input_.consume(scan.consumed);
  if (scan.status == smtp::LineStatus::kLine && !too_long_for_its_verb(line)) {
    co_await act(std::move(line));
  } else {
    co_await line_refused(scan.status);
    // What follows may be a chunk's octets, and none of them is a command.
    if (smtp::find_verb(line) == smtp::Verb::kBdat) end("bad_bdat");
  }
}

Task<bool> SmtpGreeter::line_refused(smtp::LineStatus status) {
  switch (status) {
    case smtp::LineStatus::kFlood:
      co_await goodbye({421, "4.7.0", "Line too long"}, "line_flood");
      break;
    case smtp::LineStatus::kBareLineEnd: co_await refuse(smtp::bare_line_end_reply()); break;
    default: co_await refuse(smtp::line_too_long_reply()); break;
  }
  co_return !over_;
}

Task<void> SmtpGreeter::act(std::string line) {
  const Secret wiped(line);  // it may be an AUTH with its response
  const auto command = smtp::parse_command(line);
  if (command) {
    co_await act_typed(*command, line);
    co_return;
  }
  // The octets of a BDAT that was not understood cannot be told from commands.
  if (command.error().verb == smtp::Verb::kBdat) {
    co_await goodbye(command.error().reply, "bad_bdat");
  } else {
    co_await refuse(command.error().reply);
  }
}

Task<void> SmtpGreeter::act_typed(const smtp::Command& command, const std::string& line) {
  const smtp::Reply out_of_order{503, "5.5.1", "Send MAIL first"};
  co_await std::visit(
      Overloaded{
          [&](const smtp::EhloCommand& ehlo) { return hello(ehlo); },
          [&](const smtp::MailCommand&) { return mail(line); },
          [&](const smtp::StartTlsCommand&) { return start_tls(); },
          [&](const smtp::AuthCommand& auth) { return authenticate(auth); },
          [&](const smtp::QuitCommand&) { return goodbye({221, "2.0.0", "Goodbye"}, "quit"); },
          [&](const smtp::BdatCommand&) { return goodbye(out_of_order, "bdat_before_mail"); },
          [&](const smtp::RsetCommand&) { return say({250, "2.0.0", "OK"}); },
          [&](const smtp::NoopCommand&) { return say({250, "2.0.0", "OK"}); },
          [&](const smtp::HelpCommand&) { return say({214, "2.0.0", "See RFC 5321"}); },
          [&](const smtp::VrfyCommand&) {
            return say({252, "2.0.0", "Send some mail, I will try my best"});
          },
          [&](const smtp::ExpnCommand&) { return refuse({502, "5.5.1", "EXPN is not offered"}); },
          [&](const auto&) { return refuse(out_of_order); },
      },
      command);
}

Task<void> SmtpGreeter::hello(const smtp::EhloCommand& command) {
  const auto& connector = context_.client.facts().connector;
  const bool lmtp = connector && connector->is_lmtp();
  if (command.lmtp != lmtp) {  // RFC 2033 section 4.1
    co_await refuse({500, "5.5.1", lmtp ? "This is LMTP: send LHLO" : "Unknown command"});
    co_return;
  }
  hello_ = command;
  if (!command.extended) {
    co_await say({250, "", name()});
    co_return;
  }
  smtp::EhloOptions options;
  options.hostname = name();
  options.client = hello_->name;
  options.message_bytes_max = services_.message_bytes_max;
  options.starttls = context_.client.can_start_tls();
  if (offers_auth()) options.mechanisms = mechanisms();
  if (connector) {
    const transport::ConnectorLimits& limits = connector->limits;
    if (limits.message_bytes != 0)
      options.message_bytes_max = std::min(options.message_bytes_max, limits.message_bytes);
    options.extensions = transport::offered_extensions(*connector);
    options.tls = context_.client.facts().tls;
    options.recipients_max = limits.recipients;
    options.messages_max = limits.messages;
    options.hold_max_s = transport::hold_limit_s(*connector, identity_.has_value());
    options.now_s = std::chrono::floor<Seconds>(system_clock().now()).time_since_epoch().count();
  }
  co_await say(smtp::ehlo_lines(options));
}

Task<void> SmtpGreeter::start_tls() {
  if (context_.client.facts().tls) {
    co_await refuse({503, "5.5.1", "TLS is already active"});
    co_return;
  }
  if (!context_.client.can_start_tls()) {
    co_await refuse({454, "4.7.0", "TLS is not available now"});
    co_return;
  }
  // RFC 3207 section 4.2 and its errata: bytes behind STARTTLS are an attack or a broken client.
  if (!input_.bytes().empty()) {
    log::warning("starttls.injection", {{"session", context_.id.to_string()},
                                        {"client", context_.client.facts().address},
                                        {"bytes", input_.bytes().size()}});
    co_await goodbye({421, "4.7.0", "Bytes behind STARTTLS"}, "starttls_injection");
    co_return;
  }
  co_await say({220, "2.0.0", "Begin TLS now"});
  if (over_) co_return;
  hello_.reset();
  if (const auto started = co_await context_.client.start_tls(); !started) {
    log::info("tls.failed", {{"session", context_.id.to_string()}, {"cause", started.error()}});
    end("tls_failed");
  }
}

// RFC 4954 section 4.
Task<void> SmtpGreeter::authenticate(const smtp::AuthCommand& command) {
  const ClientFacts& facts = context_.client.facts();
  if (!permits_users()) co_return co_await refuse({503, "5.5.1", "AUTH is not offered here"});
  if (!facts.may_log_in()) co_return co_await refuse({538, "5.7.11", "Use STARTTLS first"});
  if (!hello_ || !hello_->extended) co_return co_await refuse({503, "5.5.1", "Send EHLO first"});
  if (identity_) co_return co_await refuse({503, "5.5.1", "Already authenticated"});
  std::optional<SaslDialogue> dialogue;
  if (facts.connector == nullptr || facts.connector->mechanisms.empty() ||
      std::ranges::find(facts.connector->mechanisms, command.mechanism) !=
          facts.connector->mechanisms.end())
    dialogue = SaslDialogue::create(services_, context_, gate_, command.mechanism);
  if (!dialogue) co_return co_await refuse({504, "5.5.4", "Unsupported authentication mechanism"});
  std::optional<std::string_view> initial;
  if (command.response) initial = *command.response;
  auto turn = co_await converse(*dialogue, co_await dialogue->start(initial));
  if (!turn) co_return;
  switch (turn->kind) {
    case SaslDialogue::Turn::Kind::kDone: co_await enter(std::move(turn->identity)); break;
    case SaslDialogue::Turn::Kind::kAborted:
      co_await refuse({501, "5.7.0", "Authentication cancelled"});
      break;
    default: co_await refuse({501, "5.5.2", "Malformed authentication exchange"}); break;
  }
}

// Asks until the mechanism has what it needs; nullopt when the session is over or was answered.
Task<std::optional<SaslDialogue::Turn>> SmtpGreeter::converse(SaslDialogue& dialogue,
                                                              SaslDialogue::Turn turn) {
  while (turn.kind == SaslDialogue::Turn::Kind::kAsk) {
    co_await say({334, "", turn.text});
    smtp::LineScan scan;
    while (scan = smtp::scan_line(input_.bytes(), sasl::kLineMax + 2),
           scan.status == smtp::LineStatus::kNeedMore) {
      if (over_ || !co_await more_input()) co_return std::nullopt;
    }
    if (scan.status == smtp::LineStatus::kLine) {
      const Secret line{std::string(scan.line)};
      input_.consume(scan.consumed);
      turn = co_await dialogue.line(line.reveal());
      continue;
    }
    input_.consume(scan.consumed);
    if (scan.status == smtp::LineStatus::kTooLong) {
      co_await refuse({500, "5.5.6", "Authentication line too long"});
    } else {
      co_await line_refused(scan.status);
    }
    co_return std::nullopt;
  }
  co_return turn;
}

Task<void> SmtpGreeter::enter(Result<auth::Identity> identity) {
  if (identity) {
    identity_ = std::move(*identity);
    context_.admission.leave_login();
    co_await say({235, "2.7.0", "Authentication succeeded"});
  } else if (identity.error().code == ErrorCode::kCancelled) {
    end("stopped");
  } else if (identity.error().code != ErrorCode::kDenied) {
    co_await say({454, "4.7.0", "Temporary authentication failure"});
  } else if (gate_.exhausted()) {
    co_await goodbye({421, "4.7.0", "Too many failed logins"}, "bad_passwords");
  } else {
    co_await refuse({535, "5.7.8", std::string(auth::kDeniedText)});
  }
}

std::optional<smtp::Reply> SmtpGreeter::check_mail() const {
  const ClientFacts& facts = context_.client.facts();
  if (!hello_) return smtp::Reply{503, "5.5.1", "Send EHLO first"};
  const bool for_connector = facts.connector && facts.connector->require_tls && !facts.tls;
  if (for_connector || (must_log_in() && !facts.may_log_in()))
    return smtp::Reply{530, "5.7.0", "Use STARTTLS first"};
  if (must_log_in() && !identity_) return smtp::Reply{530, "5.7.0", "Authentication required"};
  return std::nullopt;
}

Task<void> SmtpGreeter::mail(const std::string& line) {
  if (auto refused = check_mail()) co_return co_await refuse(std::move(*refused));
  link::SessionStart start = session_start(context_, identity_ ? &*identity_ : nullptr);
  // Transport asks the connector itself.
  const auto& connector = context_.client.facts().connector;
  if (connector) start.listener = connector->name;
  start.hello = hello_->name;
  start.extended = hello_->extended;
  auto opened = co_await services_.backends.open(std::move(start));
  if (!opened) {
    log::warning("backend.refused",
                 {{"session", context_.id.to_string()}, {"cause", opened.error()}});
    co_return co_await say({451, "4.3.2", "Mail cannot be taken now, try again later"});
  }
  handover_ = Handover{std::move(*opened), line + "\r\n" + input_.take_rest()};
}

}  // namespace hauspost::frontend
