#include "server/supervisor/give_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <memory>

#include "base/log.h"
#include "base/text.h"
#include "server/supervisor/unique_fd.h"

namespace hauspost::supervisor {

namespace {

constexpr mode_t kClosed = 0700;
constexpr int kDepthMax = 64;
constexpr int kOpenFolder = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

using Folder = std::unique_ptr<DIR, int (*)(DIR*)>;

class Giver {
 public:
  Giver(Owner owner, uid_t before) : owner_(owner), before_(before) {}

  // All that is in the folder; not the folder.
  Result<> give_content(int folder, const std::string& path, int depth) {
    if (depth > kDepthMax) return fail(ErrorCode::kDenied, path + ": folders lie too deep");
    UniqueFd again(::openat(folder, ".", kOpenFolder));
    if (!again) return fail(errno_error(path));
    const Folder entries(::fdopendir(again.release()), ::closedir);
    if (!entries) return fail(errno_error(path));
    errno = 0;
    for (const dirent* entry = ::readdir(entries.get()); entry != nullptr;
         entry = ::readdir(entries.get())) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") TRY(give_entry(folder, name, path + "/" + name, depth));
      errno = 0;
    }
    if (errno != 0) return fail(errno_error(path));
    return {};
  }

 private:
  // By a descriptor of what was looked at: nothing else can take its place in between.
  Result<> give_entry(int folder, const std::string& name, const std::string& path, int depth) {
    const UniqueFd entry(::openat(folder, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!entry) return errno == ENOENT ? Result<>{} : fail(errno_error(path));
    struct stat status{};
    if (::fstat(entry.get(), &status) != 0) return fail(errno_error(path));
    if (S_ISDIR(status.st_mode)) {
      const UniqueFd inner(::openat(folder, name.c_str(), kOpenFolder));
      if (!inner) return fail(errno_error(path));
      TRY(give_content(inner.get(), path, depth + 1));
      return give(inner.get(), path);
    }
    if (!S_ISREG(status.st_mode)) return {};
    const bool ours = status.st_uid == before_ || status.st_uid == owner_.user;
    if (status.st_nlink > 1 && !ours) {
      return fail(ErrorCode::kDenied,
                  fmt::format("{} is user {}'s and has further names elsewhere; look at it, then "
                              "remove it or give it away by hand",
                              escape_for_log(path), status.st_uid));
    }
    if (status.st_uid == owner_.user && status.st_gid == owner_.group) return {};
    return give(entry.get(), path);
  }

  Result<> give(int fd, const std::string& path) const {
    if (::fchownat(fd, "", owner_.user, owner_.group, AT_EMPTY_PATH) == 0) return {};
    return fail(errno_error("giving away " + escape_for_log(path)));
  }

  Owner owner_;
  uid_t before_;
};

bool is_owners(const struct stat& status, Owner owner) {
  return status.st_uid == owner.user && status.st_gid == owner.group &&
         (status.st_mode & 07777) == kClosed;
}

// An administrator may have put the folder on another disk, by a link, and given it away by hand.
Result<> check_link(const std::string& path, Owner owner) {
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && is_owners(status, owner))
    return {};
  return fail(ErrorCode::kDenied,
              fmt::format("{} is a symbolic link; what it names is not given away by itself. Do: "
                          "chown -R {}:{} {}/ && chmod 700 {}/",
                          escape_for_log(path), owner.user, owner.group, escape_for_log(path),
                          escape_for_log(path)));
}

}  // namespace

Result<> give_tree(const std::string& path, Owner owner) {
  const UniqueFd folder(::open(path.c_str(), kOpenFolder));
  if (!folder) {
    struct stat link{};
    if (::lstat(path.c_str(), &link) == 0 && S_ISLNK(link.st_mode)) return check_link(path, owner);
    return fail(errno_error(path));
  }
  struct stat status{};
  if (::fstat(folder.get(), &status) != 0) return fail(errno_error(path));
  if (is_owners(status, owner)) return {};
  // From here on the present owner cannot get in any more, unless that is root or the new one.
  if (::fchmod(folder.get(), 0) != 0) return fail(errno_error(path));
  TRY(Giver(owner, status.st_uid).give_content(folder.get(), path, 0));
  // What is in it must be on the disk before the mark that it is, which is the folder's own owner.
  if (::syncfs(folder.get()) != 0) return fail(errno_error(path));
  if (::fchown(folder.get(), owner.user, owner.group) != 0 ||
      ::fchmod(folder.get(), kClosed) != 0 || ::fsync(folder.get()) != 0)
    return fail(errno_error("giving away " + escape_for_log(path)));
  log::info("folder.given", {{"path", path}, {"uid", owner.user}});
  return {};
}

}  // namespace hauspost::supervisor
