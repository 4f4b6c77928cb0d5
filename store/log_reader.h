// LogReader: the records of a change log in order, from the segments on disk.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "store/log_format.h"
#include "store/operation.h"
#include "store/segment_map.h"

namespace hauspost::store {

// What is known of a log after looking at every segment's header and through its last segment.
struct LogExtent {
  std::vector<SegmentFile> segments;  // empty: a new database
  Lsn last;                           // of the last whole record; 0: none
  std::uint64_t end = 0;              // offset behind it in the last segment
  std::uint64_t epoch = 0;            // highest seen
  // Of a log that was compacted: an image of the index holds what was up to here, so segments may
  // be missing in it. 0: every one must be there. Filled by log_extent().
  Lsn covered;
};
// kCorrupt: a bad header, a segment of another database, or records out of order. `durable` is a
// record known to have been durable: up to it a record that is damaged is not the log's torn end.
Result<LogExtent> scan_log(const std::string& log_folder, const Guid& database,
                           Lsn durable = Lsn());

// The last record that the checkpoint or the image in a database's folder has seen; 0: neither.
Lsn durable_lsn(const std::string& folder, const Guid& database);
// scan_log() with that, and how far the image in the database's `folder` covers the log.
Result<LogExtent> log_extent(const std::string& folder, const Guid& database);

// A record with its place. The views live as long as the call of the visitor.
struct PlacedRecord {
  RecordView record;
  Lsn segment;
  std::uint64_t offset = 0;
  std::string_view bytes;  // of the whole record
};
using RecordVisitor = std::function<Result<>(const PlacedRecord&)>;
// Every record from `from` to the log's end, but those of segments that compaction dropped. Damage
// before `from` does not matter. kCorrupt: one of them is damaged or missing.
Result<> read_log(const LogExtent& extent, Lsn from, const RecordVisitor& visit);

// The operations of a record, one after the other. kCorrupt: they do not decode.
Result<> read_operations(const RecordView& record,
                         const std::function<Result<>(const Operation&)>& visit);

}  // namespace hauspost::store
