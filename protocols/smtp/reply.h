// SMTP replies (RFC 5321 section 4.2) with enhanced status codes (RFC 2034, RFC 3463), and the list
// of extensions that front-end and transport both announce.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/smtp/extensions.h"

namespace hauspost::smtp {

struct Reply {
  std::uint16_t code = 250;
  std::string_view enhanced;  // a literal such as "5.5.2"; empty: none (greeting, EHLO, 354)
  std::string text;           // lines separated by '\n', no CR; peer bytes only if they were parsed

  bool is_failure() const { return code >= 400; }
  bool operator==(const Reply&) const = default;
};

// "250-2.0.0 text CRLF ... 250 2.0.0 text CRLF", the enhanced code on every line (RFC 2034 section
// 4).
void append_reply(std::string& out, const Reply& reply);
std::string to_string(const Reply& reply);

// What a bad line deserves; see LineStatus.
Reply bare_line_end_reply();
Reply line_too_long_reply();

struct EhloOptions {
  std::string_view hostname;  // ours
  std::string_view client;    // what the client called itself
  std::uint64_t message_bytes_max = 0;
  bool starttls = false;                // offered now
  std::vector<std::string> mechanisms;  // of AUTH, offered now
  ExtensionBits extensions = kOfferedExtensions;
  bool tls = false;                  // active: REQUIRETLS may be offered
  std::uint64_t recipients_max = 0;  // of LIMITS; 0: not said
  std::uint64_t messages_max = 0;
  std::uint64_t hold_max_s = 0;  // of FUTURERELEASE; 0: not offered
  std::int64_t now_s = 0;        // Unix time, for FUTURERELEASE
};
// The whole answer to EHLO or LHLO.
Reply ehlo_lines(const EhloOptions& options);

}  // namespace hauspost::smtp
