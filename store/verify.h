// Verify: is a database what it says? Every row of every table, every count, every body's CRC; and,
// for a database that nobody has open, every record of its log.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/database.h"
#include "store/scan.h"
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
  std::uint64_t log_bytes = 0;      // read from the disk; 0 when only the index was looked at
  bool index_checked = false;       // false: it would first have to be recovered
  std::vector<std::string> faults;  // at most kFaultsMax
  std::vector<Damage> damage;       // of the log's files, with the messages that it hurts
  bool is_whole() const { return faults.empty() && damage.empty(); }
  static constexpr std::size_t kFaultsMax = 1000;
};

// The database in `path`, which nobody may have open (kUnavailable). Changes nothing. Damage is in
// the report; an error means that it could not be looked at.
Result<VerifyReport> verify(const std::string& path);
Result<VerifyReport> verify(const std::string& path, Progress& progress);

// Adds what it finds in the index of this snapshot to `report`.
Result<> verify_index(const Txn& txn, const Index& index, SegmentCache& segments,
                      VerifyReport& report);
// The same, told of its progress, but the bodies themselves are not read: it is enough that each
// lies within a file of `log_folder`. REQUIRES: none that the snapshot needs is removed meanwhile.
Result<> verify_index(const Txn& txn, const Index& index, const std::string& log_folder,
                      VerifyReport& report, Progress& progress);

// The part of Database::Statistics that is read from the index.
Result<Database::Statistics> read_statistics(Result<ReadTxn> txn, const Index& index);

}  // namespace hauspost::store
