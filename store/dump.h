// Dump: a change log as lines for people.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/types.h"

namespace hauspost::store {

// Calls `line` for every record from `first` to `last` and for each of its operations; message
// content is never shown. Reads the files only, so the database may be open. kCorrupt: the log is
// damaged; what lies before the damage has been shown.
Result<> dump_log(const std::string& path, Lsn first, Lsn last,
                  const std::function<void(std::string_view line)>& line);

}  // namespace hauspost::store
