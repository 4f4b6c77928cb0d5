// A whole supervisor with fake children, asked over its admin socket.
#include "server/supervisor/supervisor.h"

#include <signal.h>

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

#include "server/supervisor/admin_server.h"
#include "tests/unit/base/run.h"
#include "tests/unit/temp_folder.h"

using namespace hauspost;
using namespace hauspost::supervisor;
using hauspost::test::run;
using hauspost::test::TempFolder;

namespace {

constexpr Duration kPatience = std::chrono::seconds(15);

struct Fixture {
  Fixture() {
    data_root = folder / "data";
    programs = folder / "bin";
    REQUIRE(create_data_root(data_root));
    for (const char* file : {"cert.pem", "key.pem"})
      std::ofstream(data_root + "/" + file) << "unread by fake children";
    REQUIRE(write_initial_settings(
        data_root,
        {.hostname = "localhost", .certificate_file = "cert.pem", .key_file = "key.pem"}));
    std::filesystem::create_directory(programs);
    for (const char* role : {"auth", "frontend", "transport", "store"}) {
      std::filesystem::create_symlink(FAKE_CHILD, programs + "/hauspost-" + role);
    }
  }

  void serve(std::function<Task<void>(Fixture&, link::RpcClient&)> body) {
    auto prepared = Supervisor::prepare(io, {data_root, programs});
    REQUIRE(prepared);
    server = std::move(*prepared);
    AdminService service(*server);
    AdminServer admin(io.get_executor(), service);
    run(io, [](Fixture& f, AdminServer& a, auto inner) -> Task<void> {
      const std::string path = admin::admin_socket(f.data_root);
      REQUIRE(a.listen(path));
      const auto started = co_await f.server->start();
      link::RpcClient client(f.io.get_executor(), path, link::kAdminPayloadMax);
      if (started) co_await inner(f, client);
      client.stop();
      co_await client.join();
      co_await a.stop();
      co_await f.server->stop();
      REQUIRE(started);
    }(*this, admin, std::move(body)));
    server.reset();
  }

  TempFolder folder;
  std::string data_root;
  std::string programs;
  asio::io_context io{1};
  std::unique_ptr<Supervisor> server;
};

template <class Request>
Task<Result<typename admin::CallOf<Request>::Reply>> ask(link::RpcClient& client, Request request) {
  return admin::call(client, std::move(request), kPatience);
}

template <class Request>
Request named(const std::string& name) {
  Request request;
  request.set_name(name);
  return request;
}

Task<void> wait_mounted(link::RpcClient& client, const std::string& name) {
  for (;;) {
    const auto shown = co_await ask(client, named<admin::DatabaseShowRequest>(name));
    REQUIRE(shown);
    if (shown->database().state() == admin::DATABASE_STATE_MOUNTED) co_return;
    REQUIRE(co_await sleep_for(std::chrono::milliseconds(5)));
  }
}

}  // namespace

TEST_CASE("supervisor: starts every role, says so, and cleans up") {
  Fixture f;
  f.serve([](Fixture& t, link::RpcClient& client) -> Task<void> {
    CHECK(std::filesystem::exists(t.data_root + "/run/ready"));
    const auto status = co_await ask(client, admin::StatusRequest());
    REQUIRE(status);
    REQUIRE(status->processes_size() == 3);
    for (const admin::Process& process : status->processes()) {
      CHECK(process.state() == admin::PROCESS_STATE_RUNNING);
      CHECK(process.pid() != 0);
    }
    CHECK(status->hostname() == "localhost");
    CHECK(status->databases_size() == 0);
  });
  CHECK(!std::filesystem::exists(f.data_root + "/run/ready"));
}

TEST_CASE("supervisor: a database's life") {
  Fixture f;
  f.serve([](Fixture& t, link::RpcClient& client) -> Task<void> {
    const auto created = co_await ask(client, named<admin::DatabaseCreateRequest>("DB1"));
    REQUIRE(created);
    CHECK(created->database().state() == admin::DATABASE_STATE_MOUNTED);
    CHECK(created->database().epoch() == 1);
    CHECK(created->database().path() == t.data_root + "/databases/DB1");
    CHECK(t.server->directory().reader().database("DB1")->value().initialised);
    const auto twice = co_await ask(client, named<admin::DatabaseCreateRequest>("db1"));
    REQUIRE(!twice);
    CHECK(twice.error().text == "database DB1 exists already");
    CHECK(!co_await ask(client, named<admin::DatabaseMountRequest>("DB1")));

    REQUIRE(co_await ask(client, named<admin::DatabaseDismountRequest>("DB1")));
    CHECK(!std::filesystem::exists(child::store_session_socket(t.data_root + "/run", "DB1")));
    const auto again = co_await ask(client, named<admin::DatabaseDismountRequest>("DB1"));
    REQUIRE(!again);
    CHECK_THAT(again.error().text, Catch::Contains("dismounted already"));
    const auto mounted = co_await ask(client, named<admin::DatabaseMountRequest>("db1"));
    REQUIRE(mounted);
    CHECK(mounted->database().epoch() == 2);

    REQUIRE(co_await ask(client, named<admin::DatabaseDismountRequest>("DB1")));
    std::ofstream(t.data_root + "/databases/DB1/file") << "mail";
    const auto removed = co_await ask(client, named<admin::DatabaseRemoveRequest>("DB1"));
    REQUIRE(removed);
    CHECK(removed->path() == t.data_root + "/databases/DB1");
    CHECK(std::filesystem::exists(removed->path() + "/file"));
    const auto reused = co_await ask(client, named<admin::DatabaseCreateRequest>("DB1"));
    REQUIRE(!reused);
    CHECK_THAT(reused.error().text, Catch::Contains("not empty"));
  });
}

