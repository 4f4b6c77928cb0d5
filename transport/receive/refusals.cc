// What the tracking log hears of commands and messages that are refused in the session. Filters and
// whoever a message is handed over to say so themselves.
#include "base/metrics.h"
#include "base/text.h"
#include "transport/receive/session.h"
#include "transport/resolve/plan.h"

namespace hauspost::transport {

namespace {

metrics::CounterFamily g_refusals("hauspost_smtp_refusals_total",
                                  "Commands and messages refused in SMTP sessions, by the step of "
                                  "the dialogue, and whether the client may come again.",
                                  {"stage", "outcome"});

void count_refusal(std::string_view stage, const smtp::Reply& reply) {
  g_refusals.with({stage, reply.code < 500 ? "deferred" : "refused"}).add();
}

// The first line, as one says it.
std::string first_line(const smtp::Reply& reply) {
  const std::string text = smtp::to_string(reply);
  return text.substr(0, text.find_first_of("\r\n"));
}

}  // namespace

void Session::track_refused(const smtp::Command& command, const smtp::Reply& reply) const {
  if (!reply.is_failure()) return;
  count_refusal(std::holds_alternative<smtp::MailCommand>(command) ? "mail" : "rcpt", reply);
  if (services_.tracker == &no_tracker()) return;
  const std::string status = first_line(reply);
  std::string sender = transaction_.sender();
  std::string recipient;
  if (const auto* mail = std::get_if<smtp::MailCommand>(&command))
    sender = mail->from ? mail->from->to_string() : std::string();
  if (const auto* rcpt = std::get_if<smtp::RcptCommand>(&command)) recipient = rcpt->to.to_string();
  TrackedEvent event{.event = TrackEvent::kRefuse,
                     .session = start_.session,
                     .sender = sender,
                     .source = connector_->name,
                     .remote = start_.client_address,
                     .status = status};
  if (!recipient.empty()) event.recipients.push_back(recipient);
  services_.tracker->record(event);
}

void Session::track_refused(const Incoming& incoming, const smtp::Reply& reply) const {
  if (!reply.is_failure()) return;
  count_refusal("data", reply);
  if (services_.tracker == &no_tracker()) return;
  const std::string status = first_line(reply);
  TrackedEvent event{.event = TrackEvent::kRefuse,
                     .message = incoming.envelope.delivery,
                     .session = start_.session,
                     .message_id = header_field(incoming.message, "message-id"),
                     .sender = incoming.envelope.sender,
                     .source = connector_->name,
                     .remote = start_.client_address,
                     .status = status,
                     .subject = header_field(incoming.message, "subject"),
                     .bytes = incoming.message.size()};
  for (const TakenRecipient& taken : incoming.recipients)
    event.recipients.push_back(taken.recipient.address);
  services_.tracker->record(event);
}

}  // namespace hauspost::transport
