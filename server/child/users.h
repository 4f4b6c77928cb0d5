// Who runs as whom: a Unix user for each role, one group for all, and how a child becomes its user.
#pragma once

#include <sys/types.h>

#include <array>
#include <initializer_list>
#include <span>
#include <vector>

#include "base/result.h"

namespace hauspost::child {

enum class Role : std::uint8_t { kAuth, kFrontend, kTransport, kStore, kWeb, kHealth, kAcme };
inline constexpr std::size_t kRoleCount = 7;
// In the order of Role; as they stand in hauspost.toml and in the names of programs.
inline constexpr std::array<std::string_view, kRoleCount> kRoleWords = {
    "auth", "frontend", "transport", "store", "web", "health", "acme"};

struct Users {
  bool switching = false;  // false: every role runs as the supervisor does, and the rest is unused
  std::array<uid_t, kRoleCount> ids{};
  gid_t group = 0;
  std::vector<gid_t> auth_groups;  // further groups of auth, for what its helpers must read

  uid_t of(Role role) const { return ids[static_cast<std::size_t>(role)]; }
};

// Gives up root for the role's user, for good: groups, user, every capability; then tries to come
// back and aborts the process when that works. Nothing to do unless switching. kDenied: the kernel
// does not let us, so that the caller must not go on. REQUIRES: one thread.
Result<> become(const Users& users, Role role);

// Users that may call a socket meant for `roles`: theirs, root, and whoever runs the server.
std::vector<uid_t> callers(const Users& users, std::initializer_list<Role> roles);
// Whether the process that has connected runs as one of them; says so in the log when not.
bool may_call(int socket, std::span<const uid_t> allowed, std::string_view service);

}  // namespace hauspost::child
