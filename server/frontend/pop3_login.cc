#include "server/frontend/pop3_login.h"

#include <fmt/format.h>

#include "protocols/pop3/capabilities.h"

namespace hauspost::frontend {

namespace {

constexpr std::string_view kUseTls = "-ERR [PRIVACYREQUIRED] Use STLS first";

}  // namespace

Pop3Login::Pop3Login(const Services& services, const SessionContext& context)
    : services_(services),
      context_(context),
      gate_(services, context),
      reader_(services.limits.pop3_line_bytes_max),
      until_(Clock::now() + services.limits.pop3_login_time) {}

Task<void> Pop3Login::write(std::string text) {
  if (!co_await context_.client.stream().write(text)) end("client_gone");
}

Task<void> Pop3Login::say(std::string_view text) { co_await write(fmt::format("{}\r\n", text)); }

void Pop3Login::end(std::string_view reason) {
  if (std::exchange(over_, true)) return;
  reason_ = reason;
}

Task<void> Pop3Login::bad(std::string_view text) {
  co_await say(fmt::format("-ERR {}", text));
  if (++bad_commands_ >= services_.limits.bad_pop3_commands_max) end("bad_commands");
}

Task<bool> Pop3Login::more_input() {
  switch (co_await input_.more(context_.client.stream(), context_.stop, until_)) {
    case ClientInput::More::kBytes:
      context_.admission.note_word();
      co_return true;
    case ClientInput::More::kEnd: end("client_gone"); break;
    // RFC 1939 section 3: without a word.
    case ClientInput::More::kTimeout: end("login_timeout"); break;
    case ClientInput::More::kStop:
      co_await say("-ERR [SYS/TEMP] The server has to close this connection");
      end("stopped");
      break;
  }
  co_return false;
}

Task<std::optional<Handover>> Pop3Login::run() {
  co_await say(fmt::format("+OK {} Hauspost ready", services_.hostname));
  while (!over_ && !handover_) {
    if (!co_await next_line()) continue;
    auto command = pop3::parse_command(reader_.line());
    if (command)
      co_await act(std::move(*command));
    else
      co_await bad(command.error().text);
  }
  co_return std::move(handover_);
}

// False when there is none, for it was refused or the session is over.
Task<bool> Pop3Login::next_line() {
  using Event = pop3::LineReader::Event;
  while (!over_) {
    if (input_.bytes().empty() && !co_await more_input()) co_return false;
    const auto step = reader_.feed(input_.bytes());
    input_.consume(step.consumed);
    switch (step.event) {
      case Event::kNeedMore: continue;
      case Event::kLine: co_return true;
      case Event::kTooLong: co_await bad("Line is too long"); break;
      case Event::kLineEnd: co_await bad("Lines end in CRLF"); break;
      case Event::kFlood:
        co_await say("-ERR Line is too long");
        end("line_flood");
        break;
    }
    co_return false;
  }
  co_return false;
}

Task<void> Pop3Login::act(pop3::Command command) {
  using pop3::CommandName;
  switch (command.name) {
    case CommandName::kCapa:
      co_await write(pop3::capability_reply(
          {.may_log_in = may_log_in(),
           .offers_tls = context_.client.can_start_tls(),
           .mechanisms = offered_mechanisms(services_, context_.client)}));
      break;
    case CommandName::kLang: co_await write(pop3::language_reply(command.word)); break;
    // Messages and names are UTF-8 with or without it.
    case CommandName::kUtf8: co_await say("+OK UTF-8 is on"); break;
    case CommandName::kStls: co_await start_tls(); break;
    case CommandName::kUser: co_await user(std::move(command.word)); break;
    case CommandName::kPass: co_await pass(std::move(command)); break;
    case CommandName::kAuth: co_await authenticate(std::move(command)); break;
    case CommandName::kQuit:
      co_await say("+OK Goodbye");
      end("quit");
      break;
    default: co_await bad("Log in first"); break;
  }
}

Task<void> Pop3Login::start_tls() {
  if (!context_.client.can_start_tls()) {
    co_await bad(context_.client.facts().tls ? "TLS is already active" : "No TLS here");
    co_return;
  }
  // Bytes behind STLS came in the clear and would be taken for the client's own words under TLS
  // (RFC 2595 section 4): whoever sent them, this connection is not to be trusted.
  if (!input_.bytes().empty()) {
    log::warning("starttls.injection", {{"session", context_.id.to_string()},
                                        {"client", context_.client.facts().address},
                                        {"bytes", input_.bytes().size()}});
    co_await say("-ERR Bytes behind STLS");
    end("starttls_injection");
    co_return;
  }
  co_await say("+OK Begin TLS now");
  if (over_) co_return;
  name_.clear();
  if (const auto started = co_await context_.client.start_tls(); !started) {
    log::info("tls.failed", {{"session", context_.id.to_string()}, {"cause", started.error()}});
    end("tls_failed");
  }
}

// Says the same whoever is asked for.
Task<void> Pop3Login::user(std::string name) {
  if (!may_log_in()) {
    co_await say(kUseTls);
    co_return;
  }
  name_ = std::move(name);
  co_await say("+OK Send your password");
}

Task<void> Pop3Login::pass(pop3::Command command) {
  if (!may_log_in()) {
    co_await say(kUseTls);
    co_return;
  }
  if (name_.empty()) {
    co_await bad("Send USER first");
    co_return;
  }
  sasl::Credentials credentials;
  credentials.name = std::exchange(name_, {});
  credentials.password = std::move(*command.secret);
  co_await enter(co_await gate_.check(std::move(credentials)));
}

Task<void> Pop3Login::authenticate(pop3::Command command) {
  if (!may_log_in()) {
    co_await say(kUseTls);
    co_return;
  }
  if (command.word.empty()) {  // no RFC has it, but clients of old ask so for the mechanisms
    const auto mechanisms = offered_mechanisms(services_, context_.client);
    co_await write(
        fmt::format("+OK Mechanisms follow\r\n{}\r\n.\r\n", fmt::join(mechanisms, "\r\n")));
    co_return;
  }
  auto dialogue = SaslDialogue::create(services_, context_, gate_, command.word);
  if (!dialogue) {
    co_await say("-ERR Unsupported authentication mechanism");
    co_return;
  }
  std::optional<std::string_view> initial;
  if (command.secret) initial = command.secret->reveal();
  auto turn = co_await converse(*dialogue, co_await dialogue->start(initial));
  if (!turn) co_return;
  switch (turn->kind) {
    case SaslDialogue::Turn::Kind::kDone: co_await enter(std::move(turn->identity)); break;
    case SaslDialogue::Turn::Kind::kAborted: co_await bad("Authentication cancelled"); break;
    default: co_await bad("Malformed authentication exchange"); break;
  }
}

// Asks until the mechanism has what it needs; nullopt when the session is over or was answered.
Task<std::optional<SaslDialogue::Turn>> Pop3Login::converse(SaslDialogue& dialogue,
                                                            SaslDialogue::Turn turn) {
  constexpr std::size_t kCrlfBytes = 2;
  while (turn.kind == SaslDialogue::Turn::Kind::kAsk) {
    co_await say("+ " + turn.text);
    reader_.set_line_bytes_max(sasl::kLineMax + kCrlfBytes);
    const bool whole = co_await next_line();
    if (whole) turn = co_await dialogue.line(reader_.line());
    reader_.set_line_bytes_max(services_.limits.pop3_line_bytes_max);
    if (!whole) co_return std::nullopt;
  }
  co_return turn;
}

Task<void> Pop3Login::enter(Result<auth::Identity> identity) {
  if (identity) {
    co_await hand_over(*identity);
  } else if (identity.error().code == ErrorCode::kCancelled) {
    end("stopped");
  } else if (identity.error().code != ErrorCode::kDenied) {
    co_await say("-ERR [SYS/TEMP] Try again later");
  } else {
    co_await say(fmt::format("-ERR [AUTH] {}", auth::kDeniedText));
    if (gate_.exhausted()) end("bad_passwords");
  }
}

Task<void> Pop3Login::hand_over(const auth::Identity& identity) {
  if (!context_.admission.enter_account(identity.mailbox)) {
    co_await say("-ERR [IN-USE] Too many sessions of this account");
    co_return;
  }
  auto opened = co_await services_.backends.open(session_start(context_, &identity));
  if (!opened) {
    log::warning("backend.refused", {{"session", context_.id.to_string()},
                                     {"database", identity.database},
                                     {"cause", opened.error()}});
    co_await say(opened.error().code == ErrorCode::kExhausted
                     ? "-ERR [IN-USE] Too many sessions"
                     : "-ERR [SYS/TEMP] The mailbox is not available now");
    co_return;
  }
  handover_ = Handover{std::move(*opened), input_.take_rest()};
}

}  // namespace hauspost::frontend
