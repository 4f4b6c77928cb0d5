// What an administrator sets for the watch over the server's health: free settings of the directory
// with a meaning. The supervisor asks at each round.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/directory/directory.h"

namespace hauspost::directory {

class DirectoryWriter;

struct HealthSettings {
  bool probes = true;
  bool restarts = true;       // what does not answer is started again
  bool mail = true;           // the administrator is written to, when there is one
  std::string administrator;  // address; empty: nobody is written to
  std::uint32_t interval_s = 60;
  std::uint32_t timeout_s = 10;  // of one probe
  std::uint32_t failures = 3;    // of the last `window` outcomes make a fault
  std::uint32_t window = 5;
  std::uint32_t restarts_per_hour = 3;  // of one component
  std::uint32_t disk_free_percent = 5;  // less is a fault; 0: never
  std::uint32_t backup_age_s = 0;       // a database without a backup so young; 0: never a fault
};

struct HealthRange {
  std::uint32_t least = 0;
  std::uint32_t most = 0;
};
inline constexpr HealthRange kHealthIntervalRange{1, 86'400};
inline constexpr HealthRange kHealthTimeoutRange{1, 120};
inline constexpr HealthRange kHealthFailuresRange{1, 20};
inline constexpr HealthRange kHealthWindowRange{1, 60};
inline constexpr HealthRange kHealthRestartsRange{0, 60};
inline constexpr HealthRange kHealthDiskRange{0, 90};
inline constexpr HealthRange kHealthBackupRange{0, 10 * 365 * 86'400};

// What was never set, and what is out of its range, has its default.
Result<HealthSettings> health_settings(const DirectoryReader& reader);
// kInvalid: out of range, or no address; nothing was written.
Result<> check(const HealthSettings& settings);
// As check(); a failure of the disk may leave a part written.
Result<> set_health_settings(DirectoryWriter& writer, const HealthSettings& settings);

// A health set that is not looked at: its name ("imap"), or with its target ("imap DB1").
struct HealthOverride {
  std::string set;
  std::int64_t until_s = 0;  // Unix time; 0: until it is lifted
  bool operator==(const HealthOverride&) const = default;
};
inline constexpr std::size_t kHealthOverridesMax = 100;
inline constexpr std::size_t kHealthSetMax = 100;  // octets of a name
// Those that hold at `now_s`, by name.
Result<std::vector<HealthOverride>> health_overrides(const DirectoryReader& reader,
                                                     std::int64_t now_s);
// The whole list. kInvalid: a name with a control in it, empty or too long; too many.
Result<> set_health_overrides(DirectoryWriter& writer, const std::vector<HealthOverride>& all);

// When the last backup of a database ended well; 0: none is known of.
Result<std::int64_t> last_backup(const DirectoryReader& reader, const Guid& database);
Result<> note_backup(DirectoryWriter& writer, const Guid& database, std::int64_t ended_s);

}  // namespace hauspost::directory
