// Giving folders away, and what the kernel allows whom. As root; else there is nothing to give.
#include "server/supervisor/ownership.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

#include "server/child/transport_secrets.h"
#include "server/supervisor/as_user.h"
#include "server/supervisor/give_tree.h"
#include "tests/unit/temp_folder.h"

using namespace hauspost;
using namespace hauspost::supervisor;
using child::Role;
using hauspost::test::TempFolder;
namespace fs = std::filesystem;

namespace {

constexpr uid_t kFirstUser = 61001;  // one for each role; they need no entry in /etc/passwd
constexpr gid_t kGroup = 61100;
constexpr uid_t kStranger = 61200;

child::Users test_users() {
  child::Users users;
  users.switching = true;
  for (std::size_t i = 0; i < child::kRoleCount; ++i)
    users.ids[i] = kFirstUser + static_cast<uid_t>(i);
  users.group = kGroup;
  return users;
}

struct stat status_of(const std::string& path) {
  struct stat status{};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status;
}

void write(const std::string& path, std::string_view text = "x") {
  std::ofstream(path) << text;
  REQUIRE(fs::exists(path));
}

bool root() { return ::geteuid() == 0; }

// Its parents let everybody through, as those of a real server do.
struct Root {
  Root() {
    path = folder / "data";
    fs::permissions(folder.path(), fs::perms(0755));
    fs::create_directories(path + "/run");
    write(path + "/directory.mdb");
    write(path + "/directory.mdb-lock");
  }
  TempFolder folder;
  std::string path;
};

}  // namespace

TEST_CASE("give tree: everything in it changes hands, links stay links") {
  if (!root()) return;
  TempFolder folder;
  const std::string top = folder / "top";
  const std::string outside = folder / "outside";
  fs::create_directories(top + "/a/b");
  write(top + "/a/b/file");
  write(outside);
  fs::create_symlink(outside, top + "/a/link");
  fs::create_directory_symlink(folder.path(), top + "/a/folder-link");
  REQUIRE(give_tree(top, {kFirstUser, kGroup}));
  for (const char* name : {"", "/a", "/a/b", "/a/b/file"}) {
    INFO(name);
    CHECK(status_of(top + name).st_uid == kFirstUser);
    CHECK(status_of(top + name).st_gid == kGroup);
  }
  CHECK((status_of(top).st_mode & 07777) == 0700);
  CHECK(status_of(outside).st_uid == 0);
  CHECK(status_of(folder.path()).st_uid == 0);
}

TEST_CASE("give tree: what is the owner's already is not walked again") {
  if (!root()) return;
  TempFolder folder;
  const std::string top = folder / "top";
  fs::create_directory(top);
  REQUIRE(give_tree(top, {kFirstUser, kGroup}));
  write(top + "/later");
  REQUIRE(give_tree(top, {kFirstUser, kGroup}));
  CHECK(status_of(top + "/later").st_uid == 0);
  // Broken off in the middle, as a crash leaves it: begun again.
  REQUIRE(::chmod(top.c_str(), 0) == 0);
  REQUIRE(give_tree(top, {kFirstUser, kGroup}));
  CHECK(status_of(top + "/later").st_uid == kFirstUser);
}

TEST_CASE("give tree: a second name of somebody else's file is refused") {
  if (!root()) return;
  TempFolder folder;
  const std::string top = folder / "top";
  fs::create_directory(top);
  write(folder / "secret");
  fs::create_hard_link(folder / "secret", top + "/mine");
  // The folder was a role's, who made the link; root's file stays root's.
  REQUIRE(::chown(top.c_str(), kStranger, kGroup) == 0);
  const auto given = give_tree(top, {kFirstUser, kGroup});
  REQUIRE(!given);
  CHECK(given.error().code == ErrorCode::kDenied);
  CHECK(given.error().text.find("mine") != std::string::npos);
  CHECK(status_of(folder / "secret").st_uid == 0);
}

TEST_CASE("give tree: a link in its place is refused, unless its target is given already") {
  if (!root()) return;
  TempFolder folder;
  fs::create_directory(folder / "elsewhere");
  fs::create_directory_symlink(folder / "elsewhere", folder / "top");
  const auto given = give_tree(folder / "top", {kFirstUser, kGroup});
  REQUIRE(!given);
  CHECK(given.error().code == ErrorCode::kDenied);
  CHECK(status_of(folder / "elsewhere").st_uid == 0);
  REQUIRE(give_tree(folder / "elsewhere", {kFirstUser, kGroup}));
  CHECK(give_tree(folder / "top", {kFirstUser, kGroup}));
}

TEST_CASE("ownership: a data root of root's is shared out, again and again") {
  if (!root()) return;
  Root data;
  fs::create_directories(data.path + "/databases/DB1/log");
  write(data.path + "/databases/DB1/log/1.seg");
  const Ownership ownership(test_users(), data.path);
  for (int time = 0; time < 2; ++time) {
    REQUIRE(ownership.give_data_root());
    REQUIRE(ownership.share_directory());
  }
  const auto user_of = [&](const std::string& name) {
    return status_of(data.path + "/" + name).st_uid;
  };
  const child::Users users = test_users();
  CHECK(user_of("databases/DB1/log/1.seg") == users.of(Role::kStore));
  CHECK(user_of("queue") == users.of(Role::kTransport));
  CHECK(user_of("auth") == users.of(Role::kAuth));
  CHECK(user_of("secrets") == 0);
  CHECK(user_of("secrets/transport") == 0);
  const AsUser store(users.of(Role::kStore), kGroup);
  const AsUser frontend(users.of(Role::kFrontend), kGroup);
  const AsUser stranger(kStranger, kStranger);
  CHECK(store.may_read(data.path + "/databases/DB1/log/1.seg"));
  CHECK(store.may_read(data.path + "/directory.mdb"));
  CHECK_FALSE(store.may_write(data.path));
  CHECK_FALSE(store.may_read(data.path + "/queue"));
  CHECK_FALSE(frontend.may_read(data.path + "/databases/DB1/log/1.seg"));
  CHECK(frontend.may_read(data.path + "/directory.mdb"));
  CHECK_FALSE(stranger.may_read(data.path + "/directory.mdb"));
}

