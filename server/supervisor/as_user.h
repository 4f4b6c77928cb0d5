// AsUser: what the kernel would allow another user, asked without becoming that user.
#pragma once

#include <sys/types.h>

#include <string>

namespace hauspost::supervisor {

// REQUIRES: we are root. The question is put by a thread of its own, which alone has the user's
// rights while it lasts.
class AsUser {
 public:
  AsUser(uid_t user, gid_t group) : user_(user), group_(group) {}

  bool may_pass(const std::string& folder) const;
  bool may_read(const std::string& path) const;   // a folder: also go in
  bool may_write(const std::string& path) const;  // likewise, and read

 private:
  bool ask(const std::string& path, int rights) const;
  uid_t user_;
  gid_t group_;
};

}  // namespace hauspost::supervisor
