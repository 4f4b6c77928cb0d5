// Giving a folder to another user, with all that is in it.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"

namespace hauspost::supervisor {

struct Owner {
  uid_t user = 0;
  gid_t group = 0;
};

// Nothing to do when the folder itself is the owner's and closed to others already: it is given
// last, after everything in it is durably its own. Symbolic links, sockets and devices stay as they
// are. kDenied: `path` is a symbolic link to what is not the owner's, or a file in it has further
// names and belonged to neither the folder's owner nor the new one. kNotFound.
Result<> give_tree(const std::string& path, Owner owner);

}  // namespace hauspost::supervisor
