// Files: a closed database's folder as a whole, copied or deleted.
#pragma once

#include <string>
#include <vector>

#include "base/ids.h"
#include "store/progress.h"

namespace hauspost::store {

struct FileTally {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

// Left in a folder that a copy is made into until the copy is whole; holds the database's GUID.
inline constexpr std::string_view kCopyMark = "copying";

// Whether a copy of database `guid` may be made into `to`: it is new, empty, or holds what an
// interrupted copy of this database left there. kExists else.
Result<> check_copy_target(const std::string& to, const Guid& guid);

// Copies every file of database `guid` in `from` to `to`: each is written, flushed, read back from
// the disk and compared. What an interrupted copy left in `to` is made anew. On failure and when
// cancelled what was copied is removed again. REQUIRES: nobody has the database open
// (kUnavailable).
Result<FileTally> copy_database(const std::string& from, const std::string& to, const Guid& guid,
                                Progress& progress);

// Deletes a database's files in `folder`, and the folder when nothing else is in it; `left` gets
// the names of what is no file of a database. Fine when the folder is gone already.
// REQUIRES: nobody has the database open (kUnavailable).
Result<FileTally> delete_database(const std::string& folder, std::vector<std::string>& left,
                                  Progress& progress);

}  // namespace hauspost::store
