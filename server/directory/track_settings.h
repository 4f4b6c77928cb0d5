// What an administrator sets for transport's logs: free settings of the directory with a meaning.
// Transport asks again whenever the directory has changed.
#pragma once

#include <cstdint>
#include <string_view>

#include "server/directory/directory.h"

namespace hauspost::directory {

class DirectoryWriter;

struct LogSettings {
  bool enabled = true;
  std::uint32_t days = 30;         // older files go
  std::uint32_t total_mib = 1000;  // all files together
  std::uint32_t file_mib = 10;
  bool operator==(const LogSettings&) const = default;
};

struct TrackSettings {
  LogSettings tracking;
  LogSettings protocol{.total_mib = 250};  // `enabled` is a matter of each connector
  LogSettings connectivity;
  bool subjects = true;  // in the tracking log
  bool operator==(const TrackSettings&) const = default;
};

inline constexpr std::uint32_t kLogDaysMost = 3650;
inline constexpr std::uint32_t kLogTotalMibMost = 1 << 20;
inline constexpr std::uint32_t kLogFileMibMost = 1000;

// What was never set, and what is out of its range, has its default.
TrackSettings track_settings(const DirectoryReader& reader);
// kInvalid: out of range, or a file larger than all files may be; nothing was written.
Result<> check(const TrackSettings& settings);
// As check(); a failure of the disk may leave a part written.
Result<> set_track_settings(DirectoryWriter& writer, const TrackSettings& settings);

}  // namespace hauspost::directory
