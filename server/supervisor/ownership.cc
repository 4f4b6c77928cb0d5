#include "server/supervisor/ownership.h"

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <filesystem>

#include "base/durable_file.h"
#include "base/log.h"
#include "base/text.h"
#include "server/child/transport_secrets.h"
#include "server/supervisor/as_user.h"
#include "server/supervisor/give_tree.h"
#include "server/supervisor/unique_fd.h"

namespace hauspost::supervisor {

namespace {

namespace fs = std::filesystem;
using child::Role;

// Folders of the data root that one role alone reads and writes. server/child/confine.cc has the
// same ones behind its fences.
struct OwnFolder {
  std::string_view name;
  Role role;
};
constexpr OwnFolder kOwnFolders[] = {
    {"auth", Role::kAuth},
    {"databases", Role::kStore},
    {"queue", Role::kTransport},
    {"logs", Role::kTransport},
    {"filters", Role::kTransport},
    {"mta-sts", Role::kTransport},
    {"tls-reports", Role::kTransport},
    {"dmarc-reports", Role::kTransport},
};

constexpr mode_t kOwnerFolder = 0700;
constexpr mode_t kPassFolder = 0710;    // the group may go through, and look at nothing
constexpr mode_t kListedFolder = 0750;  // and see what is there
constexpr mode_t kFound = 0755;         // on the way to a new folder
constexpr mode_t kReadBytes = 0640;
constexpr mode_t kSharedBytes = 0660;

Result<> make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), kOwnerFolder) == 0 || errno == EEXIST) return {};
  return fail(errno_error("making folder " + path));
}

// Of what root alone can have put there.
Result<> set_owner(const std::string& path, uid_t user, gid_t group, mode_t mode) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd || ::fchown(fd.get(), user, group) != 0 || ::fchmod(fd.get(), mode) != 0)
    return fail(errno_error("setting the owner of " + path));
  return {};
}

std::string shown_user(uid_t uid) {
  const passwd* const entry = ::getpwuid(uid);
  return entry == nullptr ? std::to_string(uid) : std::string(entry->pw_name);
}

// The nearest folder above that is there.
fs::path existing_parent(const fs::path& path) {
  fs::path parent = path.parent_path();
  std::error_code code;
  while (parent != parent.root_path() && !fs::exists(fs::symlink_status(parent, code)))
    parent = parent.parent_path();
  return parent;
}

