// The queue's moving part: run() starts a pass over each queue that is due, and a pass tries its
// items in a few lanes, so that they share the store's commits.
#include "base/deadline.h"
#include "base/log.h"
#include "base/text.h"
#include "transport/queue/queue_state.h"
#include "transport/trace.h"

namespace hauspost::transport {

namespace {

constexpr std::size_t kLanes = 8;

// A recipient group of one item: everyone behind one delivery socket.
struct Group {
  std::vector<Recipient> recipients;
  std::vector<std::size_t> target;  // of each recipient, into request.targets
  DeliverRequest request;

  // Two addresses of one mailbox are one target.
  void add(const Recipient& recipient, Resolved resolved) {
    auto& targets = request.targets;
    const auto found = std::find_if(targets.begin(), targets.end(), [&](const DeliverTarget& t) {
      return t.mailbox == resolved.mailbox;
    });
    target.push_back(static_cast<std::size_t>(found - targets.begin()));
    if (found == targets.end()) targets.push_back({resolved.mailbox, std::move(resolved.label)});
    recipients.push_back(recipient);
  }
};

std::string_view why_not(Resolved::Kind kind) {
  switch (kind) {
    case Resolved::Kind::kMailbox: break;
    case Resolved::Kind::kUnknown: return "no such recipient";
    case Resolved::Kind::kForeign: return "no send connector for this domain";
    case Resolved::Kind::kUnavailable: return "the directory cannot be read";
    case Resolved::Kind::kGroup:
    case Resolved::Kind::kExternal: return "no mailbox any more";
    case Resolved::Kind::kRelay: return "no send connector for this domain";
  }
  return {};
}

}  // namespace

Task<void> Queue::run(const Directory& directory, DeliveryClients& clients) {
  TaskGroup drains(executor_);
  for (;;) {
    look_again_ = false;
    const Duration wait = start_due(drains, directory, clients);
    Deadline alarm(executor_, [this] {
      look_again_ = true;
      changed_.notify_all();
    });
    alarm.start(wait);
    bool stopped = was_cancelled(co_await asio::this_coro::cancellation_state);
    while (!look_again_ && !stopped) stopped = !co_await changed_.wait();
    if (stopped) break;
  }
  drains.stop();
  co_await drains.join();
}

// Returns how long nothing will be due.
Duration Queue::start_due(TaskGroup& tasks, const Directory& directory, DeliveryClients& clients) {
  const SteadyTime now = clock_.steady();
  Duration wait = options_.retry_max;
  for (store::Folder& folder : queue_folders(database_->snapshot())) {
    if (folder.messages == 0) continue;
    State& state = state_of(folder.path);
    if (state.busy) continue;
    if (state.due > now) {
      wait = std::min(wait, state.due - now);
      continue;
    }
    state.busy = true;
    tasks.spawn("queue.drain", drain(std::move(folder), directory, clients));
  }
  return wait;
}

Task<void> Queue::drain(store::Folder folder, const Directory& directory,
                        DeliveryClients& clients) {
  State& state = state_of(folder.path);
  Drain pass{folder.id, directory, clients, state, std::exchange(state.urgent, false)};
  pass.uids = database_->snapshot().uids(folder.id);
  state.due = SteadyTime::max();
  state.grew = false;
  {
    TaskGroup lanes(executor_);
    const std::size_t count = std::min(kLanes, pass.uids.size());
    for (std::size_t i = 1; i < count; ++i) lanes.spawn("queue.lane", drain_lane(pass));
    co_await drain_lane(pass);
    if (was_cancelled(co_await asio::this_coro::cancellation_state)) lanes.stop();
    co_await lanes.join();
  }
  if (was_cancelled(co_await asio::this_coro::cancellation_state)) co_return;
  state.busy = false;
  if (pass.failed) {
    back_off(state, std::move(pass.error));
    log::warning("queue.waits", {{"queue", folder.path},
                                 {"seconds", std::chrono::floor<Seconds>(state.delay).count()},
                                 {"error", state.last_error}});
  } else {
    state.delay = {};
    state.attempts = 0;
    state.last_error.clear();
    Duration wait = state.grew ? options_.retry_first : options_.retry_max;
    if (pass.next_item) {
      const Duration until = std::max(*pass.next_item - clock_.now(), WallTime::duration{});
      wait = std::min(wait, until);
    }
    if (!state.urgent) state.due = clock_.steady() + wait;
  }
  look_again_ = true;
  changed_.notify_all();
}

void Queue::back_off(State& state, std::string error) {
  ++state.attempts;
  state.last_error = std::move(error);
  state.delay = state.delay == Duration::zero()
                    ? Duration(options_.retry_first)
                    : std::min(2 * state.delay, Duration(options_.retry_max));
  if (!state.urgent) state.due = clock_.steady() + state.delay;
}

Task<void> Queue::drain_lane(Drain& drain) {
  while (drain.next < drain.uids.size() && !drain.failed) {
    const store::Uid uid(drain.uids[drain.next++]);
    co_await try_item(drain, uid);
    co_await yield_now();
    if (was_cancelled(co_await asio::this_coro::cancellation_state)) co_return;
  }
}

Task<void> Queue::try_item(Drain& drain, store::Uid uid) {
  Attempt attempt;
  {
    const store::Snapshot snapshot = database_->snapshot();
    const auto message = snapshot.message(drain.folder, uid);
    if (!message) co_return;
    auto envelope = envelope_from_annotation(snapshot.annotation(drain.folder, uid));
    auto body = snapshot.body(message->body);
    if (!envelope || !body) {
      log::error("queue.unreadable",
                 {{"item", uid.value}, {"error", envelope ? body.error() : envelope.error()}});
      co_return;
    }
    attempt.envelope = std::move(*envelope);
    attempt.body = std::move(*body);
    attempt.received_s = message->internal_date_s;
  }
  const WallTime now = clock_.now();
  if (attempt.envelope.next_attempt > now && !drain.urgent) {
    const WallTime next = attempt.envelope.next_attempt;
    drain.next_item = drain.next_item ? std::min(*drain.next_item, next) : next;
    co_return;
  }
  if (!co_await deliver_recipients(drain, attempt)) co_return;
  if (auto settled = co_await settle(drain, uid, attempt); !settled) {
    drain.failed = true;
    drain.error = settled.error().text;
  }
}

// Leaves in attempt.left who has not got the message. False: the item stays as it is.
Task<bool> Queue::deliver_recipients(Drain& drain, Attempt& attempt) {
  std::map<std::string, Group> groups;
  for (const Recipient& recipient : attempt.envelope.recipients) {
    Resolved resolved = drain.directory.resolve(recipient.address);
    if (resolved.kind != Resolved::Kind::kMailbox) {
      attempt.left.push_back(recipient);
      attempt.error = recipient.address + ": " + std::string(why_not(resolved.kind));
      continue;
    }
    Group& group = groups[resolved.socket];
    group.add(recipient, std::move(resolved));
  }
  const std::string return_path = return_path_field(attempt.envelope.sender);
  for (auto& [socket, group] : groups) {
    group.request.delivery = attempt.envelope.delivery;
    group.request.session = attempt.envelope.session;
    group.request.user = attempt.envelope.user;
    group.request.internal_date_s = attempt.received_s;
    auto results = co_await drain.clients.deliver(
        socket, group.request, {return_path, attempt.body.bytes}, options_.delivery_timeout);
    if (!results) {
      drain.failed = true;
      drain.error = results.error().text;
      attempt.left.insert(attempt.left.end(), group.recipients.begin(), group.recipients.end());
      continue;
    }
    // Who has it leaves the item: the delivery id is known there for some days only.
    for (std::size_t i = 0; i < group.recipients.size(); ++i) {
      const DeliverResult& result = (*results)[group.target[i]];
      if (result.is_delivered()) continue;
      attempt.refused = true;
      attempt.error = result.text;
      attempt.left.push_back(group.recipients[i]);
    }
  }
  const bool any_done = attempt.left.size() < attempt.envelope.recipients.size();
  co_return any_done || !drain.failed;
}

Duration Queue::item_delay(std::uint32_t attempts) const {
  constexpr std::uint32_t kDoublingsMax = 10;
  return std::min<Duration>(options_.retry_first * (1U << std::min(attempts, kDoublingsMax)),
                            options_.retry_max);
}

// Makes durable what the attempt achieved.
Task<Result<>> Queue::settle(Drain& drain, store::Uid uid, Attempt& attempt) {
  if (attempt.left.empty()) {
    CO_TRY(co_await database_->expunge({}, drain.folder, {{uid.value, uid.value}}, false));
    log::info("queue.delivered", {{"id", to_hex(attempt.envelope.delivery.as_bytes())},
                                  {"recipients", attempt.envelope.recipients.size()}});
    co_return Result<>{};
  }
  Envelope& envelope = attempt.envelope;
  const bool changed =
      attempt.left.size() != envelope.recipients.size() || attempt.error != envelope.last_error;
  // Nothing was tried for those who are nobody's or foreign: they wait for the directory to change,
  // and cost no write while it says the same.
  if (!changed && !attempt.refused) co_return Result<>{};
  envelope.recipients = std::move(attempt.left);
  envelope.last_error = attempt.error;
  if (attempt.refused) {
    const Duration wait = item_delay(envelope.attempts++);
    envelope.next_attempt = clock_.now() + std::chrono::floor<std::chrono::microseconds>(wait);
    drain.next_item =
        drain.next_item ? std::min(*drain.next_item, envelope.next_attempt) : envelope.next_attempt;
  }
  co_return co_await database_->annotate({}, drain.folder, uid, to_annotation(envelope));
}

}  // namespace hauspost::transport
