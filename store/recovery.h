// Recovery: from whatever a database's folder holds to an index that equals the log.
#pragma once

#include <memory>
#include <string>

#include "store/checkpoint.h"
#include "store/database.h"
#include "store/log_reader.h"
#include "store/platform.h"
#include "store/schema.h"

namespace hauspost::store {

// The lock of a database's folder, held as long as the object lives.
class FolderLock {
 public:
  // kUnavailable: another process, or this one, has the database open.
  static Result<FolderLock> take(const std::string& folder);
  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&&) = delete;
  ~FolderLock();

 private:
  explicit FolderLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

// Which database lives in `folder`. kNotFound; kCorrupt.
Result<Guid> read_database_file(const std::string& folder);
// Makes the folder's first files. kExists when there is a log already.
Result<> create_database(const Platform& platform, const std::string& folder, const Guid& guid);

// Makes what is in `folder` the files of a database.
Result<> write_database_file(const Platform& platform, const std::string& folder, const Guid& guid);

std::string log_folder(const std::string& folder);

struct Recovered {
  std::unique_ptr<Index> index;                // on the heap: others refer to it
  std::unique_ptr<Checkpointer> checkpointer;  // with a checkpoint of this mount
  LogExtent log;                               // zeros follow its end
};
// REQUIRES: the folder's lock is held. kCorrupt: the log is damaged, or shorter than what the index
// has seen; kInvalid: `epoch` is below what the log holds. Nothing was changed then.
Result<Recovered> recover(const Platform& platform, const OpenOptions& options, const Guid& guid);

}  // namespace hauspost::store
