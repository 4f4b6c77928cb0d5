#include "server/supervisor/child_process.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>

#include <catch2/catch.hpp>

#include <cstdio>

#include "base/socket_stream.h"
#include "server/child/wire.h"
#include "server/supervisor/sockets.h"
#include "tests/unit/base/run.h"
#include "tests/unit/temp_folder.h"

using namespace hauspost;
using namespace hauspost::supervisor;
using hauspost::test::run;
using hauspost::test::TempFolder;
using namespace std::chrono_literals;
using State = ChildProcess::State;

namespace {

constexpr Duration kPatience = 10s;

struct Fixture {
  explicit Fixture(std::string behaviour, unsigned quarantine_deaths = 0) {
    auto listening = listen_unix(folder / "session");
    REQUIRE(listening);
    session = std::move(*listening);
    ChildSpec spec;
    spec.name = "fake";
    spec.program = FAKE_CHILD;
    spec.settings = [behaviour = std::move(behaviour)] {
      child::Settings settings;
      settings.role = child::Role::kStore;
      settings.hostname = behaviour;
      settings.database = "DB1";
      settings.epoch = 7;
      return settings;
    };
    spec.listeners = [this] {
      return std::vector<child::NamedDescriptor>{{"session", session.get()},
                                                 {"delivery", session.get()}};
    };
    spec.restart.quarantine_deaths = quarantine_deaths;
    spec.restart.first_delay = 1ms;
    spec.on_ready = [this] { ++ready; };
    spec.on_quarantine = [this] { ++quarantined; };
    process = std::make_unique<ChildProcess>(io.get_executor(), std::move(spec));
  }

  Task<std::string> call(std::uint16_t method) {
    const auto control = process->control();
    REQUIRE(control);
    const auto answer = co_await control->call(method, "", kPatience);
    co_return answer ? *answer : answer.error().text;
  }

  // Until `reached`, looking again at each turn of the loop.
  Task<void> wait_until(std::function<bool()> reached) {
    while (!reached()) REQUIRE(co_await sleep_for(1ms));
  }

  TempFolder folder;
  asio::io_context io{1};
  UniqueFd session;
  int ready = 0;
  int quarantined = 0;
  std::unique_ptr<ChildProcess> process;
};

Task<std::string> read_greeting(std::string path) {
  auto socket = co_await link::connect_unix(std::move(path));
  REQUIRE(socket);
  UnixStream stream(std::move(*socket));
  stream.set_timeout(kPatience);
  char bytes[16];
  const auto count = co_await stream.read_some(bytes);
  REQUIRE(count);
  co_return std::string(bytes, *count);
}

bool ends_within(int pidfd, int timeout_ms) {
  pollfd one{pidfd, POLLIN, 0};
  return ::poll(&one, 1, timeout_ms) == 1;
}

}  // namespace

TEST_CASE("child settings: what is written reads back the same") {
  child::Settings settings;
  settings.role = child::Role::kFrontend;
  settings.data_root = "/data";
  settings.run_dir = "/data/run";
  settings.database = "DB 1";
  settings.database_guid = Guid::random();
  settings.epoch = 99;
  settings.create_database = true;
  settings.message_bytes_max = 12345;
  const std::string wire = child::to_wire(settings);
  const auto read = child::settings_from_wire(std::string_view(wire).substr(4));
  REQUIRE(read);
  CHECK(read->role == settings.role);
  CHECK(read->run_dir == settings.run_dir);
  CHECK(read->database == settings.database);
  CHECK(read->database_guid == settings.database_guid);
  CHECK(read->epoch == settings.epoch);
  CHECK(read->create_database);
  CHECK(read->message_bytes_max == settings.message_bytes_max);
  CHECK(!child::settings_from_wire("\xff\xff"));
  CHECK(!child::settings_from_wire(""));
}

TEST_CASE("child paths: long names stay short and apart, case does not matter") {
  const std::string run_dir = "/r";
  CHECK(child::store_session_socket(run_dir, "DB1") == "/r/store-db1.session");
  CHECK(child::store_session_socket(run_dir, "db1") == child::store_session_socket(run_dir, "DB1"));
  CHECK(child::store_session_socket(run_dir, "a b") != child::store_session_socket(run_dir, "a_b"));
  const std::string one(64, 'x');
  std::string other = one;
  other.back() = 'y';
  CHECK(child::store_delivery_socket(run_dir, one).size() < 60);
  CHECK(child::store_delivery_socket(run_dir, one) != child::store_delivery_socket(run_dir, other));
}

TEST_CASE("child process: it is told its settings and gets its descriptors by name") {
  Fixture f("serve");
  run(f.io, [](Fixture& t) -> Task<void> {
    t.process->start();
    CHECK(co_await t.process->wait_running(kPatience));
    CHECK(t.ready == 1);
    CHECK(co_await t.call(100) == "DB1 7 session delivery");
    CHECK(co_await read_greeting(t.folder / "session") == "hello\n");
    co_await t.process->stop(kPatience);
    CHECK(t.process->facts().state == State::kStopped);
    CHECK(t.process->facts().crashes == 0);
    CHECK(t.process->facts().pid == 0);
  }(f));
}

