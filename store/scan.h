// Scan: the change log's bytes as the disk gives them, against their checksums; and whose mail it
// is where they fail. Reads the files past the page cache where the kernel allows, never through a
// mapping: a sector that cannot be read is a finding, not the end of the process.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "store/progress.h"
#include "store/schema.h"
#include "store/segment_map.h"

namespace hauspost::store {

// A message whose stored bytes are damaged.
struct DamagedMessage {
  Guid mailbox;
  std::string label;  // the mailbox's address, for people
  FolderId folder_id;
  std::string folder;  // path
  Uid uid;
  BodyId body;
  std::uint64_t bytes = 0;  // as a client sees it
  BodyRow place;            // of the body in the log
};

// A stretch of a segment in which no whole record was found.
struct Damage {
  Lsn segment;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  Lsn lsn;           // of the first record lost in it; 0: the segment's header
  Lsn behind;        // of the first one behind it; 0: not known
  std::string what;  // "a record fails its CRC", "reading: Input/output error"
  std::vector<DamagedMessage> messages;
};

// Where a scan goes on: a record's place. Segment 0: at the log's beginning.
struct ScanPosition {
  Lsn segment;
  std::uint64_t offset = 0;
};

struct ScanOptions {
  ScanPosition from;
  std::uint64_t bytes_per_second = 0;  // 0: as fast as it goes
  Lsn covered{UINT64_MAX};             // records up to here may be missing between segments
  bool one_segment = false;            // returns at the end of the segment it begins in
  // Called now and then, at least once a segment: everything before it has been read.
  std::function<void(const ScanPosition& position, std::uint64_t bytes)> passed;
  // Called at a segment's end for each damage in it; what it fills in stays in the report.
  std::function<void(Damage& damage)> found;
};

struct ScanReport {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;     // read
  std::vector<Damage> damage;  // at most kDamageMax
  ScanPosition next;           // where to go on
  bool at_end = true;          // nothing is left behind `next`
  static constexpr std::size_t kDamageMax = 1000;
};

inline constexpr Lsn kWholeLog{UINT64_MAX};

// Records up to `last` (kWholeLog: to the end) of the segments there are; they must not go away
// meanwhile. Names no messages. `total` of the progress are the bytes of all segments. kCancelled;
// an error means that it could not be looked at.
Result<ScanReport> scan_segments(const std::string& log_folder, const Guid& database, Lsn last,
                                 const ScanOptions& options, Progress& progress);

// Fills in whose mail `damage` hurts: every body in it that fails its own CRC. Without the index
// (kept as it is) nobody can be named.
Result<> name_messages(const Txn& txn, const Index& index, const std::string& log_folder,
                       std::vector<Damage>& damage);

// What is left of a damaged message, without its header and summary in the log when those can be
// told apart; sectors that cannot be read are zeros. kNotFound: the segment is gone.
Result<std::string> read_damaged(const std::string& log_folder, const DamagedMessage& message);

// "message 17 in INBOX of anna@example.test (1234 bytes)".
std::string describe(const DamagedMessage& message);
std::string describe(const Damage& damage);

}  // namespace hauspost::store