// Nobody but root can make something there.
bool is_roots_alone(const fs::path& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == 0 &&
         (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

}  // namespace

std::optional<gid_t> Ownership::group() const {
  return users_.switching ? std::optional(users_.group) : std::nullopt;
}

Result<> Ownership::give_data_root() const {
  for (const OwnFolder& folder : kOwnFolders)
    TRY(make_folder(data_root_ + "/" + std::string(folder.name)));
  TRY(make_folder(data_root_ + "/secrets"));
  TRY(make_folder(child::transport_secrets_folder(data_root_)));
  TRY(sync_folder(data_root_));
  TRY(sync_folder(data_root_ + "/secrets"));
  if (!users_.switching) return {};
  // While its folders still may be another's, nobody comes in.
  TRY(set_owner(data_root_, 0, users_.group, kOwnerFolder));
  TRY(set_owner(data_root_ + "/run", 0, users_.group, kPassFolder));
  TRY(set_owner(data_root_ + "/secrets", 0, users_.group, kPassFolder));
  for (const OwnFolder& folder : kOwnFolders)
    TRY(give_tree(data_root_ + "/" + std::string(folder.name), folder.role));
  TRY(give_secrets());
  TRY(set_owner(data_root_, 0, users_.group, kPassFolder));
  if (AsUser(users_.of(Role::kFrontend), users_.group).may_pass(data_root_)) return {};
  return fail(ErrorCode::kDenied,
              fmt::format("{}: user {} cannot get there; let others through the folders above it "
                          "(chmod o+x), or put the data root elsewhere",
                          data_root_, shown_user(users_.of(Role::kFrontend))));
}

Result<> Ownership::share_directory() const {
  if (!users_.switching) return {};
  const std::string path = data_root_ + "/directory.mdb";
  TRY(set_owner(path, 0, users_.group, kReadBytes));
  return set_owner(path + "-lock", 0, users_.group, kSharedBytes);
}

Result<> Ownership::give_secrets() const {
  if (!users_.switching) return {};
  const std::string top = child::transport_secrets_folder(data_root_);
  TRY(set_owner(top, 0, users_.group, kListedFolder));
  std::error_code code;
  for (fs::recursive_directory_iterator it(top, code), end; !code && it != end;
       it.increment(code)) {
    const fs::file_status status = it->symlink_status(code);
    if (code) break;
    if (fs::is_directory(status)) {
      TRY(set_owner(it->path(), 0, users_.group, kListedFolder));
    } else if (fs::is_regular_file(status)) {
      TRY(set_owner(it->path(), users_.of(Role::kTransport), users_.group, kOwnerOnly));
    }
  }
  if (code) return fail(errno_error("giving transport its secrets", code.value()));
  return {};
}

Result<> Ownership::give_tree(const std::string& path, Role role) const {
  if (!users_.switching) return {};
  auto given = supervisor::give_tree(path, {users_.of(role), users_.group});
  if (!given && given.error().code == ErrorCode::kNotFound) return {};
  return given;
}

Error Ownership::refused(const std::string& path, Role role, Need need) const {
  const std::string user = shown_user(users_.of(role));
  if (need == Need::kRead) {
    return {
        ErrorCode::kDenied,
        fmt::format("{}: user {}, as whom {} runs, may not read it; give it to that user "
                    "(chown -R {} {}), or let it in with setfacl",
                    escape_for_log(path), user, child::kRoleWords[static_cast<std::size_t>(role)],
                    user, escape_for_log(path))};
  }
  return {ErrorCode::kDenied,
          fmt::format("{}: user {}, as whom {} runs, may not write there; give it the folder "
                      "(chown {} {}) and let it through those above, or name another",
                      escape_for_log(path), user, child::kRoleWords[static_cast<std::size_t>(role)],
                      user, escape_for_log(path))};
}

Result<> Ownership::make_new(const std::string& path, Role role) const {
  fs::path at = existing_parent(path);
  std::vector<fs::path> made;
  for (const fs::path& part : fs::path(path).lexically_relative(at)) {
    at /= part;
    if (::mkdir(at.c_str(), kOwnerFolder) != 0) return fail(errno_error("making " + at.string()));
    made.push_back(at);
    TRY(set_owner(at, 0, users_.group, kFound));
  }
  TRY(set_owner(path, users_.of(role), users_.group, kOwnerFolder));
  for (const fs::path& one : made) TRY(sync_folder(one.parent_path()));
  if (AsUser(users_.of(role), users_.group).may_write(path)) return {};
  for (auto one = made.rbegin(); one != made.rend(); ++one) ::rmdir(one->c_str());
  return fail(refused(path, role, Need::kWrite));
}

Result<> Ownership::lend(const std::string& named, Role role, Need need) const {
  if (!users_.switching) return {};
  std::string path = fs::path(named).lexically_normal().string();
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const AsUser them(users_.of(role), users_.group);
  struct stat status{};
  const bool there = ::lstat(path.c_str(), &status) == 0;
  if (there) {
    const bool may = need == Need::kRead ? them.may_read(path) : them.may_write(path);
    if (may) return {};
    return fail(refused(path, role, need));
  }
  if (need == Need::kRead) return fail(errno_error(escape_for_log(path)));
  const fs::path parent = existing_parent(path);
  if (them.may_write(parent)) return {};
  if (!is_roots_alone(parent)) return fail(refused(path, role, need));
  return make_new(path, role);
}

}  // namespace hauspost::supervisor
