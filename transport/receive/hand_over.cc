#include "transport/receive/hand_over.h"

#include <fmt/format.h>

#include <map>

#include "base/log.h"
#include "transport/authentication/authentication.h"
#include "transport/receive/fork_delivery.h"
#include "transport/receive/hand_over_reports.h"
#include "transport/resolve/plan.h"

namespace hauspost::transport {

namespace {

using smtp::Reply;

std::vector<Target> targets_of(std::vector<TakenRecipient> taken) {
  std::vector<Target> targets;
  targets.reserve(taken.size());
  for (TakenRecipient& one : taken)
    targets.push_back({std::move(one.recipient), std::move(one.resolved)});
  return targets;
}

// What nearly every message needs: nothing.
Plan plain_plan(Envelope envelope, std::vector<Target> targets) {
  Plan plan;
  plan.forks.push_back({std::move(envelope), {}, std::move(targets)});
  return plan;
}

// Everything that becomes of one message.
class HandOver {
 public:
  // What we made ourselves is submitted again under the same id.
  HandOver(Services& services, Incoming incoming, bool by_client)
      : services_(services), incoming_(std::move(incoming)), by_client_(by_client) {}

  Task<Result<Reply>> run();

 private:
  Task<Result<>> plan();
  Task<Result<>> deliver(Fork& fork, std::vector<TargetOutcome>& outcomes);
  Task<Result<>> enqueue_waiting();
  Task<void> sign(const Fork& fork, std::string& message) const;
  void wait_for(std::vector<NewItem>& items, std::map<NextHop, std::size_t>& places,
                const Fork& fork, const Target& target) const;
  std::optional<Reply> refusal() const;
  void track_delivered(const Fork& fork, const Target& target, TargetOutcome outcome) const;
  void track_received() const;
  void track_queued(const NewItem& item) const;
  // Ends with an answer that is no 250.
  Reply refuse(Reply reply) const;
  Reply refuse_half_taken(const Error& error);

