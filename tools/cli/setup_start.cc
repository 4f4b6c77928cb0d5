// Starting hauspostd: by systemd where it runs, else by ourselves, detached from the terminal.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "server/supervisor/settings.h"
#include "tools/cli/setup_run.h"

extern char** environ;

namespace hauspost::cli {

namespace {

namespace fs = std::filesystem;

constexpr Seconds kStartPatience{60};
constexpr Milliseconds kStartStep{50};
constexpr std::string_view kUnit = "hauspost.service";
constexpr const char* kUnitFolders[] = {"/lib/systemd/system", "/usr/lib/systemd/system",
                                        "/etc/systemd/system"};

// systemd is this machine's init and knows the unit, and the data root is the one the unit serves.
bool systemd_serves(const std::string& root) {
  std::error_code code;
  if (root != supervisor::kSystemDataRoot || !fs::exists("/run/systemd/system", code)) return false;
  for (const char* folder : kUnitFolders)
    if (fs::exists(fs::path(folder) / kUnit, code)) return true;
  return false;
}

Outcome<> run_systemctl() {
  const std::string unit(kUnit);
  const char* const words[] = {"systemctl", "enable", "--now", unit.c_str(), nullptr};
  pid_t pid = 0;
  const int error =
      ::posix_spawnp(&pid, "systemctl", nullptr, nullptr, const_cast<char* const*>(words), environ);
  if (error != 0) return refused(errno_error("systemctl", error));
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return std::unexpected(
      Failure{Exit::kUnreachable, "unreachable",
              fmt::format("systemctl enable --now {} failed; see: journalctl -u {}", unit, unit)});
}

std::string daemon_path() {
  std::error_code code;
  const fs::path beside = fs::read_symlink("/proc/self/exe", code).parent_path() / "hauspostd";
  if (!code && fs::exists(beside, code)) return beside.string();
  return "/usr/lib/hauspost/hauspostd";
}

Outcome<pid_t> spawn_detached(const std::string& root, const std::string& log) {
  const std::string program = daemon_path();
  const char* const words[] = {program.c_str(), "--data", root.c_str(), nullptr};
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::posix_spawn_file_actions_adddup2(&files, 1, 2);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, program.c_str(), &files, &attributes,
                                  const_cast<char* const*>(words), environ);
  ::posix_spawn_file_actions_destroy(&files);
  ::posix_spawnattr_destroy(&attributes);
  if (error != 0) return refused(errno_error(program, error));
  return pid;
}

Outcome<> start_detached(const std::string& root) {
  std::error_code code;
  const std::string ready = root + "/run/ready";
  const std::string log = root + "/hauspostd.log";
  fs::remove(ready, code);  // of a server that was killed
  TRY_ASSIGN(const pid_t pid, spawn_detached(root, log));
  const auto end = std::chrono::steady_clock::now() + kStartPatience;
  while (!fs::exists(ready, code)) {
    int status = 0;
    const bool ended = ::waitpid(pid, &status, WNOHANG) == pid;
    if (ended || std::chrono::steady_clock::now() > end)
      return std::unexpected(
          Failure{Exit::kUnreachable, "unreachable",
                  fmt::format("the server {}; see the last lines of {}",
                              ended ? "ended at once" : "is not ready after a minute", log)});
    std::this_thread::sleep_for(kStartStep);
  }
  return {};
}

}  // namespace

Outcome<> start_server(const std::string& root, const std::string& how) {
  if (how == "detached") return start_detached(root);
  if (how == "auto" && systemd_serves(root)) return run_systemctl();
  return std::unexpected(
      Failure{Exit::kUnreachable, "unreachable",
              fmt::format("no server runs here; start it with: hauspostd --data {} (or add --start "
                          "detached), then: hauspost setup",
                          root)});
}

}  // namespace hauspost::cli
