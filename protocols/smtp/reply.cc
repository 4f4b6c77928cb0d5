#include "protocols/smtp/reply.h"

#include <fmt/format.h>

#include "base/clock.h"

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

namespace {

// One line of the answer, without what stands in front; empty: not offered here.
std::string keyword_line(const ExtensionName& extension, const EhloOptions& options) {
  const std::string name(extension.name);
  switch (extension.bit) {
    case kSizeExtension: return fmt::format("SIZE {}", options.message_bytes_max);
    case kLimitsExtension: {
      std::string limits;
      if (options.messages_max != 0) limits += fmt::format(" MAILMAX={}", options.messages_max);
      if (options.recipients_max != 0) limits += fmt::format(" RCPTMAX={}", options.recipients_max);
      return limits.empty() ? limits : name + limits;
    }
    case kRequireTlsExtension: return options.tls ? name : std::string();
    case kPriorityExtension: return name + " MIXER";
    case kFutureReleaseExtension: {
      if (options.hold_max_s == 0) return {};
      const std::chrono::sys_seconds until(
          Seconds(options.now_s + static_cast<std::int64_t>(options.hold_max_s)));
      const auto day = std::chrono::floor<std::chrono::days>(until);
      const std::chrono::year_month_day date(day);
      const std::chrono::hh_mm_ss clock(until - day);
      return fmt::format("{} {} {:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", name, options.hold_max_s,
                         static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                         static_cast<unsigned>(date.day()), clock.hours().count(),
                         clock.minutes().count(), clock.seconds().count());
    }
    default: return name;
  }
}

}  // namespace

Reply ehlo_lines(const EhloOptions& options) {
  Reply reply{250, {}, fmt::format("{} Hello {}", options.hostname, options.client)};
  for (const ExtensionName& extension : kExtensions) {
    if ((options.extensions & extension.bit) == 0) continue;
    const std::string line = keyword_line(extension, options);
    if (!line.empty()) reply.text += "\n" + line;
  }
  if (options.starttls) reply.text += "\nSTARTTLS";
  if (!options.mechanisms.empty()) {
    reply.text += "\nAUTH";
    for (const std::string& mechanism : options.mechanisms) reply.text += " " + mechanism;
  }
  return reply;
}

}  // namespace hauspost::smtp
