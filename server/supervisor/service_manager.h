// What the service manager that started us (systemd, unit of Type=notify) is told: that we are
// ready, are stopping, and still move. One datagram each, by sd_notify(3)'s protocol.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/async.h"

namespace hauspost::supervisor {

class ServiceManager {
 public:
  // Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID and takes them out of the environment, so
  // that no child speaks for us. Nobody there: every call below does nothing.
  // REQUIRES: no other thread.
  static ServiceManager from_environment();
  ServiceManager(std::string socket, std::optional<Duration> watchdog)
      : socket_(std::move(socket)), watchdog_(watchdog) {}

  bool present() const { return !socket_.empty(); }
  // Every server that must answer does. `status` is a line for people.
  void ready(std::string_view status) const;
  void stopping() const;
  // Tells twice in each of the manager's periods that this thread still runs its tasks; returns at
  // once when it does not want to know, else when cancelled.
  Task<void> keep_alive() const;

 private:
  void tell(std::string_view state) const;

  std::string socket_;  // a path, or '@' and an abstract name
  std::optional<Duration> watchdog_;
};

}  // namespace hauspost::supervisor
