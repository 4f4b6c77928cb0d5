// SMTP (RFC 5321) as a probe speaks it: mail from nobody, so that no report on it comes back.
#include <fmt/format.h>

#include "base/text.h"
#include "server/health/probes.h"

namespace hauspost::health {

namespace {

constexpr std::size_t kReplyLinesMax = 100;

// The last line of the reply, whose code must begin with `wanted`.
Task<Result<std::string>> reply(LineClient& client, char wanted, std::string* all = nullptr) {
  for (std::size_t lines = 0; lines < kReplyLinesMax; ++lines) {
    CO_TRY_ASSIGN(std::string line, co_await client.line());
    if (all != nullptr) *all += line + "\n";
    constexpr std::size_t kCode = 3;
    if (line.size() > kCode && line[kCode] == '-') continue;
    if (line.starts_with(wanted)) co_return line;
    co_return fail(ErrorCode::kDenied, "answered " + escape_for_log(line));
  }
  co_return fail(ErrorCode::kInvalid, "the reply does not end");
}

Task<Result<>> command(LineClient& client, std::string text, char wanted = '2') {
  CO_TRY(co_await client.send(text + "\r\n"));
  CO_TRY(co_await reply(client, wanted));
  co_return Result<>{};
}

// RFC 5321 section 4.1.3: an address literal, for which nobody asks DNS.
std::string hello(const Door& door) {
  const bool v6 = door.address.find(':') != std::string::npos;
  return fmt::format("EHLO [{}{}]\r\n", v6 ? "IPv6:" : "", door.address);
}

// To the end of EHLO, under TLS where it is offered.
Task<Result<>> greet(LineClient& client, const Order& order) {
  CO_TRY(co_await client.open(order.door));
  client.step("greeting");
  CO_TRY_ASSIGN(const std::string greeting, co_await client.line());
  if (greeting.starts_with("4") || greeting.starts_with("5"))
    co_return fail(ErrorCode::kExhausted, greeting);
  if (greeting.starts_with("220-"))
    CO_TRY(co_await reply(client, '2'));
  else if (!greeting.starts_with("220"))
    co_return fail(ErrorCode::kInvalid, "greeted with " + escape_for_log(greeting));
  client.step("ehlo");
  std::string offers;
  CO_TRY(co_await client.send(hello(order.door)));
  CO_TRY(co_await reply(client, '2', &offers));
  if (client.encrypted() || offers.find("STARTTLS") == std::string::npos) co_return Result<>{};
  CO_TRY(co_await command(client, "STARTTLS"));
  CO_TRY(co_await client.start_tls());
  client.step("ehlo");
  CO_TRY(co_await client.send(hello(order.door)));
  CO_TRY(co_await reply(client, '2'));
  co_return Result<>{};
}

// What an administrator's rules and filters refuse (5xx, and X.7.X of RFC 3463) tells nothing of
// health.
Result<> unless_by_rule(Result<> outcome) {
  if (outcome) return outcome;
  const std::string& text = outcome.error().text;
  if (!text.starts_with("answered 5") && text.find(" 4.7.") == std::string::npos) return outcome;
  return fail(ErrorCode::kExhausted, outcome.error().text);
}

Task<Result<>> name_recipient(LineClient& client, const Order& order, const std::string& sender) {
  client.step("recipient");
  CO_TRY(unless_by_rule(co_await command(client, fmt::format("MAIL FROM:<{}>", sender))));
  co_return unless_by_rule(co_await command(client, fmt::format("RCPT TO:<{}>", order.recipient)));
}

Task<Result<>> send_message(LineClient& client, const Order& order, const std::string& token) {
  client.step("message");
  CO_TRY(co_await command(client, "DATA", '3'));
  const std::string message = probe_message(
      order, token, std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
  co_return unless_by_rule(co_await command(client, message + "."));
}

}  // namespace

Task<Result<>> probe_smtp(LineClient& client, const Means&, const Order& order) {
  CO_TRY(co_await greet(client, order));
  CO_TRY(co_await name_recipient(client, order, {}));
  CO_TRY(co_await command(client, "RSET"));
  co_return co_await command(client, "QUIT");
}

Task<Result<>> probe_submission(LineClient& client, const Means& means, const Order& order) {
  CO_TRY(co_await greet(client, order));
  client.step("log-in");
  const std::string plain = std::string(1, '\0') + order.user + '\0' + means.password;
  CO_TRY(co_await command(client, "AUTH PLAIN " + base64_encode(plain)));
  CO_TRY(co_await name_recipient(client, order, order.user));
  if (order.reader.there())
    CO_TRY(co_await send_message(client, order, new_token()));
  else
    CO_TRY(co_await command(client, "RSET"));
  co_return co_await command(client, "QUIT");
}

Task<Result<>> probe_mailflow(LineClient& client, const Means& means, const Order& order) {
  const std::string token = new_token();
  CO_TRY(co_await greet(client, order));
  CO_TRY(co_await name_recipient(client, order, {}));
  CO_TRY(co_await send_message(client, order, token));
  CO_TRY(co_await command(client, "QUIT"));
  if (order.reader.service.starts_with("pop3"))
    co_return co_await await_by_pop3(client, means, order, token);
  co_return co_await await_by_imap(client, means, order, token);
}

}  // namespace hauspost::health
