#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "server/child/descriptor_channel.h"
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

std::string open_names(const FrontendListeners& listeners) {
  std::string names;
  for (const FrontendListeners::Listener& one : listeners.all()) {
    if (one.fd) names += one.name + " ";
  }
  return names;
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

TEST_CASE("sockets: at the start a connector's address may still be absent") {
  ListenerSettings away{.service = "smtp", .address = "192.0.2.1", .port = 2525};
  CHECK(listen_tcp(away).error().code == ErrorCode::kInvalid);
  CHECK(listen_tcp(away, AbsentAddress::kAwaited).error().code == ErrorCode::kInvalid);
  away.connector = "Partner";
  CHECK(listen_tcp(away).error().code == ErrorCode::kInvalid);
  CHECK(listen_tcp(away, AbsentAddress::kAwaited));
  away.address = "2001:db8::1";
  CHECK(listen_tcp(away, AbsentAddress::kAwaited));
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
  CHECK(listeners.open(is_on) == true);
  CHECK(open_names(listeners) == "smtp#1 submissions#2 pop3#3 ");
  CHECK(listeners.open(is_on) == false);

  const auto taken = listen_tcp(listeners.all()[3].settings);
  REQUIRE(taken);
  imap = true;
  CHECK(!listeners.open(is_on));
  CHECK(open_names(listeners) == "smtp#1 submissions#2 pop3#3 ");
}

TEST_CASE("sockets: enabling and disabling a service opens and closes both its listeners") {
  FrontendListeners listeners({on_loopback("imap"), on_loopback("imaps")});
  CHECK(listeners.open([](std::string_view) { return true; }) == true);
  CHECK(open_names(listeners) == "imap#1 imaps#2 ");
  const auto off = [](std::string_view) { return false; };
  CHECK(listeners.open(off) == false);
  CHECK(listeners.close(off));
  CHECK(open_names(listeners).empty());
  CHECK_FALSE(listeners.close(off));
}

TEST_CASE("sockets: each open listener is given once, and again to a new front-end") {
  FrontendListeners listeners({on_loopback("imap"), on_loopback("pop3")});
  const auto imap_only = [](std::string_view service) { return service == "imap"; };
  const auto all = [](std::string_view) { return true; };
  const auto given = [&] {
    std::string names;
    for (const child::NamedDescriptor& one : listeners.give()) names += one.name + " ";
    return names;
  };
  REQUIRE(listeners.open(imap_only));
  CHECK(given() == "imap#1 ");
  CHECK(given().empty());
  REQUIRE(listeners.open(all));
  CHECK(given() == "pop3#2 ");
  CHECK(listeners.close(imap_only));
  listeners.forget_given();
  CHECK(given() == "imap#1 ");
}

TEST_CASE("sockets: a changed list keeps the sockets that it has in common with the old one") {
  const auto all = [](std::string_view) { return true; };
  ListenerSettings renamed = on_loopback("smtp");
  FrontendListeners listeners({on_loopback("imap"), renamed});
  REQUIRE(listeners.open(all));
  renamed.connector = "Relay";
  listeners.change({renamed, on_loopback("pop3")});
  REQUIRE(listeners.open(all));
  CHECK(open_names(listeners) == "smtp#2 pop3#3 imap#1 ");
  CHECK(listeners.all()[0].settings.connector == "Relay");
  CHECK(listeners.close(all));
  CHECK(open_names(listeners) == "smtp#2 pop3#3 ");
  CHECK(listeners.all().size() == 2);
}

TEST_CASE("descriptor channel: descriptors arrive under their names, in order") {
  const auto ends = child::make_descriptor_channel();
  REQUIRE(ends);
  const UniqueFd ours(ends->first);
  const UniqueFd theirs(ends->second);
  REQUIRE(child::take_descriptors(theirs.get())->empty());

  std::vector<UniqueFd> pipes;
  std::vector<child::NamedDescriptor> sent;
  for (int i = 0; i < 130; ++i) {  // more than go into one message
    int pair[2];
    REQUIRE(::pipe(pair) == 0);
    pipes.emplace_back(pair[0]);
    pipes.emplace_back(pair[1]);
    sent.push_back({"pipe#" + std::to_string(i), pair[1]});
  }
  REQUIRE(child::send_descriptors(ours.get(), sent));
  const auto taken = child::take_descriptors(theirs.get());
  REQUIRE(taken);
  REQUIRE(taken->size() == sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) {
    const UniqueFd fd((*taken)[i].fd);
    CHECK((*taken)[i].name == sent[i].name);
    const char written = static_cast<char>(i);
    char read = 0;
    REQUIRE(::write(fd.get(), &written, 1) == 1);
    REQUIRE(::read(pipes[2 * i].get(), &read, 1) == 1);
    CHECK(read == written);
  }
}

TEST_CASE("descriptor channel: bytes without descriptors and bad names are refused") {
  const auto ends = child::make_descriptor_channel();
  REQUIRE(ends);
  const UniqueFd ours(ends->first);
  UniqueFd theirs(ends->second);
  REQUIRE(::write(ours.get(), "imap#1\n", 7) == 7);
  const auto corrupt = child::take_descriptors(theirs.get());
  REQUIRE_FALSE(corrupt);
  CHECK(corrupt.error().code == ErrorCode::kCorrupt);
  for (const std::string& name : {std::string(), std::string("a\nb"), std::string(200, 'x')}) {
    const std::vector<child::NamedDescriptor> one = {{name, ours.get()}};
    CHECK_FALSE(child::send_descriptors(ours.get(), one));
  }
  theirs.reset();
  const std::vector<child::NamedDescriptor> late = {{"late", ours.get()}};
  const auto gone = child::send_descriptors(ours.get(), late);
  REQUIRE_FALSE(gone);
  CHECK(gone.error().code == ErrorCode::kUnavailable);
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
