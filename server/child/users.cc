#include "server/child/users.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/log.h"

namespace hauspost::child {

namespace {

struct Capabilities {
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
};

Capabilities capabilities() {
  __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
  Capabilities now{};
  HP_CHECK(::syscall(SYS_capget, &head, now.sets) == 0);
  return now;
}

bool has_capabilities() {
  const Capabilities now = capabilities();
  return std::ranges::any_of(now.sets, [](const __user_cap_data_struct& set) {
    return set.effective != 0 || set.permitted != 0 || set.inheritable != 0;
  });
}

// Best effort: taking one from the bounding set is itself a capability, and without new privileges
// the set gives nothing to anybody.
void empty_bounding_set() {
  for (unsigned long capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0;
       ++capability)
    ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

Result<> drop_capabilities() {
  __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
  const Capabilities none{};
  if (::syscall(SYS_capset, &head, none.sets) != 0)
    return fail(errno_error("dropping capabilities"));
  return {};
}

void check_no_way_back(uid_t user, gid_t group) {
  uid_t uids[3];
  gid_t gids[3];
  HP_CHECK(::getresuid(&uids[0], &uids[1], &uids[2]) == 0);
  HP_CHECK(::getresgid(&gids[0], &gids[1], &gids[2]) == 0);
  for (const uid_t id : uids) HP_CHECK(id == user);
  for (const gid_t id : gids) HP_CHECK(id == group);
  HP_CHECK(!has_capabilities());
  HP_CHECK(::setuid(0) != 0 && ::seteuid(0) != 0 && ::setgid(0) != 0);
}

}  // namespace

Result<> become(const Users& users, Role role) {
  if (!users.switching) return {};
  const uid_t user = users.of(role);
  const std::vector<gid_t> none;
  const std::vector<gid_t>& further = role == Role::kAuth ? users.auth_groups : none;
  if (user == 0 || users.group == 0) return fail(ErrorCode::kInvalid, "no role runs as root");
  empty_bounding_set();
  const auto what = [&] { return fmt::format("becoming user {} group {}", user, users.group); };
  if (::setgroups(further.size(), further.data()) != 0 ||
      ::setresgid(users.group, users.group, users.group) != 0 || ::setresuid(user, user, user) != 0)
    return fail(errno_error(what()));
  TRY(drop_capabilities());
  check_no_way_back(user, users.group);
  return {};
}

std::vector<uid_t> callers(const Users& users, std::initializer_list<Role> roles) {
  std::vector<uid_t> out = {0, ::geteuid()};
  if (!users.switching) return out;
  out.pop_back();  // ours is one role among others
  for (const Role role : roles) out.push_back(users.of(role));
  return out;
}

bool may_call(int socket, std::span<const uid_t> allowed, std::string_view service) {
  ucred peer{};
  socklen_t size = sizeof peer;
  const bool known = ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  if (known && std::ranges::find(allowed, peer.uid) != allowed.end()) return true;
  log::warning("caller.refused", {{"service", service},
                                  {"uid", known ? std::to_string(peer.uid) : "unknown"},
                                  {"pid", known ? std::to_string(peer.pid) : "unknown"}});
  return false;
}

}  // namespace hauspost::child
