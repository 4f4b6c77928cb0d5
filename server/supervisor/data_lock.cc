#include "server/supervisor/data_lock.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>

#include <fmt/format.h>

#include <chrono>
#include <fstream>
#include <string>
#include <thread>

#include "base/text.h"

namespace hauspost::supervisor {

namespace {

constexpr std::chrono::seconds kWaitForOrphans{10};
constexpr std::chrono::milliseconds kLookAgain{20};

pid_t recorded_pid(int fd) {
  char text[32] = {};
  const ssize_t count = ::pread(fd, text, sizeof text - 1, 0);
  if (count <= 0) return 0;
  const auto pid = parse_u64(std::string_view(text, static_cast<std::size_t>(count))
                                 .substr(0, std::string_view(text).find('\n')));
  return pid && *pid < 1u << 30 ? static_cast<pid_t>(*pid) : 0;
}

// Not so for one that has ended but was not yet collected by its parent.
bool is_alive(pid_t pid) {
  if (pid <= 0 || (::kill(pid, 0) != 0 && errno != EPERM)) return false;
  std::ifstream stat(fmt::format("/proc/{}/stat", pid));
  std::string text;
  std::getline(stat, text);
  const std::size_t name_end = text.rfind(')');
  return name_end == std::string::npos ||
         !std::string_view(text).substr(name_end).starts_with(") Z");
}

Result<> record_pid(int fd) {
  const std::string text = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd, 0) != 0 ||
      ::pwrite(fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return fail(errno_error("writing the lock file"));
  }
  return {};
}

}  // namespace

Result<UniqueFd> lock_data_root(const std::string& data_root) {
  const std::string path = data_root + "/lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return fail(errno_error(path));
  const auto give_up = std::chrono::steady_clock::now() + kWaitForOrphans;
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail(errno_error(path));
    const pid_t holder = recorded_pid(fd.get());
    if (is_alive(holder) || std::chrono::steady_clock::now() > give_up) {
      return fail(ErrorCode::kExists,
                  fmt::format("{}: hauspostd runs here already (pid {}); stop it with: hauspost "
                              "server stop --data {}",
                              data_root, holder, data_root));
    }
    std::this_thread::sleep_for(kLookAgain);
  }
  TRY(record_pid(fd.get()));
  return fd;
}

}  // namespace hauspost::supervisor
