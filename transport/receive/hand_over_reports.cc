#include "transport/receive/hand_over_reports.h"

#include "base/crypto/mac.h"
#include "base/log.h"
#include "protocols/smtp/address.h"
#include "transport/receive/hand_over.h"
#include "transport/resolve/postmaster.h"

namespace hauspost::transport {

namespace {

bool wants_success(const Target& target, TargetOutcome outcome) {
  return is_delivered(outcome) && (target.recipient.notify & smtp::kNotifySuccess) != 0;
}

// The directory's form of a reverse-path: the local part unquoted.
std::string plain_address(const std::string& path) {
  const auto parsed = smtp::address_from(path);
  return parsed ? parsed->local + "@" + parsed->domain : path;
}

std::vector<DsnRecipient> told_of(const Services& services, const Plan& plan, std::size_t fork,
                                  const std::vector<TargetOutcome>& outcomes) {
  using ResultKind = RecipientResult::Kind;
  const WallTime now = services.clock.now();
  std::vector<DsnRecipient> told;
  for (const Refused& refused : plan.refused) {
    if (refused.fork != fork || !is_wanted(refused.recipient, DsnAction::kFailed)) continue;
    told.push_back({refused.recipient,
                    DsnAction::kFailed,
                    {ResultKind::kFailed, std::string(refused.status), refused.text, {}},
                    now,
                    {}});
  }
  const std::vector<Target>& targets = plan.forks[fork].targets;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (!wants_success(targets[i], outcomes[i])) continue;
    told.push_back({targets[i].recipient,
                    DsnAction::kDelivered,
                    {ResultKind::kDelivered, "2.1.5", {}, {}},
                    now,
                    {}});
  }
  if (fork == 0) told.insert(told.end(), plan.expanded.begin(), plan.expanded.end());
  return told;
}

// The id follows from the message's and what is told: a repeated hand-over reports once, and what
// is found out of other recipients later is no repetition. Version 8, RFC 9562 section 5.8.
Guid report_id(const Envelope& original, const std::vector<DsnRecipient>& told) {
  std::string about(original.delivery.as_bytes());
  for (const DsnRecipient& one : told) {
    about += static_cast<char>('0' + static_cast<int>(one.action));
    about += one.recipient.address;
    about += '\0';
  }
  const std::string digest = crypto::hash(crypto::Digest::kSha256, about);
  Guid id = *Guid::from_bytes(std::string_view(digest).substr(0, sizeof(Guid::bytes)));
  id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0F) | 0x80);
  id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3F) | 0x80);
  return id;
}

Envelope report_envelope(const Envelope& original, const std::vector<DsnRecipient>& told,
                         WallTime now) {
  Envelope envelope;
  envelope.delivery = report_id(original, told);
  envelope.recipients.push_back({plain_address(original.sender), smtp::kNotifyNever, {}});
  envelope.received = now;
  envelope.report = true;
  envelope.require_tls = original.require_tls;  // RFC 8689 section 5
  return envelope;
}

}  // namespace

bool needs_reports(const Plan& plan, const std::vector<std::vector<TargetOutcome>>& outcomes) {
  if (!plan.refused.empty() || !plan.expanded.empty()) return true;
  for (std::size_t f = 0; f < plan.forks.size(); ++f) {
    for (std::size_t i = 0; i < outcomes[f].size(); ++i) {
      if (wants_success(plan.forks[f].targets[i], outcomes[f][i])) return true;
    }
  }
  return false;
}

Task<Result<>> send_reports(Services& services, const Plan& plan,
                            const std::vector<std::vector<TargetOutcome>>& outcomes,
                            std::string message) {
  const DsnOptions options{services.hostname,
                           postmaster_address(services.directory, services.hostname)};
  for (std::size_t f = 0; f < plan.forks.size(); ++f) {
    const Envelope& original = plan.forks[f].envelope;
    const auto told = told_of(services, plan, f, outcomes[f]);
    if (told.empty()) continue;
    bool failures = false;
    for (const DsnRecipient& one : told) {
      if (one.action != DsnAction::kFailed) continue;
      failures = true;
      log::info("message.refused", {{"id", to_hex(original.delivery.as_bytes())},
                                    {"recipient", one.recipient.address},
                                    {"status", one.result.status},
                                    {"cause", one.result.diagnostic}});
    }
    if (original.sender.empty() || original.report) continue;
    const WallTime now = services.clock.now();
    Envelope envelope = report_envelope(original, told, now);
    services.tracker->record({.event = TrackEvent::kDsn,
                              .message = envelope.delivery,
                              .recipients = {envelope.recipients.front().address},
                              .source = "resolve",
                              .related = original.network.is_nil() ? original.delivery
                                                                   : original.network});
    auto sent = co_await submit_internal(services, std::move(envelope),
                                         compose_dsn(options, original, message, told, now));
    if (sent) continue;
    log::error("receive.report_failed", {{"error", sent.error()}});
    // Where the sender cannot be reached for good there is nobody to tell.
    if (failures && sent.error().code != ErrorCode::kDenied) co_return sent;
  }
  co_return Result<>{};
}

}  // namespace hauspost::transport
