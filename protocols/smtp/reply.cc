#include "protocols/smtp/reply.h"

#include <fmt/format.h>

namespace hauspost::smtp {

void append_reply(std::string& out, const Reply& reply) {
  std::string_view rest = reply.text;
  for (;;) {
    const std::size_t end = rest.find('\n');
    const bool last = end == std::string_view::npos;
    fmt::format_to(std::back_inserter(out), "{}{}", reply.code, last ? ' ' : '-');
    if (!reply.enhanced.empty()) {
      out += reply.enhanced;
      out += ' ';
    }
    out += rest.substr(0, end);
    out += "\r\n";
    if (last) return;
    rest.remove_prefix(end + 1);
  }
}

std::string to_string(const Reply& reply) {
  std::string out;
  append_reply(out, reply);
  return out;
}

Reply bare_line_end_reply() { return {500, "5.5.2", "Lines must end in CRLF"}; }

Reply line_too_long_reply() { return {500, "5.5.2", "Line too long"}; }

Reply ehlo_lines(const EhloOptions& options) {
  Reply reply{250, {}, fmt::format("{} Hello {}", options.hostname, options.client)};
  reply.text += fmt::format("\nSIZE {}", options.message_bytes_max);
  reply.text += "\nPIPELINING\n8BITMIME\nSMTPUTF8\nCHUNKING\nENHANCEDSTATUSCODES";
  if (options.starttls) reply.text += "\nSTARTTLS";
  if (!options.mechanisms.empty()) {
    reply.text += "\nAUTH";
    for (const std::string& mechanism : options.mechanisms) reply.text += " " + mechanism;
  }
  return reply;
}

}  // namespace hauspost::smtp
