#include "transport/dns/cache.h"

namespace hauspost::dns {

namespace {

constexpr std::size_t kOverheadBytes = 200;  // of an entry, about

std::size_t bytes_of(const Cache::Entry& entry) {
  std::size_t bytes = kOverheadBytes + 2 * entry.key.second.size() + entry.answer.canonical.size();
  for (const std::string& record : entry.answer.records)
    bytes += sizeof(std::string) + record.size();
  return bytes;
}

Seconds left(Cache::Time until, Cache::Time now) {
  return std::chrono::duration_cast<Seconds>(until - now);
}

}  // namespace

const Cache::Entry* Cache::find(const Key& key, Time now) {
  const auto found = entries_.find(key);
  if (found == entries_.end() || found->second->until <= now) {
    if (found != entries_.end()) erase(found);
    ++misses_;
    return nullptr;
  }
  ++hits_;
  recent_.splice(recent_.begin(), recent_, found->second);
  Kept& kept = *found->second;
  kept.entry.answer.ttl = left(kept.until, now);
  return &kept.entry;
}

void Cache::put(Entry entry, Time now) {
  if (entry.answer.outcome == Outcome::kTemporary || entry.answer.ttl <= Seconds(0)) return;
  const std::size_t bytes = bytes_of(entry);
  if (bytes > limits_.bytes_max / 8 || limits_.entries_max == 0) return;
  if (const auto old = entries_.find(entry.key); old != entries_.end()) erase(old);
  while (!recent_.empty() &&
         (entries_.size() >= limits_.entries_max || bytes_ + bytes > limits_.bytes_max))
    erase(entries_.find(recent_.back().entry.key));
  const Time until = now + entry.answer.ttl;
  recent_.push_front(Kept{std::move(entry), until, bytes});
  entries_.emplace(recent_.front().entry.key, recent_.begin());
  bytes_ += bytes;
}

void Cache::erase(std::map<Key, Recent::iterator>::iterator which) {
  bytes_ -= which->second->bytes;
  recent_.erase(which->second);
  entries_.erase(which);
}

std::size_t Cache::forget(std::string_view name) {
  std::size_t count = 0;
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto next = std::next(it);
    if (name.empty() || it->first.second == name) {
      erase(it);
      ++count;
    }
    it = next;
  }
  return count;
}

std::vector<Cache::Entry> Cache::list(std::size_t most, Time now) const {
  std::vector<Entry> all;
  for (const auto& [key, kept] : entries_) {
    if (all.size() >= most) break;
    if (kept->until <= now) continue;
    all.push_back(kept->entry);
    all.back().answer.ttl = left(kept->until, now);
  }
  return all;
}

Cache::Counts Cache::counts() const { return {entries_.size(), bytes_, hits_, misses_}; }

}  // namespace hauspost::dns
