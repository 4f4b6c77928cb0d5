#include "server/supervisor/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <catch2/catch.hpp>

#include <cstdlib>
#include <cstring>

#include "base/task_group.h"
#include "server/supervisor/unique_fd.h"
#include "tests/unit/temp_folder.h"

namespace hauspost::supervisor {
namespace {

using test::TempFolder;

// A service manager's end of the conversation.
class Listener {
 public:
  explicit Listener(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    REQUIRE(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  // Empty: nothing was said.
  std::string heard() {
    char bytes[256];
    const ssize_t size = ::recv(fd_.get(), bytes, sizeof bytes, MSG_DONTWAIT);
    return size < 0 ? "" : std::string(bytes, static_cast<std::size_t>(size));
  }

 private:
  UniqueFd fd_;
};

TEST_CASE("service manager: told of the start and the end, one datagram each") {
  TempFolder folder;
  Listener listener(folder / "notify");
  const ServiceManager manager(folder / "notify", std::nullopt);
  CHECK(listener.heard().empty());
  manager.ready("Mail server of mail.example.test");
  CHECK(listener.heard() == "READY=1\nSTATUS=Mail server of mail.example.test");
  manager.stopping();
  CHECK(listener.heard() == "STOPPING=1\nSTATUS=Stopping");
  CHECK(listener.heard().empty());
}

TEST_CASE("service manager: hears twice in its period that tasks still run, until cancelled") {
  TempFolder folder;
  Listener listener(folder / "notify");
  const ServiceManager manager(folder / "notify", std::chrono::milliseconds(20));
  asio::io_context io(1);
  TaskGroup tasks(io.get_executor());
  tasks.spawn("watchdog", manager.keep_alive());
  for (int told = 0; told < 3;) {
    io.run_one();
    if (listener.heard() == "WATCHDOG=1") ++told;
  }
  tasks.stop();
  io.run();
  CHECK(tasks.size() == 0);
}

TEST_CASE("service manager: its variables are taken once and not left for children") {
  TempFolder folder;
  Listener listener(folder / "notify");
  const std::string path = folder / "notify";
  REQUIRE(::setenv("NOTIFY_SOCKET", path.c_str(), 1) == 0);
  REQUIRE(::setenv("WATCHDOG_USEC", "30000000", 1) == 0);
  REQUIRE(::setenv("WATCHDOG_PID", "1", 1) == 0);  // not ours: no watchdog is wanted of us
  const auto manager = ServiceManager::from_environment();
  CHECK(manager.present());
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
    CHECK(std::getenv(name) == nullptr);
  asio::io_context io(1);
  TaskGroup tasks(io.get_executor());
  tasks.spawn("watchdog", manager.keep_alive());
  io.run();
  CHECK(tasks.size() == 0);
  CHECK(!ServiceManager::from_environment().present());
}

TEST_CASE("service manager: nobody there, or gone, is no fault") {
  const ServiceManager nobody("", std::nullopt);
  nobody.ready("x");
  TempFolder folder;
  const ServiceManager gone(folder / "not-there", std::nullopt);
  gone.ready("x");
  const ServiceManager too_long(std::string(300, 'a'), std::nullopt);
  too_long.stopping();
  CHECK(gone.present());
}

}  // namespace
}  // namespace hauspost::supervisor
