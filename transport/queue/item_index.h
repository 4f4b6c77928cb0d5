// ItemIndex: the order in which a queue's items are tried. About twenty bytes an item, however long
// the queue; what else is known of an item stays in the store.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

namespace hauspost::transport {

inline constexpr std::uint32_t kNever = UINT32_MAX;

// Times are Unix seconds.
struct IndexedItem {
  std::uint32_t uid = 0;
  std::uint32_t due_s = 0;       // not tried before; kNever: only when told
  std::uint32_t age_s = kNever;  // its sender is to hear something, or it expires
  std::uint16_t sender = 0;      // lane(): items of one sender share it
  std::int8_t priority = 0;
  bool urgent = false;  // an administrator wants it tried now
};

// An item may stand in it twice: whoever takes one looks into the store whether it is still there.
class ItemIndex {
 public:
  // Sixteen bits of a sender: those who share one by chance share a turn.
  static std::uint16_t lane(std::string_view sender);

  void add(IndexedItem item);
  // In front of its sender's others: it has had its turn and nothing came of it.
  void put_back(IndexedItem item);
  // The next item that is due: highest priority first, within one each sender in turn, of a sender
  // the oldest.
  std::optional<IndexedItem> take(std::uint32_t now_s);
  bool has_due(std::uint32_t now_s);
  // When the first of those that wait is due; nullopt: none waits.
  std::optional<std::uint32_t> next_due() const;
  // All items become due.
  void make_due();
  // Takes out those whose age_s has come.
  std::vector<IndexedItem> take_aged(std::uint32_t now_s);
  // No item's age_s is earlier; may itself be earlier than the earliest.
  std::uint32_t earliest_age() const { return earliest_age_; }
  std::size_t size() const { return waiting_.size() + ready_; }
  bool empty() const { return size() == 0; }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  struct Node {
    IndexedItem item;
    std::uint32_t next = kNone;
  };
  struct Lane {
    std::uint32_t first = kNone;
    std::uint32_t last = kNone;
  };
  struct Level {
    std::map<std::uint16_t, Lane> lanes;  // those that hold something
    std::uint16_t turn = 0;               // the lane that was served last
  };

  void make_ready(IndexedItem item, bool in_front);
  void promote(std::uint32_t now_s);
  void give_back_memory();
  std::vector<IndexedItem> take_all();

  std::vector<IndexedItem> waiting_;  // a heap: the first due on top
  std::vector<Node> nodes_;           // of the lanes
  std::uint32_t free_ = kNone;        // list of nodes not in use
  std::size_t ready_ = 0;
  std::map<int, Level, std::greater<>> levels_;  // by priority
  std::uint32_t earliest_age_ = kNever;
};

}  // namespace hauspost::transport
