#include "server/supervisor/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>

#include "base/log.h"
#include "base/text.h"
#include "server/supervisor/unique_fd.h"

namespace hauspost::supervisor {

namespace {

std::string take_variable(const char* name) {
  const char* value = std::getenv(name);
  std::string out = value == nullptr ? "" : value;
  ::unsetenv(name);
  return out;
}

}  // namespace

ServiceManager ServiceManager::from_environment() {
  std::string socket = take_variable("NOTIFY_SOCKET");
  const auto period_us = parse_u64(take_variable("WATCHDOG_USEC"));
  const std::string pid = take_variable("WATCHDOG_PID");
  const bool ours = pid.empty() || pid == std::to_string(::getpid());
  std::optional<Duration> watchdog;
  if (ours && period_us && *period_us != 0) watchdog = std::chrono::microseconds(*period_us);
  return {std::move(socket), watchdog};
}

void ServiceManager::ready(std::string_view status) const {
  tell(fmt::format("READY=1\nSTATUS={}", status));
}

void ServiceManager::stopping() const { tell("STOPPING=1\nSTATUS=Stopping"); }

Task<void> ServiceManager::keep_alive() const {
  if (!present() || !watchdog_) co_return;
  while (co_await sleep_for(*watchdog_ / 2)) tell("WATCHDOG=1");
}

// Best effort: a manager that does not listen is no reason to stop serving mail.
void ServiceManager::tell(std::string_view state) const {
  if (!present()) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_.size() >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  if (socket_.front() == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size() +
                                             (socket_.front() == '@' ? 0 : 1));
  const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto* to = reinterpret_cast<const sockaddr*>(&address);
  if (!fd ||
      ::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT, to, length) < 0) {
    log::warning("service_manager.tell", {{"cause", errno_error(socket_)}});
  }
}

}  // namespace hauspost::supervisor
