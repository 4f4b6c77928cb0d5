// Verify: is a database what it says? Every row of every table, every count, every body's CRC; and,
// for a database that nobody has open, every record of its log.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/database.h"
#include "store/schema.h"
#include "store/segment_map.h"

namespace hauspost::store {

struct VerifyReport {
  std::uint64_t records = 0;  // of the log; 0 when only the index was looked at
  std::uint64_t mailboxes = 0;
  std::uint64_t folders = 0;
  std::uint64_t messages = 0;
  std::uint64_t bodies = 0;
  std::uint64_t body_bytes = 0;
  bool index_checked = false;       // false: it would first have to be recovered
  std::vector<std::string> faults;  // at most kFaultsMax; empty: all is well
  static constexpr std::size_t kFaultsMax = 1000;
};

// The database in `path`, which nobody may have open (kUnavailable). Changes nothing. Damage is in
// the report; an error means that it could not be looked at.
Result<VerifyReport> verify(const std::string& path);

// Adds what it finds in the index of this snapshot to `report`.
Result<> verify_index(const Txn& txn, const Index& index, SegmentCache& segments,
                      VerifyReport& report);

// The part of Database::Statistics that is read from the index.
Result<Database::Statistics> read_statistics(Result<ReadTxn> txn, const Index& index);

}  // namespace hauspost::store
