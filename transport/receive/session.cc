#include "transport/receive/session.h"

#include <fmt/format.h>

#include "base/check.h"
#include "base/log.h"
#include "base/text.h"
#include "transport/receive/serve_smtp.h"

namespace hauspost::transport {

using smtp::LineStatus;
using smtp::Reply;
using smtp::Verb;

// One line a command: where it is allowed, what it hears elsewhere, and whether it is one of those
// that do nothing and are counted as junk.
struct Session::Rule {
  Verb verb;
  std::uint8_t states;
  Reply elsewhere;
  bool junk;
};

const Session::Rule& Session::rule_of(Verb verb) {
  constexpr auto ready = static_cast<std::uint8_t>(State::kReady);
  constexpr auto mail = static_cast<std::uint8_t>(State::kMail);
  constexpr auto rcpt = static_cast<std::uint8_t>(State::kRcpt);
  constexpr auto chunks = static_cast<std::uint8_t>(State::kChunks);
  constexpr std::uint8_t any = ready | mail | rcpt | chunks;
  static const Reply kNested{503, "5.5.1", "A message is under way"};
  static const Reply kNoMail{503, "5.5.1", "MAIL first"};
  static const Reply kNone{503, "5.5.1", "Bad sequence of commands"};
  // BDAT is let through everywhere, because its octets must be taken before it can be refused.
  static const Rule kRules[] = {
      {Verb::kEhlo, any, kNone, true},      {Verb::kHelo, any, kNone, true},
      {Verb::kMail, ready, kNested, false}, {Verb::kRcpt, mail | rcpt, kNoMail, false},
      {Verb::kData, rcpt, kNoMail, false},  {Verb::kBdat, any, kNone, false},
      {Verb::kRset, any, kNone, true},      {Verb::kNoop, any, kNone, true},
      {Verb::kQuit, any, kNone, false},     {Verb::kVrfy, any, kNone, true},
      {Verb::kExpn, any, kNone, true},      {Verb::kHelp, any, kNone, true},
      {Verb::kStartTls, 0, kNone, true},    {Verb::kAuth, 0, kNone, true},
      {Verb::kLhlo, any, kNone, true},
  };
  const Rule& rule = kRules[static_cast<std::size_t>(verb)];
  HP_CHECK(rule.verb == verb);
  return rule;
}

namespace {

std::shared_ptr<const ReceiveConnector> connector_of(const link::SessionStart& start,
                                                     const Services& services) {
  if (services.connectors == nullptr) return built_in_connector(start.listener);
  return services.connectors->find(start.listener);
}

// What the connector says, where it was asked; the rest, and no more bytes than, the server says.
ReceiveLimits limits_of(const ReceiveConnector& connector, const Services& services) {
  ReceiveLimits limits = services.limits;
  if (services.connectors == nullptr) return limits;
  const ConnectorLimits& own = connector.limits;
  if (own.message_bytes != 0)
    limits.message_bytes_max = std::min(limits.message_bytes_max, own.message_bytes);
  limits.header_bytes_max = own.header_bytes;
  limits.hops_max = own.hops;
  limits.local_hops_max = own.local_hops;
  limits.recipients_max = own.recipients;
  limits.messages_max = own.messages;
  limits.errors_max = own.protocol_errors;
  limits.errors_slow = own.protocol_errors / 2;
  limits.command_timeout = Seconds(own.inactivity_s);
  limits.session_timeout = Seconds(own.connection_s);
  limits.tarpit = Milliseconds(own.tarpit_ms);
  return limits;
}

}  // namespace

Session::Session(Stream& stream, const link::SessionStart& start, Services& services)
    : stream_(stream),
      start_(start),
      services_(services),
      connector_(connector_of(start, services)),
      gone_(connector_ == nullptr),
      limits_(limits_of(gone_ ? *(connector_ = built_in_connector({})) : *connector_, services)),
      rights_(start_, services_, *connector_, limits_),
      input_(stream),
      began_(services.clock.steady()) {
  if (rights_.has(kBypassSize)) limits_.message_bytes_max = services.limits.message_bytes_max;
  if (connector_->protocol_log && services.receive_log != nullptr)
    trail_ = {services.receive_log, connector_->name, start_.session, name(),
              start_.client_address};
  if (services.filters == nullptr || gone_) return;
  filter_ = services.filters->begin({.start = start_,
                                     .connector = connector_->name,
                                     .authenticated = rights_.is_authenticated(),
                                     .bypass = rights_.has(kBypassAntiSpam)});
}

const std::string& Session::name() const {
  return connector_->fqdn.empty() ? services_.hostname : connector_->fqdn;
}

// The front-end has greeted the client; here its dialogue begins with MAIL.
Task<SessionEnd> Session::run() {
  if (!trail_) co_return co_await converse();
  trail_.connected(fmt::format("{} {}{}{}{}", start_.extended ? "EHLO" : "HELO", start_.hello,
                               start_.tls ? " " : "", start_.tls ? start_.tls_version : "",
                               start_.user.empty() ? "" : " as " + start_.user));
  const SessionEnd end = co_await converse();
  trail_.closed(end == SessionEnd::kInOrder ? "in order" : "connection lost");
  co_return end;
}

Task<SessionEnd> Session::converse() {
  stream_.set_timeout(limits_.command_timeout);
  while (state_ != State::kEnded) {
    if (!input_.has_line()) {
      if (auto written = co_await flush(); !written) co_return SessionEnd::kBroken;
    }
    const auto line = co_await input_.read_line();
    if (!line) co_return co_await end_after(line.error());
    if (auto answered = co_await answer_line(*line); !answered) {
      co_return co_await end_after(answered.error());
    }
  }
  co_return co_await flush() ? SessionEnd::kInOrder : SessionEnd::kBroken;
}

// A slow client is told so, as far as the stream still carries words; anybody else has left.
Task<SessionEnd> Session::end_after(Error error) {
  if (error.code != ErrorCode::kTimeout) co_return SessionEnd::kBroken;
  smtp::append_reply(out_, {421, "4.4.2", name() + " Timeout, closing connection"});
  co_return co_await flush() ? SessionEnd::kInOrder : SessionEnd::kBroken;
}

Task<Result<>> Session::flush() {
  if (out_.empty()) co_return Result<>{};
  trail_.sent(out_);
  auto written = co_await stream_.write(out_);
  out_.clear();
  co_return written;
}

Task<Result<>> Session::say(Answer answer) {
  if (answer.reply.is_failure() && answer.reply.code != 421) {
    if (++errors_ > limits_.errors_slow) answer.delay += limits_.error_delay;
    if (errors_ >= limits_.errors_max) {
      answer.reply = {421, "4.7.0", name() + " Too many errors, closing connection"};
    }
  }
  if (answer.delay > Milliseconds::zero()) {
    CO_TRY(co_await flush());
    CO_TRY(co_await sleep_for(answer.delay));
  }
  smtp::append_reply(out_, answer.reply);
  if (answer.reply.code == 421) enter(State::kEnded);
  co_return Result<>{};
}

std::optional<Reply> Session::check_session() {
  if (gone_) return Reply{421, "4.3.2", name() + " Service is closing, try again later"};
  // What has begun may end.
  if (state_ == State::kReady && services_.clock.steady() - began_ > limits_.session_timeout) {
    return Reply{421, "4.4.2", name() + " Session too long, closing connection"};
  }
  if (junk_ > limits_.junk_max) {
    return Reply{421, "4.7.0", name() + " Too many commands, closing connection"};
  }
  return std::nullopt;
}

std::optional<Reply> Session::check_state(Verb verb) {
  const Rule& rule = rule_of(verb);
  if (rule.junk) ++junk_;
  if (auto refused = check_session()) return refused;
  if ((rule.states & static_cast<std::uint8_t>(state_)) != 0) return std::nullopt;
  if (verb == Verb::kData && state_ == State::kMail && transaction_.refused > 0) {
    return Reply{554, "5.5.1", "No valid recipients"};
  }
  if (verb == Verb::kData && state_ == State::kMail) return Reply{503, "5.5.1", "RCPT first"};
  if (state_ == State::kChunks) return Reply{503, "5.5.1", "BDAT is under way"};
  return rule.elsewhere;
}

Task<Result<>> Session::answer_line(const smtp::LineScan& scan) {
  switch (scan.status) {
    case LineStatus::kLine: break;
    case LineStatus::kBareLineEnd:
    case LineStatus::kTooLong: {
      const bool bare = scan.status == LineStatus::kBareLineEnd;
      const bool chunk = smtp::find_verb(scan.line) == Verb::kBdat;
      CO_TRY(co_await say({bare ? smtp::bare_line_end_reply() : smtp::line_too_long_reply()}));
      if (chunk) enter(State::kEnded);  // as below
      co_return Result<>{};
    }
    case LineStatus::kFlood: co_return co_await say({{421, "4.7.0", name() + " This is not SMTP"}});
    case LineStatus::kNeedMore: HP_UNREACHABLE();
  }
  trail_.received(scan.line);
  auto command = smtp::parse_command(scan.line);
  if (command) co_return co_await answer_command(*command);
  log::debug("smtp.refused", {{"session", to_hex(start_.session.as_bytes())},
                              {"line", scan.line},
                              {"offset", command.error().offset}});
  const std::optional<Verb> verb = command.error().verb;
  if (verb == Verb::kRcpt) ++transaction_.refused;
  CO_TRY(co_await say({std::move(command).error().reply}));
  // The octets behind a chunk of unknown size would be taken for commands.
  if (verb == Verb::kBdat) enter(State::kEnded);
  co_return Result<>{};
}

Task<Result<>> Session::answer_command(const smtp::Command& command) {
  const Verb verb = smtp::verb_of(command);
  if (auto refused = check_state(verb)) co_return co_await say({std::move(*refused)});
  if (verb == Verb::kData) co_return co_await receive_data();
  if (const auto* chunk = std::get_if<smtp::BdatCommand>(&command)) {
    co_return co_await receive_chunk(*chunk);
  }
  const std::size_t recipients = transaction_.recipients.size();
  Answer answer = std::visit(
      [this]<class C>(const C& c) -> Answer {
        if constexpr (requires { on(c); })
          return on(c);
        else
          HP_UNREACHABLE();  // DATA and BDAT went their own way, STARTTLS and AUTH no way
      },
      command);
  if (verb == Verb::kMail) {
    answer = co_await check_sender_quota(std::move(answer));
    track_refused(command, answer.reply);
    if (filter_) answer = co_await filter_mail(std::move(answer));
  }
  if (const auto* rcpt = std::get_if<smtp::RcptCommand>(&command)) {
    answer = co_await check_recipient_quota(std::move(answer), recipients);
    track_refused(command, answer.reply);
    if (filter_) answer = co_await filter_rcpt(std::move(answer), *rcpt, recipients);
  }
  co_return co_await say(std::move(answer));
}

Task<Session::Answer> Session::filter_mail(Answer taken) {
  if (taken.reply.is_failure()) co_return taken;
  auto refused = co_await filter_->on_mail(transaction_.mail);
  if (!refused) co_return taken;
  reset();
  co_return Answer{std::move(*refused)};
}

Task<Session::Answer> Session::filter_rcpt(Answer taken, const smtp::RcptCommand& command,
                                           std::size_t recipients_before) {
  if (taken.reply.is_failure() || transaction_.recipients.size() == recipients_before)
    co_return taken;
  auto refused = co_await filter_->on_rcpt(command, transaction_.recipients.back());
  if (!refused) co_return taken;
  take_back_recipient();
  co_return Answer{std::move(*refused)};
}

void Session::take_back_recipient() {
  transaction_.recipients.pop_back();
  if (!transaction_.answers.empty()) transaction_.answers.pop_back();
  ++transaction_.refused;
  if (transaction_.recipients.empty()) enter(State::kMail);
}

void Session::reset() {
  if (filter_) filter_->on_reset();
  transaction_ = {};
  chunks_.reset();
  message_ = std::string();
  enter(State::kReady);
}

Task<SessionEnd> serve_smtp(Stream& stream, const link::SessionStart& start, Services& services) {
  Session session(stream, start, services);
  co_return co_await session.run();
}

}  // namespace hauspost::transport
