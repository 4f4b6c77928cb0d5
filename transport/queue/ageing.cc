#include "transport/queue/ageing.h"

#include <fmt/format.h>

namespace hauspost::transport {

namespace {

using Kind = RecipientResult::Kind;

DsnRecipient about(const Recipient& recipient, DsnAction action, const Age& age,
                   std::string_view status, std::string_view why) {
  const std::string& last = age.error.empty() ? recipient.last_error : age.error;
  const bool failed = action == DsnAction::kFailed;
  RecipientResult result{failed ? Kind::kFailed : Kind::kDeferred,
                         std::string(status),
                         last.empty() ? std::string(why) : fmt::format("{}; {}", why, last),
                         {}};
  return {recipient, action, std::move(result), age.now, failed ? WallTime{} : age.expires};
}

std::vector<DsnRecipient> expire(Envelope& envelope, const Age& age, std::string_view status,
                                 std::string_view why) {
  std::vector<DsnRecipient> gone;
  for (const Recipient& recipient : envelope.recipients)
    gone.push_back(about(recipient, DsnAction::kFailed, age, status, why));
  envelope.recipients.clear();
  return gone;
}

}  // namespace

std::vector<DsnRecipient> age_recipients(Envelope& envelope, const Age& age) {
  const bool late = envelope.deliver_by != WallTime{} && envelope.deliver_by <= age.now;
  if (late && !envelope.deliver_by_notify)
    return expire(envelope, age, "5.4.7", "the time that the sender gave for delivery is over");
  if (age.expires <= age.now)
    return expire(envelope, age, "4.4.7", "the message could not be delivered in time");
  const WallTime since = std::max(envelope.received, envelope.hold_until);
  const bool slow = age.notice > Seconds(0) && since + age.notice <= age.now;
  std::vector<DsnRecipient> delayed;
  if (!slow && !late) return delayed;
  // Nobody hears of it: nothing is to be marked.
  if (envelope.sender.empty() || envelope.report) return delayed;
  for (Recipient& recipient : envelope.recipients) {
    if (recipient.delay_reported) continue;
    recipient.delay_reported = true;
    delayed.push_back(
        about(recipient, DsnAction::kDelayed, age, "4.4.7", "the message is not delivered yet"));
  }
  return delayed;
}

}  // namespace hauspost::transport
