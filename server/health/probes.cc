#include "server/health/probes.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "base/random.h"
#include "base/text.h"

namespace hauspost::health {

std::string new_token() { return fmt::format("hp{:016x}", random_u64()); }

std::string probe_message(const Order& order, const std::string& token,
                          std::chrono::sys_seconds now) {
  return fmt::format(
      "Date: {:%a, %d %b %Y %H:%M:%S} +0000\r\n"
      "From: <{}>\r\n"
      "To: <{}>\r\n"
      "Subject: Health probe {}\r\n"
      "Message-ID: <{}@hauspost.internal>\r\n"
      "Auto-Submitted: auto-generated\r\n"
      "\r\n"
      "{}\r\n",
      fmt::gmtime(std::chrono::system_clock::to_time_t(now)), order.user, order.recipient, token,
      token, token);
}

Task<Result<>> probe_listener(LineClient& client, const Order& order) {
  CO_TRY(co_await client.open(order.door));
  client.step("greeting");
  CO_TRY_ASSIGN(const std::string greeting, co_await client.line());
  for (const std::string_view good : {"* OK", "* PREAUTH", "220", "+OK"}) {
    if (istarts_with(greeting, good)) co_return Result<>{};
  }
  // Who says so is there.
  for (const std::string_view busy : {"* BYE", "4", "5", "-ERR"}) {
    if (istarts_with(greeting, busy)) co_return fail(ErrorCode::kExhausted, greeting);
  }
  co_return fail(ErrorCode::kInvalid, "greeted with " + escape_for_log(greeting));
}

Task<Result<>> probe_web(LineClient& client, const Means& means, const Order& order) {
  CO_TRY(co_await client.open(order.door));
  client.step("request");
  CO_TRY(co_await client.send(fmt::format(
      "GET / HTTP/1.1\r\nHost: {}\r\nUser-Agent: hauspost-health\r\nConnection: close\r\n\r\n",
      means.hostname)));
  CO_TRY_ASSIGN(const std::string status, co_await client.line());
  const auto words = split(status, ' ');
  if (words.size() >= 2 && status.starts_with("HTTP/1.") && words[1].size() == 3) {
    if (!words[1].starts_with('5')) co_return Result<>{};
    co_return fail(ErrorCode::kDenied, "answered " + escape_for_log(status));
  }
  co_return fail(ErrorCode::kInvalid, "answered " + escape_for_log(status));
}

}  // namespace hauspost::health