  Services& services_;
  Incoming incoming_;
  bool by_client_;
  bool half_taken_ = false;  // mailboxes have it from an earlier time
  Plan plan_;
  std::vector<std::vector<TargetOutcome>> outcomes_;  // of each fork
  std::size_t everyone_ = 0;                          // targets of all forks
  std::size_t delivered_ = 0;
  std::size_t exhausted_ = 0;
  std::size_t over_quota_ = 0;
};

Task<Result<>> HandOver::plan() {
  std::vector<Target> targets = targets_of(std::exchange(incoming_.recipients, {}));
  if (is_plain(targets)) {
    plan_ = plain_plan(incoming_.envelope, std::move(targets));
  } else {
    const std::string_view message = incoming_.message;
    const std::size_t end = message.find("\r\n\r\n");
    CO_TRY_ASSIGN(plan_, co_await make_plan(services_, {incoming_.envelope, std::move(targets),
                                                        message.substr(0, end), message.size()}));
  }
  for (const Fork& fork : plan_.forks) everyone_ += fork.targets.size();
  co_return Result<>{};
}

Task<Result<>> HandOver::deliver(Fork& fork, std::vector<TargetOutcome>& outcomes) {
  // What is to be held leaves for nobody yet.
  if (fork.envelope.hold_until > services_.clock.now()) {
    outcomes.assign(fork.targets.size(), TargetOutcome::kWaits);
    co_return Result<>{};
  }
  outcomes =
      co_await deliver_fork(services_, fork, {fork.prefix, incoming_.prefix, incoming_.message});
  if (was_cancelled(co_await asio::this_coro::cancellation_state))
    co_return fail(ErrorCode::kCancelled, "receiving");
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (is_delivered(outcomes[i])) ++delivered_;
    if (is_delivered(outcomes[i])) track_delivered(fork, fork.targets[i], outcomes[i]);
    if (outcomes[i] == TargetOutcome::kExhausted) ++exhausted_;
    if (outcomes[i] == TargetOutcome::kOverQuota) ++over_quota_;
  }
  co_return Result<>{};
}

// For some of several the one answer to DATA cannot speak: their copies wait for room, and whom the
// plan refused is told of by a report.
std::optional<Reply> HandOver::refusal() const {
  if (everyone_ == 0 && !plan_.refused.empty()) {
    const Refused& first = plan_.refused.front();
    return Reply{static_cast<std::uint16_t>(first.status == "5.5.3" ? 552 : 550), first.status,
                 first.text};
  }
  if (!plan_.refused.empty() || everyone_ == 0) return std::nullopt;
  if (exhausted_ == everyone_) return Reply{452, "4.3.1", "Insufficient system storage"};
  // A report that its mailbox has no room for waits: nobody would hear that it was refused.
  if (over_quota_ == everyone_ && !incoming_.envelope.report)
    return Reply{552, "5.2.2", "Mailbox full"};
  return std::nullopt;
}

void HandOver::wait_for(std::vector<NewItem>& items, std::map<NextHop, std::size_t>& places,
                        const Fork& fork, const Target& target) const {
  NextHop hop;
  if (target.resolved.kind == Resolved::Kind::kMailbox)
    hop = {NextHop::Kind::kDatabase, target.resolved.database, {}};
  else if (services_.router)
    hop = services_.router->route(target.recipient, incoming_.message.size());
  const auto [place, fresh] = places.emplace(hop, items.size());
  if (fresh) items.push_back({std::move(hop), fork.envelope});
  items[place->second].envelope.recipients.push_back(target.recipient);
}

// Once, before it is kept: what is ours is signed, what is passed on is sealed.
Task<void> HandOver::sign(const Fork& fork, std::string& message) const {
  if (services_.authentication == nullptr) co_return;
  const Envelope& envelope = fork.envelope;
  mailauth::Outgoing outgoing{.message = message,
                              .ours = !envelope.user.is_nil() || envelope.client_address.empty(),
                              .sender = envelope.sender,
                              .via = {},
                              .verdicts = incoming_.verdicts.get()};
  if (!outgoing.ours && !fork.targets.empty()) {
    const Recipient& first = fork.targets.front().recipient;
    const std::string& to = first.original.empty() ? first.address : first.original;
    outgoing.via = to.substr(to.rfind('@') + 1);
  }
  message.insert(0, co_await services_.authentication->sign(std::move(outgoing)));
}

Task<Result<>> HandOver::enqueue_waiting() {
  for (std::size_t f = 0; f < plan_.forks.size(); ++f) {
    const Fork& fork = plan_.forks[f];
    std::vector<NewItem> items;
    std::map<NextHop, std::size_t> places;
    for (std::size_t i = 0; i < fork.targets.size(); ++i) {
      if (!is_delivered(outcomes_[f][i])) wait_for(items, places, fork, fork.targets[i]);
    }
    if (items.empty()) continue;
    auto whole = std::make_shared<std::string>();
    whole->reserve(fork.prefix.size() + incoming_.prefix.size() + incoming_.message.size());
    whole->append(fork.prefix).append(incoming_.prefix).append(incoming_.message);
    const bool leaves = std::ranges::any_of(
        items, [](const NewItem& item) { return item.hop.kind != NextHop::Kind::kDatabase; });
    if (leaves) co_await sign(fork, *whole);
    const std::vector<NewItem> queued = items;
    CO_TRY(co_await services_.queue.enqueue(std::move(items), std::move(whole)));
    for (const NewItem& item : queued) track_queued(item);
  }
  co_return Result<>{};
}

void HandOver::track_received() const {
  if (services_.tracker == &no_tracker()) return;
  const Envelope& envelope = incoming_.envelope;
  const std::string_view given = header_field(incoming_.message, "message-id");
  TrackedEvent event{.event = TrackEvent::kReceive,
                     .message = envelope.network.is_nil() ? envelope.delivery : envelope.network,
                     .session = envelope.session,
                     .message_id = given.empty() ? header_field(incoming_.prefix, "message-id") : given,
                     .sender = envelope.sender,
                     .source = envelope.connector,
                     .remote = envelope.client_address,
                     .subject = header_field(incoming_.message, "subject"),
                     .bytes = incoming_.prefix.size() + incoming_.message.size()};
  for (const TakenRecipient& taken : incoming_.recipients)
    event.recipients.push_back(taken.recipient.address);
  services_.tracker->record(event);
}

void HandOver::track_delivered(const Fork& fork, const Target& target,
                               TargetOutcome outcome) const {
  if (services_.tracker == &no_tracker()) return;
  const Envelope& envelope = fork.envelope;
  services_.tracker->record(
      {.event = outcome == TargetOutcome::kDuplicate ? TrackEvent::kDuplicateDeliver
                                                     : TrackEvent::kDeliver,
       .message = envelope.network.is_nil() ? envelope.delivery : envelope.network,
       .session = envelope.session,
       .sender = envelope.sender,
       .recipients = {target.recipient.address},
       .source = target.resolved.database,
       .status = "250 2.0.0 Ok",
       .detail = target.resolved.label,
       .bytes = incoming_.prefix.size() + incoming_.message.size()});
}

void HandOver::track_queued(const NewItem& item) const {
  if (services_.tracker == &no_tracker()) return;
  const Envelope& envelope = item.envelope;
  const std::string queue = queue_name(item.hop);
  TrackedEvent event{.event = TrackEvent::kTransfer,
                     .message = envelope.network.is_nil() ? envelope.delivery : envelope.network,
                     .session = envelope.session,
                     .sender = envelope.sender,
                     .source = queue,
                     .bytes = incoming_.prefix.size() + incoming_.message.size()};
  for (const Recipient& recipient : envelope.recipients)
    event.recipients.push_back(recipient.address);
  services_.tracker->record(event);
}

Reply HandOver::refuse(Reply reply) const {
  if (services_.tracker == &no_tracker()) return reply;
  const Envelope& envelope = incoming_.envelope;
  const std::string status = fmt::format("{} {} {}", reply.code, reply.enhanced, reply.text);
  services_.tracker->record(
      {.event = TrackEvent::kRefuse,
       .message = envelope.network.is_nil() ? envelope.delivery : envelope.network,
       .session = envelope.session,
       .sender = envelope.sender,
       .source = envelope.connector,
       .remote = envelope.client_address,
       .status = status});
  return reply;
}

Reply kept_nowhere(const Error& error) {
  log::error("receive.queue_failed", {{"error", error}});
  if (error.code == ErrorCode::kExhausted) return {452, "4.3.1", "Insufficient system storage"};
  return {451, "4.3.0", "Try again later"};
}

// Who has it already must not get it twice when it is sent again.
Reply HandOver::refuse_half_taken(const Error& error) {
  const Envelope& envelope = incoming_.envelope;
  if (by_client_ && (half_taken_ || delivered_ > 0)) {
    services_.half_taken.note(envelope.sender, incoming_.message, envelope.delivery,
                              services_.clock.now());
  }
  return refuse(kept_nowhere(error));
}

Task<Result<Reply>> HandOver::run() {
  if (by_client_) {
    Envelope& envelope = incoming_.envelope;
    const auto before =
        services_.half_taken.take(envelope.sender, incoming_.message, services_.clock.now());
    if (before) envelope.delivery = *before;
    half_taken_ = before.has_value();
  }
  track_received();
  if (auto planned = co_await plan(); !planned) co_return refuse_half_taken(planned.error());
  outcomes_.resize(plan_.forks.size());
  for (std::size_t f = 0; f < plan_.forks.size(); ++f) {
    CO_TRY(co_await deliver(plan_.forks[f], outcomes_[f]));
  }
  if (auto refused = refusal()) co_return refuse(std::move(*refused));
  if (delivered_ < everyone_) {
    if (auto queued = co_await enqueue_waiting(); !queued)
      co_return refuse_half_taken(queued.error());
  }
  if (needs_reports(plan_, outcomes_)) {
    auto told = co_await send_reports(services_, plan_, outcomes_,
                                      incoming_.prefix + incoming_.message);
    if (!told) co_return refuse_half_taken(told.error());
  }
  co_return Reply{250, "2.0.0", "Ok, id " + incoming_.id};
}

}  // namespace

Task<Result<Reply>> hand_over(Services& services, Incoming incoming) {
  HandOver work(services, std::move(incoming), true);
  co_return co_await work.run();
}

Task<Result<>> submit_internal(Services& services, Envelope envelope, std::string message) {
  Incoming incoming;
  incoming.id = to_hex(envelope.delivery.as_bytes());
  for (Recipient& recipient : std::exchange(envelope.recipients, {})) {
    Resolved resolved = services.directory.resolve(recipient.address);
    std::string path = recipient.address;
    incoming.recipients.push_back({std::move(recipient), std::move(path), std::move(resolved)});
  }
  incoming.envelope = std::move(envelope);
  incoming.message = std::move(message);
  HandOver work(services, std::move(incoming), false);
  CO_TRY_ASSIGN(const Reply reply, co_await work.run());
  if (!reply.is_failure()) co_return Result<>{};
  co_return fail(reply.code < 500 ? ErrorCode::kUnavailable : ErrorCode::kDenied,
                 smtp::to_string(reply));
}

}  // namespace hauspost::transport
