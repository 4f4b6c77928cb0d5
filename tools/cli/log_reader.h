// LogReader: log lines out of the files that the server keeps, those that were put aside too.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/log.h"
#include "base/log_line.h"
#include "base/result.h"

namespace hauspost::cli {

// All that are given must fit. What is no line of ours fits when nothing is asked for.
struct LogFilter {
  std::string role;   // "store DB1", or "store" for all of them
  std::string event;  // an event, or the beginning of several: "session" is also "session.accepted"
  std::optional<log::Level> least;
  std::int64_t since_s = 0;  // Unix time

  bool fits(std::string_view text) const;
};

// Unix seconds of "2013-11-21T19:14:00.123+01:00"; nullopt: it is something else.
std::optional<std::int64_t> log_time(std::string_view text);

// Every line of one file, compressed or not, without its end, until `take` returns false. A file
// that is gone by now has none.
Result<> read_log_file(const std::string& path, const std::function<bool(std::string_view)>& take);

// The lines that come to a file, also after it was put aside and begun anew. Ends when `take`
// returns false. Blocks.
Result<> follow_log_file(const std::string& path,
                         const std::function<bool(std::string_view)>& take);

}  // namespace hauspost::cli
