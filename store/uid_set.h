// UidSet: sorted, disjoint, merged ranges of numbers. Used for UIDs and for message sequence
// numbers.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

namespace hauspost::store {

struct UidRange {
  std::uint32_t first = 0;
  std::uint32_t last = 0;  // inclusive; first <= last
  bool operator==(const UidRange&) const = default;
};

class UidSet {
 public:
  UidSet() = default;
  UidSet(std::initializer_list<UidRange> ranges) {
    for (const UidRange range : ranges) add(range);
  }

  // Any order, overlaps allowed. Appending in rising order is O(1), anything else O(ranges).
  void add(UidRange range);
  void add(std::uint32_t number) { add({number, number}); }

  bool contains(std::uint32_t number) const;  // O(log ranges)
  bool empty() const { return ranges_.empty(); }
  std::uint64_t count() const;  // numbers, not ranges
  std::span<const UidRange> ranges() const { return ranges_; }
  bool operator==(const UidSet&) const = default;

 private:
  std::vector<UidRange> ranges_;
};

}  // namespace hauspost::store
