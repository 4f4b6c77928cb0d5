#include "transport/filter/session_filter.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "transport/resolve/plan.h"

namespace hauspost::transport {

using smtp::Reply;

namespace {

constexpr Duration kListTime = std::chrono::seconds(5);
constexpr Duration kGreyLeast = std::chrono::seconds(1);

const Reply kMessagesUsed{450, "4.7.1", "You have sent as many messages as you may in 24 hours"};
const Reply kRecipientsUsed{452, "4.5.3",
                            "You have written to as many recipients as you may in 24 hours"};
const Reply kNewUsed{452, "4.5.3",
                     "You have written to as many new recipients as you may in 24 hours"};

// The first line of a reply, as one says it.
std::string one_line(const Reply& reply) {
  const std::string text = smtp::to_string(reply);
  return text.substr(0, text.find_first_of("\r\n"));
}

Guid network_id(const Envelope& envelope) {
  return envelope.network.is_nil() ? envelope.delivery : envelope.network;
}

}  // namespace

SessionFilter::SessionFilter(FilterEngine& engine, std::shared_ptr<const FilterSettings> settings,
                             const FilterClient& client)
    : engine_(engine),
      settings_(std::move(settings)),
      client_(client),
      user_(client.authenticated && client.start.mailbox.has_value()),
      milters_(*settings_, client_, engine.services().hostname) {}

// Records what is refused, and says it.
std::optional<Reply> SessionFilter::refuse(Refusal refusal, std::string_view recipient,
                                           const Incoming* message) {
  const std::string status = one_line(refusal.reply);
  TrackedEvent event{.event = TrackEvent::kRefuse,
                     .session = client_.start.session,
                     .sender = sender_,
                     .source = client_.connector,
                     .remote = address(),
                     .status = status,
                     .detail = refusal.filter};
  if (!recipient.empty()) event.recipients.push_back(recipient);
  if (message != nullptr) {
    event.message = network_id(message->envelope);
    event.message_id = header_field(message->message, "message-id");
    event.subject = header_field(message->message, "subject");
    event.bytes = message->prefix.size() + message->message.size();
    for (const TakenRecipient& taken : message->recipients)
      event.recipients.push_back(taken.recipient.address);
  }
  engine_.services().tracker->record(event);
  return std::move(refusal.reply);
}

// ---- MAIL

std::optional<SessionFilter::Refusal> SessionFilter::check_sender() const {
  if (engine_.reputation().is_blocked(address(), now())) {
    return Refusal{
        {550, "5.7.1",
         fmt::format("Too much unwanted mail came from [{}]; try again tomorrow", address())},
        "reputation"};
  }
  if (sender_.empty() && settings_->block_null_sender)
    return Refusal{{550, "5.7.1", "Mail without a sender is not taken"}, "sender-block"};
  const bool unwanted =
      !sender_.empty() && std::ranges::any_of(settings_->senders, [&](const PatternRule& rule) {
        return matches(rule, sender_);
      });
  if (unwanted) return Refusal{{550, "5.7.1", "Sender refused"}, "sender-block"};
  return std::nullopt;
}

Task<void> SessionFilter::look_at_client() {
  if (score_ || (!settings_->checks.enabled && !settings_->reputation.enabled)) co_return;
  ClientScore score = score_hello(client_.start.hello, address(), engine_.services().hostname);
  if (dns::Resolver* resolver = engine_.services().resolver)
    score = co_await score_client(std::move(score), *resolver, client_.start.hello, address());
  score_ = std::move(score);
}

Task<std::optional<Reply>> SessionFilter::on_mail(const smtp::MailCommand& mail) {
  sender_ = mail.from ? mail.from->to_string() : std::string();
  recipients_.clear();
  refused_ = false;
  if (user_) {
    const UserCaps& caps = settings_->caps_of(*client_.start.mailbox);
    switch (engine_.counts().check_message(caps, *client_.start.mailbox, now())) {
      case UserCounts::Cap::kNone: break;
      case UserCounts::Cap::kMessages: co_return refuse(Refusal{kMessagesUsed, "caps"}, {});
      default: co_return refuse(Refusal{kRecipientsUsed, "caps"}, {});
    }
  } else {
    allowed_ = find_rule(settings_->allowed, address(), now()) != nullptr;
    if (!allowed_) {
      if (auto refused = check_sender()) co_return refuse(std::move(*refused), {});
      co_await look_at_client();
    }
  }
  if (milters_.empty()) co_return std::nullopt;
  auto refused = co_await milters_.mail(mail, score_ ? score_->reverse_name : std::string());
  if (!refused) co_return std::nullopt;
  co_return refuse(Refusal{std::move(*refused), "milter"}, {});
}

// ---- RCPT

std::optional<SessionFilter::Refusal> SessionFilter::check_addresses(
    const std::string& recipient) const {
  if (find_rule(settings_->blocked, address(), now()) != nullptr)
    return Refusal{{550, "5.7.1", fmt::format("Mail from [{}] is not taken", address())},
                   "ip-block"};
  const bool unwanted = std::ranges::any_of(
      settings_->recipients, [&](const PatternRule& rule) { return matches(rule, recipient); });
  if (unwanted) return Refusal{{550, "5.7.1", "Recipient refused"}, "recipient-block"};
  return std::nullopt;
}

Task<std::optional<SessionFilter::Refusal>> SessionFilter::check_lists(
    const std::string& recipient) {
  dns::Resolver* resolver = engine_.services().resolver;
  if (resolver == nullptr || settings_->dns_lists.empty()) co_return std::nullopt;
  const bool exempt = std::ranges::any_of(
      settings_->dns_list_exempt,
      [&](const std::string& pattern) { return matches({.pattern = pattern}, recipient); });
  if (exempt) co_return std::nullopt;
  if (!listed_)
    listed_ = co_await ask_dns_lists(*resolver, settings_->dns_lists, address(), kListTime);
  if (!*listed_) co_return std::nullopt;
  co_return Refusal{{550, "5.7.1", (*listed_)->text}, "dns-list"};
}

std::optional<SessionFilter::Refusal> SessionFilter::check_score() const {
  if (!settings_->checks.enabled || settings_->checks.reject_score == 0 || !score_)
    return std::nullopt;
  if (score_->points < settings_->checks.reject_score) return std::nullopt;
  return Refusal{
      {550, "5.7.25",
       fmt::format("The name of the client is not in order: {}", fmt::join(score_->reasons, ", "))},
      "client-checks"};
}

std::optional<SessionFilter::Refusal> SessionFilter::check_greylist(const std::string& recipient) {
  if (!settings_->greylist.enabled) return std::nullopt;
  const auto verdict =
      engine_.greylist().ask(settings_->greylist, address(), sender_, recipient, now());
  if (verdict.passes) return std::nullopt;
  const auto wait = std::max<Seconds>(verdict.wait, std::chrono::ceil<Seconds>(kGreyLeast));
  return Refusal{{451, "4.7.1", fmt::format("Greylisted, try again in {} seconds", wait.count())},
                 "greylist"};
}

Task<std::optional<SessionFilter::Refusal>> SessionFilter::check_stranger(
    const std::string& recipient) {
  if (auto refused = check_addresses(recipient)) co_return refused;
  if (auto refused = co_await check_lists(recipient)) co_return refused;
  if (auto refused = check_score()) co_return refused;
  co_return check_greylist(recipient);
}

Task<std::optional<Reply>> SessionFilter::on_rcpt(const smtp::RcptCommand&,
                                                  const TakenRecipient& taken) {
  const std::string recipient = taken.recipient.address;
  const std::string path = taken.path;
  std::optional<Refusal> refusal;
  if (user_) {
    const Guid& user = *client_.start.mailbox;
    switch (engine_.counts().check_recipient(settings_->caps_of(user), user, recipient, recipients_,
                                             now())) {
      case UserCounts::Cap::kNone: break;
      case UserCounts::Cap::kNewRecipients: refusal = Refusal{kNewUsed, "caps"}; break;
      default: refusal = Refusal{kRecipientsUsed, "caps"}; break;
    }
  } else if (!allowed_) {
    refusal = co_await check_stranger(recipient);
    refused_ = refused_ || (refusal && refusal->reply.code >= 500);
  }
  if (!refusal && !milters_.empty()) {
    auto refused = co_await milters_.rcpt(path);
    if (refused) refusal = Refusal{std::move(*refused), "milter"};
  }
  if (refusal) co_return refuse(std::move(*refusal), recipient);
  recipients_.push_back(recipient);
  co_return std::nullopt;
}

// ---- The message

Task<std::optional<Reply>> SessionFilter::on_message(Incoming& incoming) {
  std::optional<Reply> answer;
  if (!milters_.empty()) answer = co_await ask_milters(incoming);
  if (answer && answer->is_failure()) {
    if (!user_) note_deed(answer->code >= 500);
    co_return answer;
  }
  if (user_) {
    engine_.counts().note(*client_.start.mailbox, recipients_, now());
  } else if (!allowed_) {
    note_deed(answer.has_value() || incoming.envelope.junk);
    if (settings_->checks.enabled && score_) {
      incoming.prefix.insert(
          0, fmt::format("X-Hauspost-Organization-Client-Score: {}\r\n", score_->to_string()));
    }
  }
  co_return answer;
}

Task<std::optional<Reply>> SessionFilter::ask_milters(Incoming& incoming) {
  MessageParts parts(incoming.prefix, incoming.message);
  const MilterOutcome outcome = co_await milters_.message(parts, incoming.id);
  if (outcome.refused) {
    co_return refuse(Refusal{*outcome.refused, "milter " + outcome.by}, {}, &incoming);
  }
  if (parts.changed()) {
    incoming.prefix.clear();
    incoming.message = parts.to_string();
  }
  change_envelope(incoming, outcome.envelope);
  std::string reason = outcome.quarantine;
  std::string by = outcome.by;
  if (reason.empty() && incoming.recipients.empty()) {
    reason = "a filter took every recipient away";
    by = "milter";
    for (const std::string& recipient : recipients_)
      incoming.recipients.push_back({.recipient = {.address = recipient}, .path = recipient});
  }
  if (reason.empty()) co_return std::nullopt;
  co_return co_await hold_back(incoming, by, reason);
}

void SessionFilter::change_envelope(Incoming& incoming,
                                    const std::vector<milter::Answer>& changes) {
  using Kind = milter::Answer::Kind;
  for (const milter::Answer& change : changes) {
    const auto path =
        smtp::parse_path(change.value.starts_with('<') ? change.value : "<" + change.value + ">");
    if (!path || (!path->value && change.kind != Kind::kChangeSender)) {
      log::warning("milter.bad_address", {{"address", change.value}});
      continue;
    }
    if (change.kind == Kind::kChangeSender) {
      incoming.envelope.sender = path->value ? path->value->to_string() : std::string();
      continue;
    }
    const std::string address = path->value->local + "@" + path->value->domain;
    const auto is_it = [&](const TakenRecipient& taken) {
      return iequals(taken.recipient.address, address) || iequals(taken.path, change.value);
    };
    if (change.kind == Kind::kDeleteRecipient) std::erase_if(incoming.recipients, is_it);
    if (change.kind != Kind::kAddRecipient || std::ranges::any_of(incoming.recipients, is_it))
      continue;
    Resolved resolved = engine_.services().directory.resolve(address);
    if (resolved.kind == Resolved::Kind::kUnknown) {
      log::warning("milter.unknown_recipient", {{"address", address}});
      continue;
    }
    incoming.recipients.push_back({.recipient = {.address = address},
                                   .path = path->value->to_string(),
                                   .resolved = std::move(resolved)});
  }
}

Task<std::optional<Reply>> SessionFilter::hold_back(Incoming& incoming, std::string source,
                                                    std::string reason) {
  QuarantineEntry entry;
  entry.time_s = std::chrono::floor<Seconds>(now()).time_since_epoch().count();
  entry.source = std::move(source);
  entry.reason = std::move(reason);
  entry.subject = std::string(header_field(incoming.message, "subject"));
  entry.envelope = incoming.envelope;
  for (const TakenRecipient& taken : incoming.recipients)
    entry.envelope.recipients.push_back(taken.recipient);
  TrackedEvent event{.event = TrackEvent::kQuarantine,
                     .message = network_id(incoming.envelope),
                     .session = incoming.envelope.session};
  const std::string sender = incoming.envelope.sender;
  const std::string why = fmt::format("{}: {}", entry.source, entry.reason);
  event.sender = sender;
  event.message_id = header_field(incoming.message, "message-id");
  event.subject = header_field(incoming.message, "subject");
  event.source = client_.connector;
  event.remote = address();
  event.detail = why;
  event.bytes = incoming.prefix.size() + incoming.message.size();
  const auto kept =
      co_await engine_.quarantine().keep(std::move(entry), incoming.prefix + incoming.message);
  if (!kept) {
    log::error("quarantine.failed", {{"error", kept.error()}});
    co_return Reply{451, "4.3.0", "Try again later"};
  }
  for (const TakenRecipient& taken : incoming.recipients)
    event.recipients.push_back(taken.recipient.address);
  engine_.services().tracker->record(event);
  co_return Reply{250, "2.0.0", "Ok, id " + incoming.id};
}

void SessionFilter::note_deed(bool bad) {
  if (!settings_->reputation.enabled || allowed_) return;
  engine_.reputation().note(settings_->reputation, address(),
                            {.hello = client_.start.hello,
                             .forged_hello = score_ && score_->forged_hello,
                             .no_reverse = score_ && !score_->has_reverse,
                             .bad = bad},
                            now());
}

// Whoever heard a refusal for what it is and left it at that did not get as far as a message.
void SessionFilter::note_refused() {
  if (refused_ && recipients_.empty() && !user_) note_deed(true);
  refused_ = false;
}

void SessionFilter::on_reset() {
  note_refused();
  recipients_.clear();
  milters_.reset();
}

}  // namespace hauspost::transport
