// IndexSpace: blocks for the index's file, taken before they are needed. A commit follows the sync
// of the log that it belongs to: it must not be the one that finds the disk or the map full.
#pragma once

#include "store/disk.h"
#include "store/schema.h"

namespace hauspost::store {

// REQUIRES: one thread, the one that commits.
class IndexSpace {
 public:
  IndexSpace(Disk& disk, const Index& index) : disk_(disk), index_(index) {}

  // Everything that the transaction may add to the file has its blocks afterwards. kExhausted: the
  // disk has too few, or the map's end is near; the transaction must be given up. `last_reserve`:
  // into the part of the map that is kept for changes that take things away.
  Result<> take(const WriteTxn& txn, bool last_reserve);
  // Changes did not fit into the map without its last reserve, and would not fit now: only those
  // that take things away should be tried.
  Result<bool> near_limit();

 private:
  Result<bool> has_room(std::uint64_t pages, bool last_reserve) const;

  Disk& disk_;
  const Index& index_;
  std::weak_ptr<Environment> of_;    // whose file `taken_` is about
  std::uint64_t taken_ = 0;          // bytes from the file's start that have blocks
  std::uint64_t refused_pages_ = 0;  // what did not fit, while it does not; 0: everything did
};

}  // namespace hauspost::store
