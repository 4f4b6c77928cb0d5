// Ownership: whose the files of a data root are. Each role owns its folders and nothing else; what
// all roles share they share by their group. Nothing here follows a symbolic link that a role's
// user could have made.
#pragma once

#include <optional>
#include <string>

#include "server/child/users.h"

namespace hauspost::supervisor {

// REQUIRES: one thread, but for lend() beside nothing. With users that do not switch, folders are
// made and nobody is given anything.
class Ownership {
 public:
  Ownership(child::Users users, std::string data_root)
      : users_(std::move(users)), data_root_(std::move(data_root)) {}

  const child::Users& users() const { return users_; }
  // The group that may connect to sockets; none: only their owner.
  std::optional<gid_t> group() const;

  // Makes the folders of roles and gives away those that are not their role's yet, with all that is
  // in them: a data root of before, or one that was copied. Durable, and begun again after a crash.
  // Blocks; short once done. kDenied: a link or another's file is in the way; the text names it.
  Result<> give_data_root() const;
  // After directory.mdb was opened for writing: roles may read it and enter themselves as readers.
  Result<> share_directory() const;
  // After a secret of transport was written: transport may read it, and nobody else.
  Result<> give_secrets() const;
  // A folder with all that is in it; nothing when it does not exist.
  Result<> give_tree(const std::string& path, child::Role role) const;

  enum class Need : std::uint8_t {
    kRead,   // what is there
    kWrite,  // in a folder that is there or is to be made
  };
  // Sees to it that `role` can use a folder (or, to read, a file) that an administrator has named.
  // A new folder below one of root's is made and given to the role. kDenied: it cannot; the text
  // names the user and what to do.
  Result<> lend(const std::string& named, child::Role role, Need need) const;

 private:
  Result<> make_new(const std::string& path, child::Role role) const;
  Error refused(const std::string& path, child::Role role, Need need) const;

  child::Users users_;
  std::string data_root_;
};

}  // namespace hauspost::supervisor