TEST_CASE("child process: a killed one is started again, and connections wait meanwhile") {
  Fixture f("serve");
  run(f.io, [](Fixture& t) -> Task<void> {
    t.process->start();
    REQUIRE(co_await t.process->wait_running(kPatience));
    const pid_t first = t.process->facts().pid;
    ::kill(first, SIGKILL);
    CHECK(co_await read_greeting(t.folder / "session") == "hello\n");
    co_await t.wait_until([&] { return t.ready == 2; });
    CHECK(t.process->facts().pid != first);
    CHECK(t.process->facts().crashes == 1);
    CHECK(t.process->facts().last_death == "signal 9 (Killed)");
    co_await t.process->stop(kPatience);
  }(f));
}

TEST_CASE("child process: calls under way fail when it dies; a death in order is no crash") {
  Fixture f("serve");
  run(f.io, [](Fixture& t) -> Task<void> {
    t.process->start();
    REQUIRE(co_await t.process->wait_running(kPatience));
    CHECK(co_await t.call(101) == "rpc: connection lost");
    co_await t.wait_until([&] { return t.ready == 2; });
    CHECK(t.process->facts().last_death == "exit status 7");
    CHECK(t.process->facts().crashes == 1);
    CHECK(co_await t.call(102) == "rpc: connection lost");
    co_await t.wait_until([&] { return t.ready == 3; });
    CHECK(t.process->facts().crashes == 1);
    co_await t.process->stop(kPatience);
  }(f));
}

TEST_CASE("child process: one that dies at each start is put aside, until started by hand") {
  Fixture f("die", 3);
  run(f.io, [](Fixture& t) -> Task<void> {
    t.process->start();
    CHECK(!co_await t.process->wait_running(kPatience));
    co_await t.wait_until([&] { return t.quarantined == 1; });
    CHECK(t.process->facts().state == State::kQuarantined);
    CHECK(t.process->facts().crashes == 3);
    CHECK(!t.process->control());
    t.process->start();
    co_await t.wait_until([&] { return t.quarantined == 2; });
    CHECK(t.process->facts().crashes == 6);
    co_await t.process->stop(kPatience);
    CHECK(t.process->facts().state == State::kStopped);
    CHECK(t.ready == 0);
  }(f));
}

TEST_CASE("child process: stopping does not wait for a back-off") {
  Fixture f("die");
  run(f.io, [](Fixture& t) -> Task<void> {
    t.process->start();
    co_await t.wait_until([&] { return t.process->facts().crashes >= 8; });
    co_await t.process->stop(kPatience);
    CHECK(t.process->facts().state == State::kStopped);
  }(f));
}

TEST_CASE("child process: one that does not stop is killed") {
  Fixture f("deaf");
  run(f.io, [](Fixture& t) -> Task<void> {
    t.process->start();
    REQUIRE(co_await t.process->wait_running(kPatience));
    const auto begun = std::chrono::steady_clock::now();
    co_await t.process->stop(200ms);
    CHECK(std::chrono::steady_clock::now() - begun < 5s);
    CHECK(t.process->facts().state == State::kStopped);
    CHECK(t.process->facts().crashes == 0);
  }(f));
}

TEST_CASE("child process: failing on the way out is a crash") {
  Fixture f("clumsy");
  run(f.io, [](Fixture& t) -> Task<void> {
    t.process->start();
    REQUIRE(co_await t.process->wait_running(kPatience));
    co_await t.process->stop(kPatience);
    CHECK(t.process->facts().state == State::kStopped);
    CHECK(t.process->facts().crashes == 1);
  }(f));
}

TEST_CASE("child process: a restart on demand is no crash") {
  Fixture f("serve");
  run(f.io, [](Fixture& t) -> Task<void> {
    t.process->start();
    REQUIRE(co_await t.process->wait_running(kPatience));
    t.process->restart(kPatience);
    co_await t.wait_until([&] { return t.ready == 2; });
    CHECK(t.process->facts().crashes == 0);
    CHECK(t.process->facts().last_death.empty());
    co_await t.process->stop(kPatience);
  }(f));
}

TEST_CASE("child process: a program that does not exist is an error, not a crash of ours") {
  CHECK(!spawn_child("/nonexistent/program", {}, {}, {}));
}

TEST_CASE("child process: children die with their supervisor") {
  const std::string command = std::string("exec ") + FAKE_CHILD + " --supervise " + FAKE_CHILD;
  std::FILE* output = ::popen(command.c_str(), "r");
  REQUIRE(output != nullptr);
  int child = 0;
  REQUIRE(std::fscanf(output, "%d", &child) == 1);
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  REQUIRE(pidfd);
  CHECK(!ends_within(pidfd.get(), 0));
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/stat", child);
  std::FILE* status = std::fopen(path, "r");
  REQUIRE(status != nullptr);
  int parent = 0;
  const int found = std::fscanf(status, "%*d (%*[^)]) %*c %d", &parent);
  std::fclose(status);
  REQUIRE(found == 1);
  ::kill(parent, SIGKILL);
  CHECK(ends_within(pidfd.get(), 5000));
  ::pclose(output);
}
