// Small files that survive the loss of power: what one of these functions has returned from is on
// the disk, whole, and a crash before that leaves what was there. They block, for one or two
// flushes.
#pragma once

#include <sys/types.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hauspost {

inline constexpr mode_t kOwnerOnly = 0600;

// Writes `parts` one behind the other into PATH~ (no `path` ends so), flushes it, gives it the name
// `path`, and flushes the folder. `mode` holds whatever the umask is. A symbolic link at `path` is
// replaced, not followed. One writer for each path at a time. After an error nothing has changed,
// unless only the last flush failed: then the new content may be there.
Result<> replace_file(const std::string& path, std::initializer_list<std::string_view> parts,
                      mode_t mode = kOwnerOnly);
Result<> replace_file(const std::string& path, std::string_view bytes, mode_t mode = kOwnerOnly);

// Writes a file that must not exist (kExists) and flushes it, not its folder: sync_folder() makes
// its name durable. After another error the file is gone again.
Result<> write_new_file(const std::string& path, std::string_view bytes, mode_t mode = kOwnerOnly);

// Makes names in `folder` durable: files made, renamed and removed.
Result<> sync_folder(const std::string& folder);

// The whole of a regular file. kNotFound; kCorrupt when it is longer than `bytes_max` or no file.
Result<std::string> read_small_file(const std::string& path, std::size_t bytes_max);

}  // namespace hauspost
