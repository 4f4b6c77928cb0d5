// IMAP4rev1 (RFC 3501) as a probe speaks it: one command at a time, under one tag.
#include <fmt/format.h>

#include "base/text.h"
#include "server/health/probes.h"

namespace hauspost::health {

namespace {

constexpr std::string_view kTag = "h ";
constexpr Duration kLookAgain = std::chrono::milliseconds(100);
constexpr std::size_t kReplyMax = 256 * 1024;  // octets of one answer
constexpr std::string_view kMarkAll = "UID STORE 1:* +FLAGS.SILENT (\\Deleted)";

// Everything before the tagged line, which must be OK.
Task<Result<std::string>> rest_of_answer(LineClient& client) {
  std::string untagged;
  for (;;) {
    CO_TRY_ASSIGN(const std::string line, co_await client.line());
    if (line.starts_with(kTag)) {
      const std::string_view status = std::string_view(line).substr(kTag.size());
      if (istarts_with(status, "OK")) co_return untagged;
      co_return fail(ErrorCode::kDenied, "answered " + escape_for_log(status));
    }
    if (untagged.size() + line.size() > kReplyMax)
      co_return fail(ErrorCode::kInvalid, "the answer does not end");
    untagged += line;
    untagged += '\n';
  }
}

Task<Result<std::string>> command(LineClient& client, std::string text) {
  CO_TRY(co_await client.send(std::string(kTag) + text + "\r\n"));
  co_return co_await rest_of_answer(client);
}

// From connecting to INBOX; how many messages are in it.
Task<Result<std::uint64_t>> enter(LineClient& client, const Means& means, const Door& door,
                                  const std::string& user) {
  CO_TRY(co_await client.open(door));
  client.step("greeting");
  CO_TRY_ASSIGN(const std::string greeting, co_await client.line());
  if (istarts_with(greeting, "* BYE")) co_return fail(ErrorCode::kExhausted, greeting);
  if (!istarts_with(greeting, "* OK")) {
    co_return fail(ErrorCode::kInvalid, "greeted with " + escape_for_log(greeting));
  }
  if (!client.encrypted()) {
    CO_TRY(co_await command(client, "STARTTLS"));
    CO_TRY(co_await client.start_tls());
  }
  client.step("log-in");
  CO_TRY(co_await command(client, fmt::format("LOGIN \"{}\" \"{}\"", user, means.password)));
  client.step("select");
  CO_TRY_ASSIGN(const std::string facts, co_await command(client, "SELECT INBOX"));
  for (const std::string_view line : split(facts, '\n')) {
    if (line.starts_with("* ") && line.ends_with(" EXISTS"))
      co_return parse_u64(line.substr(2, line.size() - 9)).value_or(0);
  }
  co_return fail(ErrorCode::kInvalid, "SELECT told no number of messages");
}

Task<Result<>> empty_and_leave(LineClient& client) {
  client.step("remove");
  CO_TRY(co_await command(client, std::string(kMarkAll)));
  CO_TRY(co_await command(client, "EXPUNGE"));
  CO_TRY(co_await command(client, "LOGOUT"));
  co_return Result<>{};
}

bool found_any(std::string_view answer) {
  for (const std::string_view line : split(answer, '\n')) {
    constexpr std::string_view kStart = "* SEARCH ";
    if (istarts_with(line, kStart) && line.size() > kStart.size()) return true;
  }
  return false;
}

}  // namespace

Task<Result<>> probe_imap(LineClient& client, const Means& means, const Order& order) {
  CO_TRY(co_await enter(client, means, order.door, order.user));
  const std::string token = new_token();
  const std::string message = probe_message(
      order, token, std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
  client.step("append");
  CO_TRY(co_await client.send(
      fmt::format("{}APPEND INBOX (\\Seen) {{{}}}\r\n", kTag, message.size())));
  CO_TRY_ASSIGN(const std::string ready, co_await client.line());
  if (!ready.starts_with('+'))
    co_return fail(ErrorCode::kDenied, "answered " + escape_for_log(ready));
  CO_TRY(co_await client.send(message + "\r\n"));
  CO_TRY(co_await rest_of_answer(client));
  client.step("fetch");
  CO_TRY_ASSIGN(const std::string fetched, co_await command(client, "FETCH * BODY.PEEK[]"));
  if (fetched.find(token) == std::string::npos)
    co_return fail(ErrorCode::kDenied, "the message that was stored is not there");
  client.step("search");
  CO_TRY_ASSIGN(const std::string hits, co_await command(client, "UID SEARCH TEXT " + token));
  if (!found_any(hits))
    co_return fail(ErrorCode::kDenied, "the message that was stored is not found");
  co_return co_await empty_and_leave(client);
}

Task<Result<>> await_by_imap(LineClient& client, const Means& means, const Order& order,
                             std::string token) {
  CO_TRY(co_await enter(client, means, order.reader, order.user));
  client.step("arrival");
  for (;;) {
    CO_TRY_ASSIGN(const std::string hits, co_await command(client, "UID SEARCH SUBJECT " + token));
    if (found_any(hits)) break;
    CO_TRY(co_await sleep_for(kLookAgain));
    CO_TRY(co_await command(client, "NOOP"));
  }
  co_return co_await empty_and_leave(client);
}

}  // namespace hauspost::health
