// Restore: a database made of a backup set, at one moment; and the proof that a backup is one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "store/backup/backup_folder.h"
#include "store/database.h"
#include "store/platform.h"

namespace hauspost::store {

struct RestoreOptions {
  std::string backup;     // the backup folder
  std::uint64_t set = 0;  // 0: the newest that reaches the point
  RestorePoint point;
  std::string folder;  // of the new database; made when it does not exist, else empty
  Guid database;       // its GUID: never that of a database that still exists
  std::uint64_t bytes_per_second = 0;  // 0: as fast as it goes
};
struct RestoreReport {
  std::string set_path;
  Lsn lsn;                   // last record restored
  std::int64_t time_us = 0;  // of that record; 0: there is none
  std::uint64_t epoch = 0;   // the database's next mount must be above it
  std::uint64_t mailboxes = 0;
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;  // of the change log
};
// Leaves a closed database in `folder`; every folder in it has a new UIDVALIDITY, as clients may
// have seen what came after the restored moment. Every record's CRC was tested. A failure leaves
// files that no database opens. kNotFound: no such moment; kExists: the folder is not empty;
// kCorrupt: the backup is damaged (the text says where); kCancelled.
Result<RestoreReport> restore_database(const Platform& platform, const RestoreOptions& options,
                                       Progress& progress);

// A moment of a backup as a database to read from, in a scratch folder that goes away with it. The
// segments stay where they are. Records that are read are tested when they are.
class OpenedBackup {
 public:
  // `scratch`: an existing folder on a disk with room for an index and one segment.
  static Result<std::unique_ptr<OpenedBackup>> open(const Platform& platform,
                                                    const FoundPoint& point,
                                                    const std::string& scratch, Progress& progress);
  ~OpenedBackup();
  OpenedBackup(const OpenedBackup&) = delete;
  OpenedBackup& operator=(const OpenedBackup&) = delete;
  Database& database() const { return *database_; }

 private:
  explicit OpenedBackup(std::string folder) : folder_(std::move(folder)) {}
  std::string folder_;
  std::unique_ptr<Database> database_;
};
// The database in `folder`, which nobody may have open, to read from: at its own epoch, so that
// nothing is written. kUnavailable: somebody has it open.
Result<std::unique_ptr<Database>> open_closed_database(const std::string& folder);
// Removes what OpenedBackups of a process that died left in `scratch`. REQUIRES: none is open
// there.
void remove_scratch(const std::string& scratch);

struct VerifiedSet {
  std::uint64_t number = 0;
  std::string path;
  std::uint64_t generations = 0;
  Lsn lsn;
  std::uint64_t segments = 0;
  std::uint64_t records = 0;
  std::uint64_t images = 0;
  std::uint64_t mailboxes = 0;
  std::uint64_t messages = 0;  // in the database as it opened
  std::uint64_t bytes = 0;
  std::vector<std::string> faults;  // empty: the set is good
};
// Reads every byte of the sets (of one, when `set` is not 0), opens each at its newest moment in
// `scratch`, and compares what is there with what the manifest counted. Damage is in the report; an
// error means that it could not be looked at. kNotFound: nothing there is a backup.
Result<std::vector<VerifiedSet>> verify_backup(const Platform& platform, const std::string& folder,
                                               std::uint64_t set, const std::string& scratch,
                                               Progress& progress);

}  // namespace hauspost::store
