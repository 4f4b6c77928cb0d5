// The Safety Net: items that were delivered into a database are kept for a while, one folder an
// hour, so that what a database lost can be delivered again.
#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "transport/queue/queue_engine.h"

namespace hauspost::transport {

namespace {

constexpr Seconds kHour{3600};

std::string net_of(const HopQueue& queue, WallTime now) {
  const std::string_view path = queue.name;
  const std::size_t slash = path.find(store::kHierarchySeparator);
  const auto hour = std::chrono::floor<std::chrono::hours>(now).time_since_epoch().count();
  return fmt::format("{}{}/{}", kSafetyNetPrefix,
                     slash == path.npos ? std::string_view("-") : path.substr(slash + 1), hour);
}

struct Net {
  std::string_view database;  // as a level of a path
  WallTime begins;
};
std::optional<Net> net_named(std::string_view name) {
  if (!name.starts_with(kSafetyNetPrefix)) return std::nullopt;
  name.remove_prefix(kSafetyNetPrefix.size());
  const std::size_t slash = name.find(store::kHierarchySeparator);
  if (slash == name.npos) return std::nullopt;
  constexpr std::uint64_t kHoursMax = 10'000'000;
  const auto hour = parse_u64(name.substr(slash + 1));
  if (!hour || *hour > kHoursMax) return std::nullopt;
  return Net{name.substr(0, slash), WallTime(std::chrono::hours(static_cast<std::int64_t>(*hour)))};
}

}  // namespace

Task<Result<>> QueueEngine::keep(HopQueue& queue, const StoredItem& item, const Envelope& delivered,
                                 bool whole) {
  CO_TRY_ASSIGN(const QueueUse net, co_await queue_of(net_of(queue, clock_.now())));
  if (whole) {
    CO_TRY_ASSIGN(const auto moved, co_await move_item(queue, item.uid, *net));
    if (moved && delivered.recipients.size() != item.envelope.recipients.size())
      CO_TRY(co_await rewrite(*net, *moved, delivered));
    co_return Result<>{};
  }
  CO_TRY_ASSIGN(
      const auto copied,
      co_await database_->copy({}, queue.folder, {{item.uid.value, item.uid.value}}, net->folder));
  if (copied.to.empty()) co_return Result<>{};
  ++net->taken;
  co_return co_await rewrite(*net, copied.to.front(), delivered);
}

Task<void> QueueEngine::drop_old_nets() {
  std::vector<std::string> old;
  for (const auto& [name, queue] : queues_) {
    const auto net = net_named(name);
    if (net && queue->users == 0 && net->begins + kHour + options_.safety_net <= clock_.now())
      old.push_back(name);
  }
  for (const std::string& name : old) {
    const auto found = queues_.find(name);
    if (found == queues_.end() || found->second->users > 0) continue;
    const store::FolderId folder = found->second->folder;
    queues_.erase(found);
    const auto gone = co_await database_->delete_folder({}, folder);
    if (!gone) log::warning("queue.safety_net", {{"queue", name}, {"error", gone.error()}});
  }
}

Task<Result<Resubmitted>> QueueEngine::resubmit(Resubmission what) {
  constexpr std::size_t kSlice = 200;
  const std::string database =
      what.database.empty() ? std::string()
                            : delivery_queue(what.database).substr(delivery_queue("").size() + 1);
  CO_TRY_ASSIGN(Cursor cursor, Cursor::parse(what.cursor));
  if (cursor.queue.empty()) cursor.queue = kSafetyNetPrefix;
  Resubmitted done;
  std::vector<std::pair<std::string, store::Uid>> chosen;
  {
    const store::Snapshot snapshot = database_->snapshot();
    std::size_t looked_at = 0;
    for (auto at = queues_.lower_bound(cursor.queue); at != queues_.end(); ++at) {
      const HopQueue& queue = *at->second;
      const auto net = net_named(queue.name);
      if (!net) break;
      if (!database.empty() && net->database != database) continue;
      if (net->begins > what.to || net->begins + kHour < what.from) continue;
      const std::uint32_t first = queue.name == cursor.queue ? cursor.uid + 1 : 1;
      const auto visit = [&](const store::Message& message) {
        if (looked_at++ == kSlice) return false;
        done.next = Cursor{queue.name, message.uid.value}.to_string();
        const WallTime delivered{Seconds(message.save_date_s)};
        if (delivered < what.from || delivered > what.to) return true;
        if (what.filter.empty() ||
            what.filter.matches(describe(queue, message, snapshot), clock_.now()))
          chosen.emplace_back(queue.name, message.uid);
        return true;
      };
      snapshot.for_each_message(queue.folder, {first, UINT32_MAX}, visit);
      if (looked_at > kSlice) break;
    }
    if (looked_at <= kSlice) done.next.clear();
  }
  for (const auto& [name, uid] : chosen) {
    ++done.items;
    if (what.dry_run) continue;
    CO_TRY(co_await put_back(name, uid));
  }
  co_return done;
}

// The item stays in the net: the next database that is lost may need it again.
Task<Result<>> QueueEngine::put_back(std::string net, store::Uid uid) {
  const HopQueue* queue = find(net);
  if (!queue) co_return Result<>{};
  CO_TRY_ASSIGN(const auto item, load(*queue, uid));
  if (!item) co_return Result<>{};
  Envelope envelope = item->envelope;
  envelope.received = clock_.now();
  envelope.next_attempt = clock_.now();
  envelope.attempts = 0;
  envelope.last_error.clear();
  envelope.report = true;
  envelope.redirected = false;
  track(TrackEvent::kResubmit, envelope, *queue, {}, {}, item->bytes);
  // Its first attempt routes each recipient to where the mailbox is now.
  CO_TRY_ASSIGN(const QueueUse to, co_await queue_of(std::string(kUnreachableQueue)));
  co_return co_await append_item(*to, envelope, *item);
}

}  // namespace hauspost::transport
