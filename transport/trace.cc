#include "transport/trace.h"

#include <fmt/format.h>

#include "base/text.h"
#include "protocols/smtp/address.h"

namespace hauspost::transport {

namespace {

constexpr std::string_view kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// RFC 3848, RFC 6531 section 4.3
std::string_view protocol_name(const link::SessionStart& start, bool smtputf8, bool lmtp) {
  if (lmtp && smtputf8) return start.tls ? "UTF8LMTPS" : "UTF8LMTP";
  if (lmtp) return start.tls ? "LMTPS" : "LMTP";
  if (!start.extended) return "SMTP";
  const bool authenticated = !start.user.empty();
  if (smtputf8) {
    if (start.tls) return authenticated ? "UTF8SMTPSA" : "UTF8SMTPS";
    return authenticated ? "UTF8SMTPA" : "UTF8SMTP";
  }
  if (start.tls) return authenticated ? "ESMTPSA" : "ESMTPS";
  return authenticated ? "ESMTPA" : "ESMTP";
}

// Into a comment: nothing that could end it.
std::string comment_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = is_alpha(c) || is_digit(c) || c == '.' || c == '-' || c == '_' || c == ':';
    out += plain ? c : '_';
  }
  return out;
}

}  // namespace

std::string rfc5322_date(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<Seconds>(time - day));
  return fmt::format(
      "{}, {} {} {:04} {:02}:{:02}:{:02} +0000", kDays[std::chrono::weekday(day).c_encoding()],
      static_cast<unsigned>(date.day()), kMonths[static_cast<unsigned>(date.month()) - 1],
      static_cast<int>(date.year()), clock.hours().count(), clock.minutes().count(),
      clock.seconds().count());
}

std::string return_path_field(std::string_view sender) {
  return fmt::format("Return-Path: <{}>\r\n", sender);
}

std::string received_field(const link::SessionStart& start, const ReceivedInfo& info) {
  const bool ipv6 = start.client_address.find(':') != std::string::npos;
  const std::string_view from =
      smtp::is_host_name(start.hello) ? std::string_view(start.hello) : "unknown";
  std::string out = fmt::format("Received: from {} ([{}{}])\r\n\tby {} with {}", from,
                                ipv6 ? "IPv6:" : "", comment_text(start.client_address),
                                info.hostname, protocol_name(start, info.smtputf8, info.lmtp));
  if (start.tls) {
    out += fmt::format("\r\n\t({} {})", comment_text(start.tls_version),
                       comment_text(start.tls_cipher));
  }
  out += fmt::format(" id {}", info.id);
  if (!info.recipient.empty()) out += fmt::format("\r\n\tfor <{}>", info.recipient);
  out += fmt::format(";\r\n\t{}\r\n", rfc5322_date(info.time));
  return out;
}

}  // namespace hauspost::transport
