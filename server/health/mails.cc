#include "server/health/mails.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "base/text.h"

namespace hauspost::health {

void Mails::keep(WallSeconds now, std::string subject, std::string body) {
  if (pending_.size() == kPendingMax) pending_.pop_front();
  Mail mail;
  mail.subject = std::move(subject);
  mail.body = std::move(body);
  mail.time = now;
  pending_.push_back(std::move(mail));
}

void Mails::broke(const std::string& set, WallSeconds now, std::string subject, std::string body) {
  if (open_[set]) return;
  const auto told = told_.find(set);
  if (told != told_.end() && now - told->second < kEach_s && told->second <= now) return;
  told_[set] = now;
  open_[set] = true;
  keep(now, std::move(subject), std::move(body));
}

void Mails::recovered(const std::string& set, WallSeconds now, std::string subject,
                      std::string body) {
  const auto open = open_.find(set);
  if (open == open_.end() || !open->second) return;
  open->second = false;
  keep(now, std::move(subject), std::move(body));
}

std::string mail_text(const Mail& mail, const std::string& to, const std::string& hostname) {
  std::string text = fmt::format(
      "Date: {:%a, %d %b %Y %H:%M:%S} +0000\r\n"
      "From: Hauspost <postmaster@{}>\r\n"
      "To: <{}>\r\n"
      "Subject: {}\r\n"
      "Message-ID: <{}@{}>\r\n"
      "Auto-Submitted: auto-generated\r\n"
      "MIME-Version: 1.0\r\n"
      "Content-Type: text/plain; charset=utf-8\r\n"
      "Content-Transfer-Encoding: 8bit\r\n"
      "\r\n",
      fmt::gmtime(static_cast<std::time_t>(mail.time)), hostname, to, escape_for_log(mail.subject),
      mail.id.to_string(), hostname);
  for (const std::string_view line : split(mail.body, '\n')) {
    text += line;
    text += "\r\n";
  }
  return text;
}

}  // namespace hauspost::health
