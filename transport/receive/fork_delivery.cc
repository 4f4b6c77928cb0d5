#include "transport/receive/fork_delivery.h"

#include "base/log.h"
#include "base/task_group.h"
#include "transport/trace.h"

namespace hauspost::transport {

namespace {

// Those behind one delivery socket whom one call serves, and what became of them.
struct Group {
  std::string_view database;
  std::string socket;
  DeliverRequest request;
  std::vector<std::size_t> targets;  // of the fork
  std::vector<std::size_t> places;   // of each of them, in request.targets
  Result<std::vector<DeliverResult>> results;
};

Group make_group(const Fork& fork, const Resolved& resolved) {
  Group group{resolved.database, resolved.socket, {}, {}, {}, {}};
  group.request.delivery = fork.envelope.delivery;
  group.request.session = fork.envelope.session;
  group.request.user = fork.envelope.user;
  group.request.internal_date_s =
      std::chrono::floor<Seconds>(fork.envelope.received).time_since_epoch().count();
  return group;
}

// Two addresses of one mailbox are one target.
void add_to(Group& group, const Fork& fork, std::size_t index) {
  const Resolved& resolved = fork.targets[index].resolved;
  auto& targets = group.request.targets;
  const auto same = std::find_if(targets.begin(), targets.end(), [&](const DeliverTarget& target) {
    return target.mailbox == resolved.mailbox;
  });
  group.places.push_back(static_cast<std::size_t>(same - targets.begin()));
  if (same == targets.end()) {
    targets.push_back({resolved.mailbox, resolved.label, fork.envelope.junk ? "Junk" : "INBOX"});
  }
  group.targets.push_back(index);
}

std::vector<Group> group_by_database(const Fork& fork) {
  std::vector<Group> groups;
  for (std::size_t i = 0; i < fork.targets.size(); ++i) {
    const Resolved& resolved = fork.targets[i].resolved;
    if (resolved.kind != Resolved::Kind::kMailbox) continue;
    auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& candidate) {
      return candidate.socket == resolved.socket &&
             candidate.request.targets.size() < kDeliverTargetsMax;
    });
    if (group == groups.end()) {
      groups.push_back(make_group(fork, resolved));
      group = groups.end() - 1;
    }
    add_to(*group, fork, i);
  }
  return groups;
}

Task<void> deliver_group(Services& services, const std::vector<std::string_view>& parts,
                         Group& group) {
  group.results = co_await services.deliveries.deliver(group.socket, group.request, parts,
                                                       services.limits.delivery_timeout);
  if (!group.results) co_return;
  for (std::size_t i = 0; i < group.results->size(); ++i)
    services.full.note(group.request.targets[i].mailbox, (*group.results)[i].nearly_full);
}

TargetOutcome outcome_of(const DeliverResult& result) {
  switch (result.outcome) {
    case DeliverResult::Outcome::kDelivered: return TargetOutcome::kDelivered;
    case DeliverResult::Outcome::kDuplicate: return TargetOutcome::kDuplicate;
    case DeliverResult::Outcome::kExhausted: return TargetOutcome::kExhausted;
    case DeliverResult::Outcome::kOverQuota: return TargetOutcome::kOverQuota;
    case DeliverResult::Outcome::kRetry: break;
  }
  return TargetOutcome::kWaits;
}

void note_outcomes(const Group& group, std::vector<TargetOutcome>& outcomes) {
  if (!group.results) {
    log::warning("receive.delivery_waits",
                 {{"database", group.database}, {"error", group.results.error()}});
    return;
  }
  for (std::size_t i = 0; i < group.targets.size(); ++i)
    outcomes[group.targets[i]] = outcome_of((*group.results)[group.places[i]]);
}

}  // namespace

Task<std::vector<TargetOutcome>> deliver_fork(Services& services, const Fork& fork,
                                              std::vector<std::string_view> parts) {
  std::vector<TargetOutcome> outcomes(fork.targets.size(), TargetOutcome::kWaits);
  std::vector<Group> groups = group_by_database(fork);
  if (groups.empty()) co_return outcomes;
  const std::string return_path = return_path_field(fork.envelope.sender);
  parts.insert(parts.begin(), return_path);
  {
    TaskGroup others(co_await asio::this_coro::executor);
    for (std::size_t i = 1; i < groups.size(); ++i)
      others.spawn("receive.deliver", deliver_group(services, parts, groups[i]));
    co_await deliver_group(services, parts, groups.front());
    if (was_cancelled(co_await asio::this_coro::cancellation_state)) others.stop();
    co_await others.join();
  }
  for (const Group& group : groups) note_outcomes(group, outcomes);
  co_return outcomes;
}

}  // namespace hauspost::transport
