// Dump: a change log as lines for people, or record by record for programs.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/log_format.h"

namespace hauspost::store {

struct DumpedRecord {
  RecordHeader header;
  Lsn segment;
  std::uint64_t offset = 0;  // in the segment's file
  std::uint64_t bytes = 0;
  std::uint64_t bodies = 0;
  std::vector<std::string> operations;  // one line each; message content is never shown
};

// Calls `visit` for every record from `first` to `last`; the first one that is there when the log
// begins behind `first`. Reads the files only, so the database may be open. kCorrupt: the log is
// damaged; what lies before the damage has been shown.
Result<> dump_records(const std::string& path, Lsn first, Lsn last,
                      const std::function<void(const DumpedRecord& record)>& visit);
// The same as lines: one for the record, one for each operation.
Result<> dump_log(const std::string& path, Lsn first, Lsn last,
                  const std::function<void(std::string_view line)>& line);

// "2026-11-21T22:34:52Z".
std::string utc_text(std::int64_t time_us);

}  // namespace hauspost::store
