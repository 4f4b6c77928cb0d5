#include "transport/dsn/advice.h"

#include <algorithm>

#include "base/text.h"

namespace hauspost::transport {

namespace {

struct Advice {
  std::string_view status;  // "5.1.1", "1.1" for both classes, "1" for all of a subject
  std::string_view text;
};

// The first that fits counts: from the particular to the general.
constexpr Advice kAdvice[] = {
    {"5.1.10", "The domain says that it takes no mail at all. Check the part behind the @."},
    {"5.1.1",
     "There is no such mailbox there. Check the address for mistakes, or ask the recipient by "
     "another way."},
    {"1.2", "There is no such domain. Check the part of the address behind the @."},
    {"5.1.3", "The address is not one that mail can be sent to. Check its spelling."},
    {"5.1.4", "The address belongs to several recipients. Ask for one that is theirs alone."},
    {"5.1.6", "The mailbox has moved and left no new address. Ask the recipient by another way."},
    {"5.1.8", "The recipient's server does not know your address or its domain."},
    {"5.2.1", "The mailbox exists but takes no mail. Ask the recipient by another way."},
    {"2.2", "The recipient's mailbox is full. Send it again when the recipient has made room."},
    {"2.3", "The message is larger than this mailbox takes. Send it without large attachments."},
    {"5.2.4", "The list could not be expanded. Tell whoever looks after it."},
    {"2", "The recipient's mailbox could not take the message."},
    {"3.4", "The message is too big. Send it without large attachments, or as several messages."},
    {"5.3.5", "The recipient's server would send the message to itself. Tell its administrator."},
    {"3", "The recipient's mail system could not take the message."},
    {"5.4.6",
     "The message went round in a circle. Tell the administrator of the recipient's domain."},
    {"5.4.7", "The message waited too long and was given up. Send it again if it still matters."},
    {"4.4.7",
     "The recipient's server could not be reached for too long. Send the message again if "
     "it still matters, or ask the recipient by another way."},
    {"5.4.4",
     "No way to the recipient's domain is known. Check the part of the address behind the "
     "@."},
    {"4.1", "The recipient's server does not answer."},
    {"4.2", "The connection to the recipient's server was lost."},
    {"4.3", "The recipient's domain could not be looked up."},
    {"4.4", "No way to the recipient's domain could be found."},
    {"4", "The recipient's server could not be reached."},
    {"5.5.3", "The message has more recipients than are allowed. Send it in parts."},
    {"5", "The recipient's server and this one did not understand each other."},
    {"6.1", "The recipient's server does not take messages of this kind."},
    {"6.3",
     "The message has a form that the recipient's server cannot take, and it could not be "
     "converted."},
    {"6.7",
     "The address or the message is in letters that the recipient's server cannot handle. "
     "Ask the recipient for an address in plain letters."},
    {"6", "The form of the message did not suit the recipient's server."},
    {"5.7.1",
     "The recipient's server does not take this message from you. Its own words may say "
     "why; if not, ask the recipient by another way."},
    {"5.7.2", "You may not send to this list. Ask whoever looks after it."},
    {"7.4", "The message asks for protection that the recipient's server does not offer."},
    {"7.10", "The message asks for protection that could not be had on the way."},
    {"7.30",
     "The message must travel encrypted, and the recipient's server does not promise that."},
    {"7", "The recipient's server, or a rule here, does not allow this message."},
    {"5", "The message cannot be delivered."},
};

// "5.1.1" fits "5.1.1"; "1.1" fits "4.1.1" and "5.1.1"; "1" fits every "x.1.y".
bool fits(std::string_view rule, std::string_view status) {
  if (rule == status) return true;
  const std::size_t dot = status.find('.');
  if (dot == std::string_view::npos) return false;
  const std::string_view detail = status.substr(dot + 1);
  return std::ranges::count(rule, '.') < 2 &&
         (rule == detail ||
          (rule.find('.') == std::string_view::npos && rule == detail.substr(0, detail.find('.'))));
}

}  // namespace

std::string_view advice_for(std::string_view status) {
  const auto found = std::ranges::find_if(
      kAdvice, [&](const Advice& advice) { return fits(advice.status, status); });
  if (found != std::end(kAdvice)) return found->text;
  if (status.starts_with('4')) return "The recipient's server did not take the message yet.";
  return "The message cannot be delivered.";
}

std::string wrap(std::string_view text, std::string_view indent) {
  constexpr std::size_t kColumns = 76;
  std::string out;
  std::string line;
  for (const std::string_view word : split(text, ' ')) {
    if (word.empty()) continue;
    if (!line.empty() && indent.size() + line.size() + 1 + word.size() > kColumns) {
      out.append(indent).append(line).append("\r\n");
      line.clear();
    }
    if (!line.empty()) line += ' ';
    line += word;
  }
  if (!line.empty()) out.append(indent).append(line).append("\r\n");
  return out;
}

}  // namespace hauspost::transport
