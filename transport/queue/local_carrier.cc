#include "transport/queue/local_carrier.h"

#include <algorithm>
#include <map>

#include "transport/trace.h"

namespace hauspost::transport {

namespace {

using Kind = RecipientResult::Kind;

// Everyone behind one delivery socket.
struct Group {
  DeliverRequest request;
  std::vector<std::size_t> recipients;  // of the envelope
  std::vector<std::size_t> target;      // of each of them, into request.targets

  // Two addresses of one mailbox are one target.
  void add(std::size_t recipient, Resolved resolved, bool junk) {
    auto& targets = request.targets;
    const auto found = std::ranges::find(targets, resolved.mailbox, &DeliverTarget::mailbox);
    target.push_back(static_cast<std::size_t>(found - targets.begin()));
    recipients.push_back(recipient);
    if (found == targets.end()) {
      targets.push_back({resolved.mailbox, std::move(resolved.label), junk ? "Junk" : "INBOX"});
    }
  }
};

RecipientResult without_mailbox(Resolved::Kind kind) {
  switch (kind) {
    case Resolved::Kind::kUnknown: return {Kind::kFailed, "5.1.1", "no such recipient", {}};
    case Resolved::Kind::kUnavailable:
      return {Kind::kDeferred, "4.3.0", "the directory cannot be read", {}};
    default: break;
  }
  return {Kind::kDeferred, "4.4.4", "the address has no mailbox here any more", {}};
}

bool is_something_else(Resolved::Kind kind) {
  return kind != Resolved::Kind::kMailbox && kind != Resolved::Kind::kUnknown &&
         kind != Resolved::Kind::kUnavailable;
}

RecipientResult from(const DeliverResult& result) {
  using Outcome = DeliverResult::Outcome;
  switch (result.outcome) {
    case Outcome::kDelivered:
    case Outcome::kDuplicate: return {Kind::kDelivered, "2.1.5", {}, {}};
    case Outcome::kOverQuota: return {Kind::kDeferred, "4.2.2", "the mailbox is full", {}};
    case Outcome::kExhausted: return {Kind::kDeferred, "4.3.1", result.text, {}};
    case Outcome::kRetry: break;
  }
  return {Kind::kDeferred, "4.2.0", result.text, {}};
}

}  // namespace

Task<CarryReport> LocalCarrier::carry(const NextHop&, const Envelope& envelope,
                                      std::string_view message) {
  CarryReport report;
  report.recipients.resize(envelope.recipients.size());
  std::map<std::string, Group> groups;
  for (std::size_t i = 0; i < envelope.recipients.size(); ++i) {
    Resolved resolved = directory_.resolve(envelope.recipients[i].address);
    if (resolved.kind == Resolved::Kind::kMailbox) {
      Group& group = groups[resolved.socket];
      group.add(i, std::move(resolved), envelope.junk);
    } else if (again_ && is_something_else(resolved.kind)) {
      report.recipients[i] = co_await submit_again(envelope, envelope.recipients[i], message);
    } else {
      report.recipients[i] = without_mailbox(resolved.kind);
    }
  }
  const std::string return_path = return_path_field(envelope.sender);
  bool any_known = groups.empty();
  for (auto& [socket, group] : groups) {
    group.request.delivery = envelope.delivery;
    group.request.session = envelope.session;
    group.request.user = envelope.user;
    group.request.internal_date_s =
        std::chrono::floor<Seconds>(envelope.received).time_since_epoch().count();
    const auto results =
        co_await clients_.deliver(socket, group.request, {return_path, message}, timeout_);
    any_known = any_known || results;
    if (!results) report.error = results.error().text;
    for (std::size_t i = 0; i < group.recipients.size(); ++i) {
      report.recipients[group.recipients[i]] =
          results ? from((*results)[group.target[i]])
                  : RecipientResult{Kind::kDeferred, "4.3.2", results.error().text, {}};
    }
  }
  const bool all_wait = std::ranges::all_of(
      report.recipients, [](const RecipientResult& r) { return r.kind == Kind::kDeferred; });
  report.hop_failed = !any_known && all_wait;
  co_return report;
}

// Who gets it now, and the reports about them, are no matter of this item any more.
Task<RecipientResult> LocalCarrier::submit_again(Envelope envelope, Recipient recipient,
                                                 std::string_view message) {
  envelope.recipients = {std::move(recipient)};
  const auto done = co_await again_(std::move(envelope), std::string(message));
  if (done) co_return RecipientResult{Kind::kRelayed, "2.1.5", {}, {}};
  const bool never = done.error().code == ErrorCode::kDenied;
  co_return RecipientResult{
      never ? Kind::kFailed : Kind::kDeferred, never ? "5.7.1" : "4.3.0", done.error().text, {}};
}

Task<CarryReport> CarrierSet::carry(const NextHop& hop, const Envelope& envelope,
                                    std::string_view message) {
  if (hop.kind == NextHop::Kind::kDatabase) co_return co_await local_.carry(hop, envelope, message);
  if (remote_) co_return co_await remote_->carry(hop, envelope, message);
  co_return CarryReport{
      .hop_failed = true, .error = "nothing here sends mail out", .recipients = {}};
}

}  // namespace hauspost::transport
