#include "transport/queue/item_index.h"

#include <algorithm>
#include <functional>

#include "base/random.h"

namespace hauspost::transport {

namespace {

// The first due on top; of those due together the oldest.
bool later(const IndexedItem& a, const IndexedItem& b) {
  return a.due_s != b.due_s ? a.due_s > b.due_s : a.uid > b.uid;
}

}  // namespace

// Salted, so that nobody can choose whose turns to share.
std::uint16_t ItemIndex::lane(std::string_view sender) {
  static const std::uint64_t salt = random_u64();
  constexpr std::uint64_t kPrime = 1099511628211ULL;
  constexpr unsigned kShift = 48;
  std::uint64_t hash = salt;
  for (const char c : sender) hash = (hash ^ static_cast<unsigned char>(c)) * kPrime;
  return static_cast<std::uint16_t>((hash * kPrime) >> kShift);
}

void ItemIndex::add(IndexedItem item) {
  earliest_age_ = std::min(earliest_age_, item.age_s);
  if (item.due_s == 0) {
    make_ready(item, false);
    return;
  }
  waiting_.push_back(item);
  std::ranges::push_heap(waiting_, later);
}

void ItemIndex::put_back(IndexedItem item) {
  earliest_age_ = std::min(earliest_age_, item.age_s);
  make_ready(item, true);
}

void ItemIndex::make_ready(IndexedItem item, bool in_front) {
  std::uint32_t at = free_;
  if (at == kNone) {
    at = static_cast<std::uint32_t>(nodes_.size());
    nodes_.push_back({item});
  } else {
    free_ = nodes_[at].next;
    nodes_[at] = {item};
  }
  Lane& lane = levels_[item.priority].lanes[item.sender];
  if (lane.first == kNone) {
    lane = {at, at};
  } else if (in_front) {
    nodes_[at].next = lane.first;
    lane.first = at;
  } else {
    nodes_[lane.last].next = at;
    lane.last = at;
  }
  ++ready_;
}

void ItemIndex::promote(std::uint32_t now_s) {
  while (!waiting_.empty() && waiting_.front().due_s <= now_s) {
    std::ranges::pop_heap(waiting_, later);
    make_ready(waiting_.back(), false);
    waiting_.pop_back();
  }
}

bool ItemIndex::has_due(std::uint32_t now_s) {
  return ready_ > 0 || (!waiting_.empty() && waiting_.front().due_s <= now_s);
}

std::optional<IndexedItem> ItemIndex::take(std::uint32_t now_s) {
  promote(now_s);
  if (levels_.empty()) return std::nullopt;
  const auto level = levels_.begin();
  auto& lanes = level->second.lanes;
  auto lane = lanes.upper_bound(level->second.turn);
  if (lane == lanes.end()) lane = lanes.begin();
  level->second.turn = lane->first;
  const std::uint32_t at = lane->second.first;
  const IndexedItem item = nodes_[at].item;
  lane->second.first = nodes_[at].next;
  nodes_[at].next = free_;
  free_ = at;
  --ready_;
  if (lane->second.first == kNone) lanes.erase(lane);
  if (lanes.empty()) levels_.erase(level);
  if (ready_ == 0) give_back_memory();
  return item;
}

void ItemIndex::give_back_memory() {
  constexpr std::size_t kKept = 64;
  free_ = kNone;
  nodes_.clear();
  if (nodes_.capacity() > kKept) nodes_.shrink_to_fit();
  if (!waiting_.empty()) return;
  if (waiting_.capacity() > kKept) waiting_.shrink_to_fit();
  earliest_age_ = kNever;
}

std::optional<std::uint32_t> ItemIndex::next_due() const {
  if (waiting_.empty() || waiting_.front().due_s == kNever) return std::nullopt;
  return waiting_.front().due_s;
}

// In the order in which they would be tried.
std::vector<IndexedItem> ItemIndex::take_all() {
  std::vector<IndexedItem> all;
  all.reserve(size());
  for (const auto& [priority, level] : levels_) {
    for (const auto& [sender, lane] : level.lanes) {
      for (std::uint32_t at = lane.first; at != kNone; at = nodes_[at].next)
        all.push_back(nodes_[at].item);
    }
  }
  levels_.clear();
  ready_ = 0;
  std::ranges::sort(waiting_, [](const auto& a, const auto& b) { return later(b, a); });
  all.insert(all.end(), waiting_.begin(), waiting_.end());
  waiting_.clear();
  give_back_memory();
  return all;
}

void ItemIndex::make_due() {
  for (IndexedItem& item : take_all()) {
    item.due_s = 0;
    item.urgent = true;
    add(item);
  }
}

std::vector<IndexedItem> ItemIndex::take_aged(std::uint32_t now_s) {
  std::vector<IndexedItem> aged;
  if (earliest_age_ > now_s) return aged;
  for (const IndexedItem& item : take_all()) {
    if (item.age_s <= now_s)
      aged.push_back(item);
    else
      add(item);
  }
  return aged;
}

}  // namespace hauspost::transport
