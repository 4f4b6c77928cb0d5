// POP3 (RFC 1939) as a probe speaks it.
#include <fmt/format.h>

#include "base/text.h"
#include "server/health/probes.h"

namespace hauspost::health {

namespace {

constexpr Duration kLookAgain = std::chrono::milliseconds(200);
constexpr std::uint64_t kMessagesMax = 1000;  // looked at and removed in one session

Task<Result<std::string>> command(LineClient& client, std::string text) {
  CO_TRY(co_await client.send(text + "\r\n"));
  CO_TRY_ASSIGN(std::string line, co_await client.line());
  if (line.starts_with("+OK")) co_return line;
  co_return fail(ErrorCode::kDenied, "answered " + escape_for_log(line));
}

// From connecting to the number of messages.
Task<Result<std::uint64_t>> enter(LineClient& client, const Means& means, const Door& door,
                                  const std::string& user) {
  CO_TRY(co_await client.open(door));
  client.step("greeting");
  CO_TRY_ASSIGN(const std::string greeting, co_await client.line());
  if (greeting.starts_with("-ERR")) co_return fail(ErrorCode::kExhausted, greeting);
  if (!greeting.starts_with("+OK")) {
    co_return fail(ErrorCode::kInvalid, "greeted with " + escape_for_log(greeting));
  }
  if (!client.encrypted()) {
    CO_TRY(co_await command(client, "STLS"));
    CO_TRY(co_await client.start_tls());
  }
  client.step("log-in");
  CO_TRY(co_await command(client, "USER " + user));
  CO_TRY(co_await command(client, "PASS " + means.password));
  client.step("stat");
  CO_TRY_ASSIGN(const std::string stat, co_await command(client, "STAT"));
  const auto words = split(stat, ' ');
  const auto count = words.size() < 2 ? std::nullopt : parse_u64(words[1]);
  if (!count) co_return fail(ErrorCode::kInvalid, "STAT was answered with " + escape_for_log(stat));
  co_return *count;
}

Task<Result<bool>> message_has(LineClient& client, std::uint64_t number, const std::string& token) {
  CO_TRY(co_await command(client, fmt::format("TOP {} 0", number)));
  bool found = false;
  for (;;) {
    CO_TRY_ASSIGN(const std::string line, co_await client.line());
    if (line == ".") co_return found;
    found = found || line.find(token) != std::string::npos;
  }
}

}  // namespace

Task<Result<>> probe_pop3(LineClient& client, const Means& means, const Order& order) {
  CO_TRY(co_await enter(client, means, order.door, order.user));
  client.step("quit");
  CO_TRY(co_await command(client, "QUIT"));
  co_return Result<>{};
}

// A session sees what was there when it began, so each look is one.
Task<Result<>> await_by_pop3(LineClient& client, const Means& means, const Order& order,
                             std::string token) {
  for (;;) {
    CO_TRY_ASSIGN(const std::uint64_t count,
                  co_await enter(client, means, order.reader, order.user));
    client.step("arrival");
    bool found = false;
    for (std::uint64_t number = 1; number <= std::min(count, kMessagesMax); ++number) {
      CO_TRY_ASSIGN(const bool here, co_await message_has(client, number, token));
      found = found || here;
      CO_TRY(co_await command(client, fmt::format("DELE {}", number)));
    }
    client.step("remove");
    CO_TRY(co_await command(client, "QUIT"));
    if (found) co_return Result<>{};
    CO_TRY(co_await sleep_for(kLookAgain));
  }
}

}  // namespace hauspost::health
