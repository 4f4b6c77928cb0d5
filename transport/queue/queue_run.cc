// The queue's clockwork: which queue may try something now, and when to look again.
#include "base/deadline.h"
#include "base/log.h"
#include "transport/queue/queue_engine.h"

namespace hauspost::transport {

namespace {

constexpr Seconds kRounds{60};             // how often ageing and empty queues are looked at
constexpr Seconds kConfigurationPoll{2};   // and the configuration
constexpr Seconds kConfigurationApart{5};  // what is unreachable is routed again no more often
constexpr Seconds kEmptyKept{180};         // an empty queue is forgotten then
constexpr std::size_t kRetiredMax = 200;   // in one round
constexpr Seconds kMinute{60};

}  // namespace

Task<void> QueueEngine::run(QueueWorld world) {
  world_ = &world;
  if (auto moved = co_await poison_suspects(); !moved)
    log::error("queue.poison_kept", {{"error", moved.error()}});
  TaskGroup tasks(executor_);
  tasks.spawn("queue.load", load_all());
  for (;;) {
    look_again_ = false;
    notice_configuration();
    begin_due(tasks);
    age_due(tasks);
    retire_empty(tasks);
    Duration wait = world.configuration ? kConfigurationPoll : kRounds;
    if (!timers_.empty())
      wait = std::min(wait, std::max(timers_.begin()->first - clock_.steady(), Duration::zero()));
    Deadline alarm(executor_, [this] { look(); });
    alarm.start(wait);
    bool stopped = was_cancelled(co_await asio::this_coro::cancellation_state);
    while (!look_again_ && !stopped) stopped = !co_await changed_.wait();
    if (stopped) break;
  }
  tasks.stop();
  co_await tasks.join();
  world_ = nullptr;
}

void QueueEngine::look() {
  look_again_ = true;
  changed_.notify_all();
}

void QueueEngine::wake(HopQueue& queue) {
  arrange(queue);
  look();
}

// A hop that failed is tried by one at a time.
bool QueueEngine::may_begin(HopQueue& queue) {
  if (!queue.hop || queue.suspended) return false;
  const std::uint32_t limit =
      queue.failures > 0 ? 1 : std::min(queue.limit, options_.hop_connections_max);
  if (queue.in_flight.size() >= limit) return false;
  if (!queue.index.has_due(unix_seconds(clock_.now()))) return false;
  const SteadyTime now = clock_.steady();
  if (queue.retry_at > now) return false;
  const std::uint32_t rate = options_.hop_messages_a_minute;
  return rate == 0 || queue.begun_in_minute < rate || queue.minute_began + kMinute <= now;
}

// When something may begin that may not now; nullopt: not before something else happens.
std::optional<SteadyTime> QueueEngine::next_look(HopQueue& queue) const {
  if (!queue.hop || queue.suspended || queue.index.empty()) return std::nullopt;
  const std::uint32_t now_s = unix_seconds(clock_.now());
  SteadyTime time = queue.retry_at;
  if (options_.hop_messages_a_minute > 0 && queue.begun_in_minute >= options_.hop_messages_a_minute)
    time = std::max(time, queue.minute_began + kMinute);
  if (!queue.index.has_due(now_s)) {
    const auto due = queue.index.next_due();
    if (!due) return std::nullopt;
    time = std::max(time, clock_.steady() + Seconds(*due - now_s));
  }
  // Nothing but its own attempts is in the way: their end says so.
  if (time <= clock_.steady()) return std::nullopt;
  return time;
}

void QueueEngine::set_timer(HopQueue& queue, std::optional<SteadyTime> time) {
  if (queue.timer == time) return;
  if (queue.timer) timers_.erase({*queue.timer, &queue});
  queue.timer = time;
  if (time) timers_.emplace(*time, &queue);
}

void QueueEngine::arrange(HopQueue& queue) {
  if (may_begin(queue)) {
    set_timer(queue, std::nullopt);
    if (!std::exchange(queue.runnable, true)) runnable_.push_back(&queue);
    return;
  }
  set_timer(queue, next_look(queue));
}

// One attempt a queue in turn, so that a long queue keeps nobody from the limit of all.
void QueueEngine::begin_due(TaskGroup& tasks) {
  const SteadyTime now = clock_.steady();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    HopQueue& queue = *timers_.begin()->second;
    set_timer(queue, std::nullopt);
    arrange(queue);
  }
  std::vector<HopQueue*> round = std::exchange(runnable_, {});
  for (HopQueue* queue : round) queue->runnable = false;
  while (!round.empty()) {
    std::erase_if(round, [&](HopQueue* queue) {
      if (active_ >= options_.connections_max || !may_begin(*queue)) {
        arrange(*queue);
        return true;
      }
      begin_one(tasks, *queue);
      return false;
    });
  }
}

