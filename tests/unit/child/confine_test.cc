// Each fence is raised in a process of its own, for there is no way back.
#include "server/child/confine.h"

#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "base/text.h"
#include "server/child/unix_service.h"
#include "server/child/wire.h"
#include "tests/unit/temp_folder.h"

using namespace hauspost;
using namespace hauspost::child;
using hauspost::test::TempFolder;
namespace fs = std::filesystem;

namespace {

constexpr uid_t kUser = 61001;
constexpr gid_t kGroup = 61100;
constexpr int kFailed = 99;  // a step that the test needs did not work

// How a process ended that did this: its exit status, or minus the signal.
int in_a_process(const std::function<int()>& work) {
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    ::_exit(work());
  }
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

// 0, or the errno of opening it.
int open_error(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  ::close(fd);
  return 0;
}

int strict(const std::function<int()>& work, SyscallFence fence = {}) {
  return in_a_process([&] { return raise_syscall_fence(fence) ? work() : kFailed; });
}

int run_true() {
  ::execl("/bin/true", "true", nullptr);
  return errno;
}

Users test_users() {
  Users users;
  users.switching = true;
  for (std::size_t i = 0; i < kRoleCount; ++i) users.ids[i] = kUser + static_cast<uid_t>(i);
  users.group = kGroup;
  return users;
}

bool under_sanitizers() {
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  return true;
#endif
#endif
  return false;
}

}  // namespace

TEST_CASE("users: a role gives up root, its groups and every capability, for good") {
  if (::geteuid() != 0) return;
  const auto became = [](Role role) {
    Users users = test_users();
    users.auth_groups = {42};
    if (!become(users, role)) return kFailed;
    gid_t groups[8];
    const int count = ::getgroups(8, groups);
    if (::getuid() != users.of(role) || ::getegid() != kGroup) return 1;
    if (count != (role == Role::kAuth ? 1 : 0)) return 2;
    if (::setuid(0) == 0 || ::setgroups(0, nullptr) == 0) return 3;
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
      const bool capabilities = line.starts_with("CapEff") || line.starts_with("CapPrm") ||
                                line.starts_with("CapInh") || line.starts_with("CapAmb");
      if (capabilities && line.find_first_not_of('0', line.find('\t') + 1) != std::string::npos)
        return 4;
    }
    if (open_error("/etc/shadow", O_RDONLY) != EACCES && role != Role::kAuth) return 5;
    return 0;
  };
  for (std::size_t i = 0; i < kRoleCount; ++i) {
    INFO(kRoleWords[i]);
    CHECK(in_a_process([&] { return became(static_cast<Role>(i)); }) == 0);
  }
}

TEST_CASE("users: root is no role's user, and nobody switches unless told") {
  Users users = test_users();
  users.ids[0] = 0;
  CHECK_FALSE(become(users, Role::kAuth));
  CHECK(become(Users(), Role::kAuth));
  if (::geteuid() == 0) return;
  CHECK_FALSE(become(test_users(), Role::kStore));
}