TEST_CASE("supervisor: databases come back as they were, with a higher epoch") {
  Fixture f;
  f.serve([](Fixture&, link::RpcClient& client) -> Task<void> {
    REQUIRE(co_await ask(client, named<admin::DatabaseCreateRequest>("DB1")));
    REQUIRE(co_await ask(client, named<admin::DatabaseCreateRequest>("DB2")));
    REQUIRE(co_await ask(client, named<admin::DatabaseDismountRequest>("DB2")));
  });
  f.serve([](Fixture&, link::RpcClient& client) -> Task<void> {
    const auto list = co_await ask(client, admin::DatabaseListRequest());
    REQUIRE(list);
    REQUIRE(list->databases_size() == 2);
    CHECK(list->databases(0).state() == admin::DATABASE_STATE_MOUNTED);
    CHECK(list->databases(0).epoch() == 2);
    CHECK(list->databases(1).state() == admin::DATABASE_STATE_DISMOUNTED);
  });
}

TEST_CASE("supervisor: three crashes put one database aside, mounting brings it back") {
  Fixture f;
  f.serve([](Fixture& t, link::RpcClient& client) -> Task<void> {
    REQUIRE(co_await ask(client, named<admin::DatabaseCreateRequest>("DB1")));
    REQUIRE(co_await ask(client, named<admin::DatabaseCreateRequest>("DB2")));
    for (int i = 0; i < 3; ++i) {
      co_await wait_mounted(client, "DB1");
      ::kill(t.server->stores().find("DB1")->facts().pid, SIGKILL);
      const auto crashes = static_cast<std::uint64_t>(i + 1);
      while (t.server->stores().find("DB1")->facts().crashes != crashes)
        REQUIRE(co_await sleep_for(std::chrono::milliseconds(1)));
    }
    const auto list = co_await ask(client, admin::DatabaseListRequest());
    REQUIRE(list);
    CHECK(list->databases(0).state() == admin::DATABASE_STATE_QUARANTINED);
    CHECK(list->databases(1).state() == admin::DATABASE_STATE_MOUNTED);
    CHECK(!std::filesystem::exists(child::store_session_socket(t.data_root + "/run", "DB1")));
    const auto mounted = co_await ask(client, named<admin::DatabaseMountRequest>("DB1"));
    REQUIRE(mounted);
    CHECK(mounted->database().state() == admin::DATABASE_STATE_MOUNTED);
  });
}

TEST_CASE("supervisor: mailboxes are created one by one in one call") {
  Fixture f;
  f.serve([](Fixture&, link::RpcClient& client) -> Task<void> {
    REQUIRE(co_await ask(client, named<admin::DatabaseCreateRequest>("DB1")));
    REQUIRE(co_await ask(client, named<admin::DomainAddRequest>("example.test")));
    admin::MailboxCreateRequest request;
    for (const char* address : {"alice@example.test", "bob@example.org", "alice@example.test"})
      request.add_mailboxes()->set_address(address);
    request.mutable_mailboxes(0)->set_password("a password");
    const auto created = co_await ask(client, request);
    REQUIRE(created);
    REQUIRE(created->outcomes_size() == 3);
    CHECK(created->outcomes(0).mailbox().database() == "DB1");
    CHECK_THAT(created->outcomes(1).error(), Catch::Contains("example.org is not accepted"));
    CHECK(created->outcomes(2).error_code() == to_string(ErrorCode::kExists));
    const auto shown = co_await ask(client, named<admin::MailboxShowRequest>("alice"));
    REQUIRE(shown);
    CHECK(shown->mailbox().address() == "alice@example.test");
    CHECK(!co_await ask(client, named<admin::DomainRemoveRequest>("example.test")));
    REQUIRE(co_await ask(client, named<admin::MailboxRemoveRequest>("alice")));
    CHECK(!co_await ask(client, named<admin::MailboxShowRequest>("alice")));
  });
}

TEST_CASE("supervisor: an unknown call or a body that does not parse is refused, and it goes on") {
  Fixture f;
  f.serve([](Fixture&, link::RpcClient& client) -> Task<void> {
    CHECK(!co_await client.call(9999, "x", kPatience));
    const auto method = static_cast<std::uint16_t>(admin::Method::kDatabaseCreate);
    const auto garbage = co_await client.call(method, "\xff\xff\xff", kPatience);
    REQUIRE(!garbage);
    CHECK(garbage.error().code == ErrorCode::kInvalid);
    const auto gopher = [] {
      admin::ServiceEnableRequest request;
      request.add_names("gopher");
      return request;
    };
    CHECK(!co_await ask(client, gopher()));
    CHECK(co_await ask(client, admin::StatusRequest()));
  });
}

TEST_CASE("supervisor: a role that does not start ends the start with its name") {
  Fixture f;
  std::filesystem::remove(f.programs + "/hauspost-transport");
  auto prepared = Supervisor::prepare(f.io, {f.data_root, f.programs});
  REQUIRE(prepared);
  run(f.io, [](Supervisor& server) -> Task<void> {
    const auto started = co_await server.start();
    REQUIRE(!started);
    CHECK_THAT(started.error().text, Catch::Contains("transport does not start"));
    co_await server.stop();
  }(**prepared));
}