void QueueEngine::begin_one(TaskGroup& tasks, HopQueue& queue) {
  const auto entry = queue.index.take(unix_seconds(clock_.now()));
  // In twice, and just being tried: this one is not needed.
  if (!entry || !queue.in_flight.insert(entry->uid).second) return;
  const SteadyTime now = clock_.steady();
  if (queue.minute_began + kMinute <= now) {
    queue.minute_began = now;
    queue.begun_in_minute = 0;
  }
  ++queue.begun_in_minute;
  ++active_;
  tasks.spawn("queue.attempt", work_item(QueueUse(queue), *entry));
}

Task<void> QueueEngine::work_item(QueueUse queue, IndexedItem entry) {
  // Also when something throws: then the item is tried again some time.
  struct Place {
    QueueEngine& engine;
    HopQueue& queue;
    IndexedItem entry;
    bool in_order = false;
    ~Place() {
      queue.in_flight.erase(entry.uid);
      --engine.active_;
      queue.last_used = engine.clock_.steady();
      if (!in_order) {
        entry.due_s = unix_seconds(engine.clock_.now() + engine.options_.message_interval);
        queue.index.add(entry);
      }
      engine.wake(queue);
    }
  } place{*this, *queue, entry};
  co_await attempt(*queue, entry);
  place.in_order = true;
}

void QueueEngine::age_due(TaskGroup& tasks) {
  const SteadyTime now = clock_.steady();
  if (aged_at_ + kRounds > now) return;
  aged_at_ = now;
  const std::uint32_t now_s = unix_seconds(clock_.now());
  for (auto& [name, queue] : queues_) {
    // Elsewhere each attempt looks at the age of its item.
    if (!queue->is_unreachable() && (queue->failures == 0 || !queue->hop)) continue;
    if (queue->suspended || queue->index.earliest_age() > now_s) continue;
    auto aged = queue->index.take_aged(now_s);
    if (!aged.empty()) tasks.spawn("queue.age", age_queue(QueueUse(*queue), std::move(aged)));
  }
}

void QueueEngine::notice_configuration() {
  if (!world_->configuration) return;
  const SteadyTime now = clock_.steady();
  if (configuration_asked_ + kConfigurationPoll > now) return;
  if (configuration_changed_ + kConfigurationApart > now) return;
  const bool first = configuration_asked_ == SteadyTime::min();
  configuration_asked_ = now;
  const std::uint64_t version = world_->configuration();
  if (version == configuration_) return;
  configuration_changed_ = now;
  configuration_ = version;
  if (first) return;  // what is loaded is routed anyway
  for (auto& [name, queue] : queues_) {
    if (!queue->hop) continue;
    const bool nowhere = queue->is_local() && queue->hop->name.empty();
    if (queue->is_unreachable() || nowhere) {
      queue->index.make_due();
    } else if (queue->failures > 0) {
      // Its next attempt routes again: a connector may be gone, or another one may do.
      queue->retry_at = std::min(queue->retry_at, now + options_.glitch_interval);
    } else {
      continue;
    }
    wake(*queue);
  }
}

void QueueEngine::kick() {
  for (auto& [name, queue] : queues_) {
    if (!queue->is_local() && !queue->is_unreachable()) continue;
    queue->retry_at = SteadyTime::min();
    queue->failures = 0;
    queue->index.make_due();
    arrange(*queue);
  }
  look();
}

// Domains come and go: an empty queue would otherwise stay for ever.
void QueueEngine::retire_empty(TaskGroup& tasks) {
  const SteadyTime now = clock_.steady();
  if (tidied_at_ + kRounds > now) return;
  tidied_at_ = now;
  const store::Snapshot snapshot = database_->snapshot();
  std::vector<std::string> empty;
  for (auto& [name, queue] : queues_) {
    const bool remote = queue->hop && queue->hop->kind == NextHop::Kind::kConnector;
    if (!remote || queue->suspended || queue->users > 0 || queue->load_below > 1) continue;
    if (!queue->index.empty() || queue->last_used + kEmptyKept > now) continue;
    const auto folder = snapshot.folder(queue->folder);
    if (!folder || folder->messages > 0 || folder->has_children) continue;
    empty.push_back(name);
    if (empty.size() == kRetiredMax) break;
  }
  // Not above: a task begins at once, and takes its queue out of the map.
  for (std::string& name : empty) tasks.spawn("queue.retire", retire(std::move(name)));
  tasks.spawn("queue.net", drop_old_nets());
}

Task<void> QueueEngine::retire(std::string name) {
  const auto found = queues_.find(name);
  if (found == queues_.end() || found->second->users > 0 || !found->second->index.empty())
    co_return;
  set_timer(*found->second, std::nullopt);
  std::erase(runnable_, found->second.get());
  const store::FolderId folder = found->second->folder;
  queues_.erase(found);
  // From here on its name makes a new folder. The other way round somebody could be writing into
  // the one that goes.
  const auto gone = co_await database_->delete_folder({}, folder);
  if (!gone && gone.error().code != ErrorCode::kInvalid)
    log::warning("queue.retire", {{"queue", name}, {"error", gone.error()}});
}

}  // namespace hauspost::transport
