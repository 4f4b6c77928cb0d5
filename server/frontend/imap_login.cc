#include "server/frontend/imap_login.h"

#include <fmt/format.h>

#include "base/text.h"
#include "protocols/imap/withdrawals.h"
#include "protocols/smtp/line.h"

namespace hauspost::frontend {

namespace {

// Of one command or literal, also of one that was refused and is passed over.
constexpr std::size_t kUnfinishedMax = 256 * 1024;

}  // namespace

ImapLogin::ImapLogin(const Services& services, const SessionContext& context)
    : services_(services),
      context_(context),
      gate_(services, context),
      until_(Clock::now() + services.limits.login_time) {
  limits_.bad_commands_max = services.limits.bad_imap_commands_max;
}

std::string ImapLogin::capabilities() const {
  std::string list = "IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ID";
  if (context_.client.can_start_tls()) list += " STARTTLS";
  if (!may_log_in()) list += " LOGINDISABLED";
  for (const std::string_view mechanism : offered_mechanisms(services_, context_.client))
    list += fmt::format(" AUTH={}", mechanism);
  return list;
}

Task<void> ImapLogin::say(std::string text) {
  text += "\r\n";
  if (!co_await context_.client.stream().write(text)) end("client_gone");
}

void ImapLogin::end(std::string_view reason) {
  if (std::exchange(over_, true)) return;
  reason_ = reason;
}

Task<void> ImapLogin::goodbye(std::string_view text, std::string_view reason) {
  co_await say(fmt::format("* BYE {}", text));
  end(reason);
}

Task<void> ImapLogin::bad(const std::string& tag, std::string_view text) {
  co_await say(fmt::format("{} BAD {}", tag, text));
  if (++bad_commands_ >= limits_.bad_commands_max)
    co_await goodbye("Too many bad commands", "bad_commands");
}

Task<bool> ImapLogin::more_input() {
  switch (co_await input_.more(context_.client.stream(), context_.stop, until_)) {
    case ClientInput::More::kBytes:
      context_.admission.note_word();
      co_return true;
    case ClientInput::More::kEnd: end("client_gone"); break;
    case ClientInput::More::kTimeout:
      co_await goodbye("Too long without a login", "login_timeout");
      break;
    case ClientInput::More::kStop:
      co_await goodbye("[UNAVAILABLE] The server has to close this connection", "stopped");
      break;
  }
  co_return false;
}

Task<std::optional<Handover>> ImapLogin::run() {
  co_await say(
      fmt::format("* OK [CAPABILITY {}] {} Hauspost ready", capabilities(), services_.hostname));
  while (!over_ && !handover_) {
    auto raw = co_await next_command();
    if (raw) co_await act(imap::parse_command(std::move(*raw), limits_));
  }
  co_return std::move(handover_);
}

Task<std::optional<imap::RawCommand>> ImapLogin::next_command() {
  using Event = imap::CommandReader::Event;
  while (!over_) {
    if (input_.bytes().empty() && !co_await more_input()) co_return std::nullopt;
    const auto step = reader_.feed(input_.bytes());
    input_.consume(step.consumed);
    unfinished_bytes_ = step.event == Event::kNeedMore ? unfinished_bytes_ + step.consumed : 0;
    if (unfinished_bytes_ > kUnfinishedMax) {
      co_await goodbye("[TOOBIG] Line too long", "line_flood");
      co_return std::nullopt;
    }
    if (step.event == Event::kNeedMore) continue;
    if (step.event == Event::kCommand) co_return reader_.take();
    if (step.event == Event::kContinue) {
      co_await say("+ OK");
    } else if (!co_await reader_refused(step.event)) {
      co_return std::nullopt;
    }
  }
  co_return std::nullopt;
}

// False when the session is over.
Task<bool> ImapLogin::reader_refused(imap::CommandReader::Event event) {
  using Event = imap::CommandReader::Event;
  switch (event) {
    case Event::kLiteralTooBig: co_await bad(reader_.tag(), "[TOOBIG] Literal too long"); break;
    case Event::kLineTooLong: co_await bad(reader_.tag(), "[TOOBIG] Line too long"); break;
    case Event::kLineEnd: co_await bad(reader_.tag(), "Lines end in CRLF"); break;
    default: co_await goodbye("[TOOBIG] Literal too long", "literal_too_big"); break;
  }
  co_return !over_;
}

Task<void> ImapLogin::act(imap::ParsedCommand parsed) {
  if (parsed.command) {
    co_await act_typed(parsed.tag, std::move(*parsed.command));
    co_return;
  }
  const imap::ParseError& error = parsed.command.error();
  const std::string code = error.code.empty() ? "" : fmt::format("[{}] ", error.code);
  co_await bad(parsed.tag, code + error.text);
}

Task<void> ImapLogin::act_typed(const std::string& tag, imap::Command command) {
  using imap::CommandName;
  switch (command.name) {
    case CommandName::kCapability: co_await capability(tag); break;
    case CommandName::kNoop: co_await say(tag + " OK Nothing new"); break;
    case CommandName::kId: co_await id(tag, std::get<imap::IdRequest>(command.arguments)); break;
    case CommandName::kStartTls: co_await start_tls(tag); break;
    case CommandName::kLogin:
      co_await login(tag, std::move(std::get<imap::LoginRequest>(command.arguments)));
      break;
    case CommandName::kAuthenticate:
      co_await authenticate(tag, std::move(std::get<imap::AuthenticateRequest>(command.arguments)));
      break;
    case CommandName::kLogout:
      co_await say(fmt::format("* BYE Goodbye\r\n{} OK Logged out", tag));
      end("logout");
      break;
    default: co_await bad(tag, "Log in first"); break;
  }
}

Task<void> ImapLogin::capability(const std::string& tag) {
  co_await say(fmt::format("* CAPABILITY {}\r\n{} OK That is all", capabilities(), tag));
}

Task<void> ImapLogin::id(const std::string& tag, const imap::IdRequest& request) {
  device_ = imap::device_id(request);
  co_await say(fmt::format("* ID (\"name\" \"Hauspost\")\r\n{} OK Pleased to meet you", tag));
}

Task<void> ImapLogin::start_tls(const std::string& tag) {
  if (!context_.client.can_start_tls()) {
    co_await bad(tag, context_.client.facts().tls ? "TLS is already active" : "No TLS here");
    co_return;
  }
  // Bytes behind STARTTLS came in the clear and would be taken for the client's own words under
  // TLS (RFC 9051 section 11.1): whoever sent them, this connection is not to be trusted.
  if (!input_.bytes().empty()) {
    log::warning("starttls.injection", {{"session", context_.id.to_string()},
                                        {"client", context_.client.facts().address},
                                        {"bytes", input_.bytes().size()}});
    co_await goodbye("Bytes behind STARTTLS", "starttls_injection");
    co_return;
  }
  co_await say(tag + " OK Begin TLS now");
  if (over_) co_return;
  device_.clear();  // said in the clear, by whoever
  if (const auto started = co_await context_.client.start_tls(); !started) {
    log::info("tls.failed", {{"session", context_.id.to_string()}, {"cause", started.error()}});
    end("tls_failed");
  }
}

Task<void> ImapLogin::login(const std::string& tag, imap::LoginRequest request) {
  if (!may_log_in()) {
    co_await say(tag + " NO [PRIVACYREQUIRED] Use STARTTLS first");
    co_return;
  }
  sasl::Credentials credentials;
  credentials.name = std::move(request.user);
  credentials.password = std::move(request.password);
  co_await enter(tag, co_await gate_.check(std::move(credentials)));
}

Task<void> ImapLogin::authenticate(const std::string& tag, imap::AuthenticateRequest request) {
  if (!may_log_in()) {
    co_await say(tag + " NO [PRIVACYREQUIRED] Use STARTTLS first");
    co_return;
  }
  auto dialogue = SaslDialogue::create(services_, context_, gate_, request.mechanism);
  if (!dialogue) {
    co_await say(tag + " NO Unsupported authentication mechanism");
    co_return;
  }
  std::optional<std::string_view> initial;
  if (request.initial_response) initial = request.initial_response->reveal();
  auto turn = co_await converse(*dialogue, co_await dialogue->start(initial));
  if (!turn) co_return;
  switch (turn->kind) {
    case SaslDialogue::Turn::Kind::kDone: co_await enter(tag, std::move(turn->identity)); break;
    case SaslDialogue::Turn::Kind::kAborted: co_await bad(tag, "Authentication cancelled"); break;
    default: co_await bad(tag, "Malformed authentication exchange"); break;
  }
}

// Asks until the mechanism has what it needs; nullopt when the session is over.
Task<std::optional<SaslDialogue::Turn>> ImapLogin::converse(SaslDialogue& dialogue,
                                                            SaslDialogue::Turn turn) {
  while (turn.kind == SaslDialogue::Turn::Kind::kAsk) {
    co_await say("+ " + turn.text);
    smtp::LineScan scan;
    while (scan = smtp::scan_line(input_.bytes(), sasl::kLineMax + 2),
           scan.status == smtp::LineStatus::kNeedMore) {
      if (over_ || !co_await more_input()) co_return std::nullopt;
    }
    if (scan.status == smtp::LineStatus::kFlood) {
      co_await goodbye("Line too long", "line_flood");
      co_return std::nullopt;
    }
    if (scan.status != smtp::LineStatus::kLine) {
      input_.consume(scan.consumed);
      co_return SaslDialogue::Turn{};
    }
    const Secret line{std::string(scan.line)};
    input_.consume(scan.consumed);
    turn = co_await dialogue.line(line.reveal());
  }
  co_return turn;
}

Task<void> ImapLogin::enter(const std::string& tag, Result<auth::Identity> identity) {
  if (identity) {
    co_await hand_over(tag, *identity);
  } else if (identity.error().code == ErrorCode::kCancelled) {
    end("stopped");
  } else if (identity.error().code != ErrorCode::kDenied) {
    co_await say(tag + " NO [UNAVAILABLE] Try again later");
  } else {
    co_await say(fmt::format("{} NO [AUTHENTICATIONFAILED] {}", tag, auth::kDeniedText));
    if (gate_.exhausted()) co_await goodbye("Too many failed logins", "bad_passwords");
  }
}

Task<void> ImapLogin::hand_over(const std::string& tag, const auth::Identity& identity) {
  if (!context_.admission.enter_account(identity.mailbox)) {
    co_await say(tag + " NO [LIMIT] Too many sessions of this account");
    co_return;
  }
  link::SessionStart start = session_start(context_, &identity);
  start.client_tag = tag;
  start.device_id = device_;
  auto opened = co_await services_.backends.open(std::move(start));
  if (!opened) {
    log::warning("backend.refused", {{"session", context_.id.to_string()},
                                     {"database", identity.database},
                                     {"cause", opened.error()}});
    co_await say(tag + (opened.error().code == ErrorCode::kExhausted
                            ? " NO [LIMIT] Too many sessions"
                            : " NO [UNAVAILABLE] The mailbox is not available now"));
    co_return;
  }
  handover_ = Handover{std::move(*opened), input_.take_rest()};
}

}  // namespace hauspost::frontend
