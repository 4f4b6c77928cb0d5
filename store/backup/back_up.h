// Backup of an open database: an image of its index and the change log as far as it is durable,
// read while deliveries go on, every record's CRC tested and every file read back.
// store/backup/README.md has the layout.
#pragma once

#include <optional>
#include <string>

#include "store/backup/manifest.h"
#include "store/database.h"
#include "store/progress.h"

namespace hauspost::store {

struct BackupOptions {
  std::string folder;                  // made when it does not exist
  std::string name;                    // of the database, for people
  bool full = false;                   // begin a new set although an older one could grow
  std::uint64_t bytes_per_second = 0;  // 0: as fast as it goes
  std::uint64_t keep_sets = 0;         // afterwards only so many are left; 0: all
};

struct BackupReport {
  std::uint64_t set = 0;
  std::string set_path;
  BackupGeneration generation;
  std::uint64_t segments = 0;  // in the set
  std::uint64_t bytes = 0;     // of the set
  std::uint64_t sets_removed = 0;
};

// REQUIRES: nobody else closes the database meanwhile. Failures leave every backup that was there
// usable and nothing that looks like a new one: kInvalid (the folder holds another database, or
// another history of this one), kUnavailable (another backup is under way there), kCorrupt (a
// record of the database is damaged, or the disk did not keep what was written: file, offset and
// record are named), kExhausted, kCancelled.
Result<BackupReport> back_up(const Database& database, const BackupOptions& options,
                             Progress& progress);

// The note that a backup leaves in the database's folder.
inline constexpr std::string_view kLastBackupFile = "last-backup";
struct LastBackup {
  std::int64_t time_us = 0;  // when it ended
  Lsn lsn;
  bool full = false;
  std::string set_path;
};
// nullopt: there was none, or the note cannot be read.
std::optional<LastBackup> read_last_backup(const std::string& database_folder);

}  // namespace hauspost::store