TEST_CASE("users: a socket is for its callers and root alone") {
  const Users users = test_users();
  CHECK(callers(users, {Role::kFrontend, Role::kWeb}) ==
        std::vector<uid_t>{0, users.of(Role::kFrontend), users.of(Role::kWeb)});
  CHECK(callers(Users(), {Role::kFrontend}) == std::vector<uid_t>{0, ::geteuid()});
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  CHECK(may_call(ends[0], std::vector<uid_t>{::geteuid()}, "test"));
  CHECK_FALSE(may_call(ends[0], std::vector<uid_t>{::geteuid() + 1}, "test"));
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("users: they cross to the child with the other settings") {
  Settings settings;
  settings.users = test_users();
  settings.users.auth_groups = {42, 7};
  settings.confined = false;
  settings.auth_helpers = true;
  settings.further_reads = {"/etc/keys.json"};
  const auto read = settings_from_wire(std::string_view(to_wire(settings)).substr(4));
  REQUIRE(read);
  CHECK(read->users.switching);
  CHECK(read->users.ids == settings.users.ids);
  CHECK(read->users.group == kGroup);
  CHECK(read->users.auth_groups == settings.users.auth_groups);
  CHECK_FALSE(read->confined);
  CHECK(read->auth_helpers);
  CHECK(read->further_reads == settings.further_reads);
  const auto plain = settings_from_wire(std::string_view(to_wire(Settings())).substr(4));
  REQUIRE(plain);
  CHECK_FALSE(plain->users.switching);
  CHECK(plain->confined);
}

TEST_CASE("landlock: only what the rules name can be opened") {
  if (landlock_version() == 0) return;
  TempFolder folder;
  for (const char* name : {"own", "shown", "hidden"}) {
    fs::create_directory(folder / name);
    std::ofstream(folder / (std::string(name) + "/file")) << "x";
  }
  const LandlockFence fence{.files = {{folder / "own", Access::kWrite},
                                      {folder / "shown", Access::kRead},
                                      {folder / "absent", Access::kWrite}}};
  CHECK(in_a_process([&] {
          if (!raise_landlock(fence)) return kFailed;
          if (open_error(folder / "own/file", O_RDWR | O_TRUNC) != 0) return 1;
          if (open_error(folder / "own/new", O_WRONLY | O_CREAT) != 0) return 2;
          if (::rename((folder / "own/new").c_str(), (folder / "own/old").c_str()) != 0) return 3;
          if (::unlink((folder / "own/old").c_str()) != 0) return 4;
          if (open_error(folder / "shown/file", O_RDONLY) != 0) return 5;
          if (open_error(folder / "shown/file", O_WRONLY) != EACCES) return 6;
          if (open_error(folder / "shown/new", O_WRONLY | O_CREAT) != EACCES) return 7;
          if (open_error(folder / "hidden/file", O_RDONLY) != EACCES) return 8;
          if (open_error("/etc/passwd", O_RDONLY) != EACCES) return 9;
          if (::mkfifo((folder / "own/pipe").c_str(), 0600) == 0) return 10;
          return run_true() == EACCES ? 0 : 11;
        }) == 0);
}

TEST_CASE("landlock: with any file, programs and connections out stay fenced off") {
  if (landlock_version() == 0) return;
  CHECK(in_a_process([] {
          if (!raise_landlock({.any_file = true})) return kFailed;
          if (open_error("/etc/passwd", O_RDONLY) != 0) return 1;
          if (landlock_version() >= 4) {
            sockaddr_in nobody{};
            nobody.sin_family = AF_INET;
            nobody.sin_port = htons(9);
            nobody.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
            if (::connect(fd, reinterpret_cast<sockaddr*>(&nobody), sizeof nobody) == 0 ||
                errno != EACCES)
              return 2;
          }
          return run_true() == EACCES ? 0 : 3;
        }) == 0);
}

TEST_CASE("system calls: what a role needs goes on") {
  if (under_sanitizers()) return;
  CHECK(strict([] {
          int sum = 0;
          std::thread([&] { sum = 1; }).join();
          if (sum != 1) return 1;
          const std::string big(1 << 20, 'x');
          if (big.size() != 1U << 20) return 2;
          int ends[2];
          if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return 3;
          if (::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0) return 4;
          if (open_error("/dev/null", O_RDWR) != 0) return 5;
          try {
            throw std::runtime_error("caught");
          } catch (const std::runtime_error&) {
            return 0;
          }
        }) == 0);
}

TEST_CASE("system calls: Internet sockets are for roles that connect") {
  if (under_sanitizers()) return;
  const auto open_socket = [](int family) {
    return [family] { return ::socket(family, SOCK_STREAM, 0) >= 0 ? 0 : errno; };
  };
  CHECK(strict(open_socket(AF_INET)) == ENOSYS);
  CHECK(strict(open_socket(AF_INET6)) == ENOSYS);
  CHECK(strict(open_socket(AF_INET), {.internet = true}) == 0);
  CHECK(strict(open_socket(AF_INET6), {.internet = true}) != ENOSYS);
  CHECK(strict(open_socket(AF_PACKET), {.internet = true}) == ENOSYS);
  CHECK(strict(open_socket(AF_NETLINK), {.internet = true}) == ENOSYS);
}

TEST_CASE("system calls: an intruder's end the process") {
  if (under_sanitizers()) return;
  CHECK(strict(run_true) == -SIGSYS);
  CHECK(strict([] { return ::setuid(0); }) == -SIGSYS);
  CHECK(strict([] { return static_cast<int>(::ptrace(PTRACE_TRACEME, 0, 0, 0)); }) == -SIGSYS);
  CHECK(strict([] { return ::unshare(0); }) == -SIGSYS);
  CHECK(strict([] { return static_cast<int>(::syscall(SYS_io_uring_setup, 1, nullptr)); }) ==
        -SIGSYS);
  CHECK(strict([] { return ::fork() < 0 ? errno : 0; }) == ENOSYS);
  CHECK(strict([] { return ::kill(::getppid(), 0) < 0 ? errno : 0; }) == ENOSYS);
  // No page may be both written and run, nor become so.
  CHECK(strict([] {
          void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
          if (page != MAP_FAILED) return 1;
          page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
          return ::mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0 ? 2 : 0;
        }) == 0);
}

TEST_CASE("system calls: a role with helpers starts them, and no more") {
  if (under_sanitizers()) return;
  const SyscallFence helpers{.programs = true};
  CHECK(strict(run_true, helpers) == 0);
  CHECK(strict([] { return ::ptrace(PTRACE_TRACEME, 0, 0, 0) < 0 ? errno : 0; }, helpers) == EPERM);
}

TEST_CASE("confine: each role stands behind its fence") {
  Settings settings;
  settings.data_root = "/var/lib/hauspost";
  settings.run_dir = "/var/lib/hauspost/run";
  settings.directory_path = "/var/lib/hauspost/directory.mdb";
  const auto may_write = [&](Role role, const std::string& path) {
    settings.role = role;
    const LandlockFence fence = landlock_fence(settings);
    return fence.any_file || std::ranges::any_of(fence.files, [&](const FileRule& rule) {
             return rule.path == path && rule.access == Access::kWrite;
           });
  };
  CHECK(may_write(Role::kAuth, "/var/lib/hauspost/auth"));
  CHECK(may_write(Role::kTransport, "/var/lib/hauspost/queue"));
  CHECK(may_write(Role::kStore, "/srv/backup"));
  for (const Role role : {Role::kFrontend, Role::kWeb}) {
    settings.role = role;
    for (const FileRule& rule : landlock_fence(settings).files) {
      INFO(rule.path);
      CHECK(rule.access != Access::kWrite);
      CHECK(rule.access != Access::kExecute);
    }
    CHECK_FALSE(syscall_fence(settings).internet);
  }
  CHECK_FALSE(may_write(Role::kTransport, "/var/lib/hauspost/auth"));
  CHECK_FALSE(may_write(Role::kAuth, "/var/lib/hauspost/queue"));
  for (std::size_t i = 0; i < kRoleCount; ++i) {
    settings.role = static_cast<Role>(i);
    CHECK(syscall_fence(settings).programs == (settings.role == Role::kTransport));
  }
  settings.role = Role::kAuth;
  settings.auth_helpers = true;
  CHECK(syscall_fence(settings).programs);
  settings.further_reads = {"/etc/hauspost/keys.json"};
  CHECK(landlock_fence(settings).files.back().path == "/etc/hauspost/");
}
