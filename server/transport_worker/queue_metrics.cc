#include "server/transport_worker/queue_metrics.h"

#include <map>

namespace hauspost::transport_worker {

namespace {

constexpr std::size_t kLookedInto = 100;  // queues of each kind, for their oldest item

std::string_view kind_of(std::string_view queue) {
  constexpr std::pair<std::string_view, std::string_view> kKinds[] = {
      {"Delivery", "delivery"},
      {"Remote", "remote"},
      {transport::kUnreachableQueue, "unreachable"},
      {transport::kPoisonQueue, "poison"},
      {transport::kSafetyNetPrefix, "safety_net"}};
  for (const auto& [prefix, kind] : kKinds) {
    if (queue.starts_with(prefix)) return kind;
  }
  return "other";
}

struct Kind {
  std::map<std::string_view, std::uint64_t> items;  // by state
  std::uint64_t bytes = 0;
  std::uint64_t queues = 0;
  std::uint64_t active = 0;
  std::optional<WallTime> oldest;
};

// What came first stands first.
std::optional<WallTime> oldest_of(const transport::Queue& queue, const std::string& name) {
  transport::ItemWalk walk;
  walk.queue = name;
  walk.limit = 1;
  const auto page = queue.list(walk);
  if (!page || page->items.empty()) return std::nullopt;
  return page->items.front().received;
}

void tell(std::string_view kind, const Kind& of, WallTime now, metrics::Snapshot& out) {
  const auto with = [&](std::string_view name, std::string_view help, double value) {
    out.gauge(name, help, value, {{"queue", std::string(kind)}});
  };
  for (const auto& [state, items] : of.items) {
    out.gauge("hauspost_queue_items", "Items in queues, by kind of queue and its state.",
              static_cast<double>(items),
              {{"queue", std::string(kind)}, {"state", std::string(state)}});
  }
  with("hauspost_queues", "Queues with something in them, by kind.",
       static_cast<double>(of.queues));
  with("hauspost_queue_bytes", "Size of what waits, by kind of queue.",
       static_cast<double>(of.bytes));
  with("hauspost_queue_attempts", "Attempts under way, by kind of queue.",
       static_cast<double>(of.active));
  const auto age = of.oldest ? std::chrono::duration<double>(now - *of.oldest).count() : 0.0;
  with("hauspost_queue_oldest_seconds", "Age of the oldest item, by kind of queue.",
       std::max(age, 0.0));
}

}  // namespace

void measure_queues(const transport::Queue& queue, WallTime now, metrics::Snapshot& out) {
  // The usual ones are told also while nothing stands in them.
  std::map<std::string_view, Kind> kinds;
  for (const std::string_view usual : {"delivery", "remote", "unreachable", "poison"})
    kinds[usual].items["ready"] = 0;
  for (const transport::QueueSummary& summary : queue.summaries()) {
    Kind& kind = kinds[kind_of(summary.queue)];
    kind.items[to_string(summary.state)] += summary.items;
    kind.bytes += summary.bytes;
    kind.active += summary.active;
    if (++kind.queues > kLookedInto) continue;
    const auto oldest = oldest_of(queue, summary.queue);
    if (oldest && (!kind.oldest || *oldest < *kind.oldest)) kind.oldest = oldest;
  }
  for (const auto& [name, kind] : kinds) tell(name, kind, now, out);
}

}  // namespace hauspost::transport_worker
