// Rebuild: a closed database's index made anew from its change log.
#pragma once

#include "store/database.h"
#include "store/progress.h"

namespace hauspost::store {

struct RebuildReport {
  std::uint64_t records = 0;  // of the log
  std::uint64_t messages = 0;
  std::uint64_t index_bytes = 0;
};

// Reads the whole log first: kCorrupt, with nothing changed, when a record that the index needs is
// damaged (one that an image of the index covers is not needed). The old index is kept until the
// new one is there and checked, and put back when that fails. `dry_run`: only reads the log.
// REQUIRES: nobody has the database of options.path open (kUnavailable).
Result<RebuildReport> rebuild_index(OpenOptions options, bool dry_run, Progress& progress);

}  // namespace hauspost::store
