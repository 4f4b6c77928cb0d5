#include "transport/receive/hand_over.h"

#include "base/log.h"
#include "base/task_group.h"
#include "transport/trace.h"

namespace hauspost::transport {

namespace {

using smtp::Reply;

// Everyone behind one delivery socket, and what became of them.
struct Group {
  std::string database;
  std::string socket;
  DeliverRequest request;
  std::vector<const TakenRecipient*> recipients;
  std::vector<std::size_t> target;  // of each recipient, into request.targets
  Result<std::vector<DeliverResult>> results;
};

std::vector<Group> group_by_database(const Incoming& incoming) {
  std::vector<Group> groups;
  for (const TakenRecipient& taken : incoming.recipients) {
    if (taken.resolved.kind != Resolved::Kind::kMailbox) continue;
    auto group = std::find_if(groups.begin(), groups.end(),
                              [&](const Group& g) { return g.socket == taken.resolved.socket; });
    if (group == groups.end()) {
      groups.push_back({taken.resolved.database, taken.resolved.socket});
      group = groups.end() - 1;
      group->request.delivery = incoming.envelope.delivery;
      group->request.session = incoming.envelope.session;
      group->request.user = incoming.envelope.user;
      group->request.internal_date_s =
          std::chrono::floor<Seconds>(incoming.envelope.received).time_since_epoch().count();
    }
    // Two addresses of one mailbox are one target.
    auto& targets = group->request.targets;
    const auto target = std::find_if(targets.begin(), targets.end(), [&](const DeliverTarget& t) {
      return t.mailbox == taken.resolved.mailbox;
    });
    group->target.push_back(static_cast<std::size_t>(target - targets.begin()));
    if (target == targets.end()) {
      targets.push_back({taken.resolved.mailbox, taken.resolved.label,
                         incoming.envelope.junk ? "Junk" : "INBOX"});
    }
    group->recipients.push_back(&taken);
  }
  return groups;
}

Task<void> deliver_group(Services& services, const Incoming& incoming, std::string_view return_path,
                         Group& group) {
  group.results = co_await services.deliveries.deliver(
      group.socket, group.request, {return_path, incoming.prefix, incoming.message},
      services.limits.delivery_timeout);
  if (!group.results) co_return;
  for (std::size_t i = 0; i < group.results->size(); ++i)
    services.full.note(group.request.targets[i].mailbox, (*group.results)[i].nearly_full);
}

// Several databases work at the same time.
Task<void> deliver_all(Services& services, const Incoming& incoming, std::vector<Group>& groups) {
  const std::string return_path = return_path_field(incoming.envelope.sender);
  TaskGroup others(co_await asio::this_coro::executor);
  for (std::size_t i = 1; i < groups.size(); ++i) {
    others.spawn("receive.deliver", deliver_group(services, incoming, return_path, groups[i]));
  }
  if (!groups.empty()) co_await deliver_group(services, incoming, return_path, groups.front());
  if (was_cancelled(co_await asio::this_coro::cancellation_state)) others.stop();
  co_await others.join();
}

struct Outcome {
  std::size_t delivered = 0;
  std::size_t exhausted = 0;
  std::size_t over_quota = 0;
  std::vector<NewItem> waiting;

  void wait_for(const NextHop& hop, const Envelope& envelope, const Recipient& recipient) {
    auto item = std::find_if(waiting.begin(), waiting.end(),
                             [&](const NewItem& candidate) { return candidate.hop == hop; });
    if (item == waiting.end()) item = waiting.insert(item, {hop, envelope});
    item->envelope.recipients.push_back(recipient);
  }
};

Outcome sum_up(const Incoming& incoming, const std::vector<Group>& groups) {
  Outcome outcome;
  for (const Group& group : groups) {
    for (std::size_t i = 0; i < group.recipients.size(); ++i) {
      const DeliverResult* result = group.results ? &(*group.results)[group.target[i]] : nullptr;
      if (result && result->is_delivered()) {
        ++outcome.delivered;
        continue;
      }
      if (result && result->outcome == DeliverResult::Outcome::kExhausted) ++outcome.exhausted;
      if (result && result->outcome == DeliverResult::Outcome::kOverQuota) ++outcome.over_quota;
      outcome.wait_for({NextHop::Kind::kDatabase, group.database, {}}, incoming.envelope,
                       group.recipients[i]->recipient);
    }
    if (!group.results) {
      log::warning("receive.delivery_waits",
                   {{"database", group.database}, {"error", group.results.error()}});
    }
  }
  for (const TakenRecipient& taken : incoming.recipients) {
    if (taken.resolved.kind == Resolved::Kind::kMailbox) continue;
    outcome.wait_for(NextHop{}, incoming.envelope, taken.recipient);
  }
  return outcome;
}

Reply queue_failed(const Error& error) {
  log::error("receive.queue_failed", {{"error", error}});
  if (error.code == ErrorCode::kExhausted) return {452, "4.3.1", "Insufficient system storage"};
  return {451, "4.3.0", "Try again later"};
}

}  // namespace

Task<Result<Reply>> hand_over(Services& services, Incoming incoming) {
  std::vector<Group> groups = group_by_database(incoming);
  co_await deliver_all(services, incoming, groups);
  if (was_cancelled(co_await asio::this_coro::cancellation_state))
    co_return fail(ErrorCode::kCancelled, "receiving");
  Outcome outcome = sum_up(incoming, groups);
  const std::size_t everyone = incoming.recipients.size();
  if (outcome.exhausted == everyone) {
    co_return Reply{452, "4.3.1", "Insufficient system storage"};
  }
  // For some of several the one answer to DATA cannot speak: their copies wait for room.
  if (outcome.over_quota == everyone) co_return Reply{552, "5.2.2", "Mailbox full"};
  if (!outcome.waiting.empty()) {
    auto whole = std::make_shared<std::string>(std::move(incoming.prefix));
    *whole += incoming.message;
    auto queued = co_await services.queue.enqueue(std::move(outcome.waiting), std::move(whole));
    if (!queued) co_return queue_failed(queued.error());
  }
  log::info("message.received", {{"id", incoming.id},
                                 {"from", incoming.envelope.sender},
                                 {"bytes", incoming.message.size()},
                                 {"recipients", everyone},
                                 {"delivered", outcome.delivered}});
  co_return Reply{250, "2.0.0", "Ok, id " + incoming.id};
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
  CO_TRY_ASSIGN(const Reply reply, co_await hand_over(services, std::move(incoming)));
  if (!reply.is_failure()) co_return Result<>{};
  co_return fail(ErrorCode::kUnavailable, smtp::to_string(reply));
}

}  // namespace hauspost::transport