TEST_CASE("ownership: a data root that its users cannot reach is refused") {
  if (!root()) return;
  Root data;
  fs::permissions(data.folder.path(), fs::perms(0700));
  const auto given = Ownership(test_users(), data.path).give_data_root();
  REQUIRE(!given);
  CHECK(given.error().code == ErrorCode::kDenied);
  CHECK(given.error().text.find("chmod o+x") != std::string::npos);
}

TEST_CASE("ownership: transport alone reads its secrets") {
  if (!root()) return;
  Root data;
  const Ownership ownership(test_users(), data.path);
  REQUIRE(ownership.give_data_root());
  REQUIRE(child::write_transport_secret(data.path, "srs", Secret("word")));
  fs::create_directories(data.path + "/secrets/transport/dkim/example.org");
  write(data.path + "/secrets/transport/dkim/example.org/s1.key");
  REQUIRE(ownership.give_secrets());
  const child::Users users = test_users();
  for (const char* name : {"srs", "dkim/example.org/s1.key"}) {
    INFO(name);
    const std::string path = data.path + "/secrets/transport/" + name;
    CHECK(AsUser(users.of(Role::kTransport), kGroup).may_read(path));
    CHECK_FALSE(AsUser(users.of(Role::kFrontend), kGroup).may_read(path));
    CHECK_FALSE(AsUser(users.of(Role::kStore), kGroup).may_read(path));
  }
}

TEST_CASE("ownership: a folder that an administrator names is lent or refused") {
  if (!root()) return;
  Root data;
  const Ownership ownership(test_users(), data.path);
  const uid_t store = test_users().of(Role::kStore);
  using Need = Ownership::Need;

  SECTION("a new one below root's folder is made and given") {
    const std::string path = data.folder / "backups/night/DB1";
    REQUIRE(ownership.lend(path, Role::kStore, Need::kWrite));
    CHECK(status_of(path).st_uid == store);
    CHECK((status_of(path).st_mode & 07777) == 0700);
    CHECK(status_of(data.folder / "backups").st_uid == 0);
    CHECK(ownership.lend(path, Role::kStore, Need::kWrite));
  }
  SECTION("however its path is written") {
    REQUIRE(ownership.lend(data.folder / "a/../backups//DB1/", Role::kStore, Need::kWrite));
    CHECK(status_of(data.folder / "backups/DB1").st_uid == store);
    CHECK_FALSE(fs::exists(data.folder / "a"));
  }
  SECTION("root's own stays root's, with the user's name and what to do") {
    const std::string path = data.folder / "mine";
    fs::create_directory(path);
    const auto lent = ownership.lend(path, Role::kStore, Need::kWrite);
    REQUIRE(!lent);
    CHECK(lent.error().code == ErrorCode::kDenied);
    CHECK(lent.error().text.find("chown " + std::to_string(store)) != std::string::npos);
    CHECK(status_of(path).st_uid == 0);
  }
  SECTION("below a folder that is closed to the user nothing is left behind") {
    const std::string closed = data.folder / "closed";
    fs::create_directory(closed);
    fs::permissions(closed, fs::perms(0700));
    CHECK_FALSE(ownership.lend(closed + "/new/DB1", Role::kStore, Need::kWrite));
    CHECK(fs::is_empty(closed));
  }
  SECTION("nothing is made where others may write too") {
    const std::string shared = data.folder / "shared";
    fs::create_directory(shared);
    REQUIRE(::chown(shared.c_str(), kStranger, kStranger) == 0);
    CHECK_FALSE(ownership.lend(shared + "/new", Role::kStore, Need::kWrite));
    CHECK(fs::is_empty(shared));
  }
  SECTION("what is to be read must be readable") {
    write(data.folder / "set");
    fs::permissions(data.folder / "set", fs::perms(0600));
    CHECK_FALSE(ownership.lend(data.folder / "set", Role::kStore, Need::kRead));
    fs::permissions(data.folder / "set", fs::perms(0644));
    CHECK(ownership.lend(data.folder / "set", Role::kStore, Need::kRead));
    CHECK_FALSE(ownership.lend(data.folder / "absent", Role::kStore, Need::kRead));
  }
}

TEST_CASE("ownership: without users of roles only the folders are made") {
  Root data;
  const Ownership ownership({}, data.path);
  const auto before = status_of(data.path);
  REQUIRE(ownership.give_data_root());
  REQUIRE(ownership.share_directory());
  REQUIRE(ownership.lend(data.folder / "never", Role::kStore, Ownership::Need::kWrite));
  CHECK(status_of(data.path).st_uid == before.st_uid);
  CHECK(fs::is_directory(data.path + "/queue"));
  CHECK_FALSE(fs::exists(data.folder / "never"));
}
