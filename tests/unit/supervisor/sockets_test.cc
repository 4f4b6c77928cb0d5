#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "server/supervisor/data_lock.h"
#include "server/supervisor/frontend_listeners.h"
#include "tests/unit/temp_folder.h"

using namespace hauspost;
using namespace hauspost::supervisor;
using hauspost::test::TempFolder;

namespace {

// A port of the loopback that was free just now.
std::uint16_t free_port() {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  REQUIRE(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
  REQUIRE(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
  return ntohs(address.sin_port);
}

ListenerSettings on_loopback(std::string service) {
  return {std::move(service), "127.0.0.1", free_port()};
}

}  // namespace

TEST_CASE("sockets: a port in use is one clear line") {
  const ListenerSettings listener = on_loopback("imaps");
  const auto first = listen_tcp(listener);
  REQUIRE(first);
  const auto second = listen_tcp(listener);
  REQUIRE(!second);
  CHECK(second.error().code == ErrorCode::kExists);
  CHECK_THAT(second.error().text, Catch::Contains("listener imaps on " + listener.endpoint()));
  CHECK_THAT(second.error().text, Catch::Contains("[listeners] imaps"));
  CHECK(second.error().text.find('\n') == std::string::npos);
}

TEST_CASE("sockets: an address that is not ours is one clear line") {
  const auto refused = listen_tcp({"smtp", "192.0.2.1", 10'025});
  REQUIRE(!refused);
  CHECK_THAT(refused.error().text, Catch::Contains("does not have that address"));
}

TEST_CASE("sockets: a Unix socket is private and replaces what a dead supervisor left") {
  TempFolder folder;
  const std::string path = folder / "a.sock";
  REQUIRE(listen_unix(path));
  REQUIRE(listen_unix(path));
  struct stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  const auto refused = listen_unix(folder / std::string(120, 'x'));
  REQUIRE(!refused);
  CHECK_THAT(refused.error().text, Catch::Contains("shorter path"));
}

TEST_CASE("sockets: listeners follow their services, and a failure changes nothing") {
  FrontendListeners listeners({on_loopback("smtp"), on_loopback("submissions"), on_loopback("imap"),
                               on_loopback("imaps"), on_loopback("pop3")});
  bool imap = false;
  const auto is_on = [&](std::string_view service) { return service != "imap" || imap; };
  const auto open = [&] {
    std::string names;
    for (const child::NamedDescriptor& one : listeners.descriptors()) names += one.name + " ";
    return names;
  };
  CHECK(listeners.apply(is_on) == true);
  CHECK(open() == "smtp submissions pop3 ");
  CHECK(listeners.apply(is_on) == false);

  const auto taken = listen_tcp(listeners.all()[3].settings);
  REQUIRE(taken);
  imap = true;
  CHECK(!listeners.apply(is_on));
  CHECK(open() == "smtp submissions pop3 ");
}

TEST_CASE("sockets: enabling and disabling a service opens and closes both its listeners") {
  FrontendListeners listeners({on_loopback("imap"), on_loopback("imaps")});
  CHECK(listeners.apply([](std::string_view) { return true; }) == true);
  CHECK(listeners.descriptors().size() == 2);
  CHECK(listeners.apply([](std::string_view) { return false; }) == true);
  CHECK(listeners.descriptors().empty());
}

TEST_CASE("data lock: one supervisor at a time") {
  TempFolder folder;
  {
    const auto first = lock_data_root(folder.path());
    REQUIRE(first);
    const auto second = lock_data_root(folder.path());
    REQUIRE(!second);
    CHECK(second.error().code == ErrorCode::kExists);
    CHECK_THAT(second.error().text, Catch::Contains("runs here already"));
  }
  CHECK(lock_data_root(folder.path()));
}
