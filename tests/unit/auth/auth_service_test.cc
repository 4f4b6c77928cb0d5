#include "server/auth/auth_service.h"

#include <catch2/catch.hpp>

#include "server/auth/auth_client.h"
#include "server/auth/auth_server.h"
#include "tests/unit/auth/denied.h"
#include "tests/unit/auth/fake_clock.h"
#include "tests/unit/base/run.h"
#include "tests/unit/temp_folder.h"

namespace hauspost::auth {
namespace {

directory::AuthSettings policy(std::uint64_t memory_bytes, std::uint64_t passes) {
  directory::AuthSettings settings;
  settings.hash_memory_bytes = memory_bytes;
  settings.hash_passes = passes;
  settings.scram_iterations = 4096;
  return settings;
}
const directory::AuthSettings kCheap = policy(64 * 1024, 1);
const directory::AuthSettings kDearer = policy(128 * 1024, 2);

struct Fixture {
  Fixture() {
    verifiers = VerifierStore::open(folder / "auth").value();
    restart();
  }
  void restart() {
    AuthService::Settings settings;
    settings.policy = [this] { return rules; };
    service.reset();
    service = AuthService::create(
                  io.get_executor(), *verifiers,
                  [this](std::string_view name) -> Result<std::optional<directory::MailboxEntry>> {
                    if (broken) return fail(ErrorCode::kUnavailable, "directory");
                    const auto found = logins.find(std::string(name));
                    if (found == logins.end()) return std::nullopt;
                    return found->second;
                  },
                  clock, settings)
                  .value();
  }
  directory::MailboxEntry& add(const std::string& address) {
    directory::MailboxEntry entry;
    entry.guid = Guid::random();
    entry.address = address;
    entry.database = "DB1";
    return logins[address] = entry;
  }
  void set_password(const Guid& mailbox, std::string password) {
    test::run(io, [](Fixture& self, Guid guid, Secret secret) -> Task<void> {
      REQUIRE(co_await self.service->set_password(guid, secret));
    }(*this, mailbox, Secret(std::move(password))));
  }
  Result<Identity> login(std::string name, std::string password,
                         link::Protocol protocol = link::Protocol::kImap,
                         std::string client = "192.0.2.1") {
    std::optional<Result<Identity>> result;
    test::run(
        io,
        [](Fixture& self, LoginAttempt attempt,
           std::optional<Result<Identity>>& out) -> Task<void> {
          out = co_await self.service->verify(std::move(attempt));
        }(*this, {std::move(name), Secret(std::move(password)), std::move(client), protocol, {}},
                                                 result));
    return *result;
  }
  std::string verifier(const Guid& mailbox) { return verifiers->get(mailbox).value().value(); }

  test::TempFolder folder;
  asio::io_context io{1};
  test::FakeClock clock;
  std::map<std::string, directory::MailboxEntry> logins;
  bool broken = false;
  directory::AuthSettings rules = kCheap;
  std::unique_ptr<VerifierStore> verifiers;
  std::unique_ptr<AuthService> service;
};

}  // namespace

TEST_CASE("auth: the right password logs in, every other answer is the same") {
  Fixture fixture;
  const auto entry = fixture.add("a@example.org");
  fixture.add("nopassword@example.org");
  fixture.set_password(entry.guid, "right");
  const auto identity = fixture.login("a@example.org", "right");
  REQUIRE(identity);
  CHECK(identity->mailbox == entry.guid);
  CHECK(identity->address == "a@example.org");
  CHECK(identity->database == "DB1");
  check_denied(fixture.login("a@example.org", "wrong"));
  check_denied(fixture.login("a@example.org", "Right"));
  check_denied(fixture.login("a@example.org", ""));
  check_denied(fixture.login("nobody@example.org", "right"));
  check_denied(fixture.login("nopassword@example.org", ""));
}

TEST_CASE("auth: flags of the mailbox decide, also right after a good login") {
  Fixture fixture;
  auto& entry = fixture.add("a@example.org");
  fixture.set_password(entry.guid, "right");
  REQUIRE(fixture.login("a@example.org", "right"));
  SECTION("disabled") {
    entry.enabled = false;
    check_denied(fixture.login("a@example.org", "right"));
  }
  SECTION("one protocol off") {
    entry.imap = false;
    check_denied(fixture.login("a@example.org", "right"));
    CHECK(fixture.login("a@example.org", "right", link::Protocol::kSmtp));
  }
  SECTION("restricted: never reads mail over IMAP or POP3") {
    entry.protocol_restricted = true;
    check_denied(fixture.login("a@example.org", "right"));
    check_denied(fixture.login("a@example.org", "right", link::Protocol::kPop3));
    CHECK(fixture.login("a@example.org", "right", link::Protocol::kSmtp));
  }
  SECTION("shared: nobody's own") {
    entry.shared = true;
    check_denied(fixture.login("a@example.org", "right"));
    check_denied(fixture.login("a@example.org", "right", link::Protocol::kSmtp));
  }
}

TEST_CASE("auth: who opens another's mailbox reads there and sends nothing") {
  Fixture fixture;
  const auto user = fixture.add("a@example.org");
  fixture.set_password(user.guid, "right");
  auto& pair = fixture.logins["a@example.org/info@example.org"];
  pair = user;
  pair.opens = directory::OpenedMailbox{Guid::random(), "info@example.org", "DB7"};
  const auto identity = fixture.login("a@example.org/info@example.org", "right");
  REQUIRE(identity);
  CHECK(identity->mailbox == pair.opens->guid);
  CHECK(identity->user == user.guid);
  CHECK(identity->address == "a@example.org");
  CHECK(identity->database == "DB7");
  check_denied(fixture.login("a@example.org/info@example.org", "wrong"));
  check_denied(fixture.login("a@example.org/info@example.org", "right", link::Protocol::kSmtp));
  CHECK_FALSE(fixture.login("a@example.org", "right")->user.has_value());
}

TEST_CASE("auth: a system mailbox opens for the password of probes alone, and that for nothing else") {
  Fixture fixture;
  directory::MailboxEntry& health = fixture.add("health@hauspost.internal");
  health.system = true;
  health.protocol_restricted = true;
  const auto& anna = fixture.add("anna@example.org");
  fixture.set_password(health.guid, "its own password");
  fixture.set_password(anna.guid, "hers");
  check_denied(fixture.login(health.address, "its own password"));
  check_denied(fixture.login(health.address, ""));

  fixture.service->set_health_password(Secret("a password for probes alone"));
  for (const link::Protocol protocol :
       {link::Protocol::kImap, link::Protocol::kPop3, link::Protocol::kSmtp}) {
    const auto let_in = fixture.login(health.address, "a password for probes alone", protocol);
    REQUIRE(let_in);
    CHECK(let_in->mailbox == health.guid);
  }
  check_denied(
      fixture.login(health.address, "a password for probes alone", link::Protocol::kHttp));
  check_denied(fixture.login(health.address, "its own password"));
  check_denied(fixture.login(anna.address, "a password for probes alone"));
  CHECK(fixture.login(anna.address, "hers"));
  // It is kept in memory alone.
  fixture.restart();
  check_denied(fixture.login(health.address, "a password for probes alone"));
}

TEST_CASE("auth: reserved names never read mail, even with the right password") {
  Fixture fixture;
  for (const std::string name : {"guest", "Anonymous", "ADMINISTRATOR"}) {
    const auto entry = fixture.add(name + "@example.org");
    fixture.logins["alias-of-" + name] = entry;
    fixture.set_password(entry.guid, "right");
    check_denied(fixture.login(name + "@example.org", "right"));
    check_denied(fixture.login("alias-of-" + name, "right", link::Protocol::kPop3));
    CHECK(fixture.login(name + "@example.org", "right", link::Protocol::kSmtp));
  }
}

TEST_CASE("auth: a directory that cannot be read is not an unknown user") {
  Fixture fixture;
  fixture.broken = true;
  const auto result = fixture.login("a@example.org", "right");
  REQUIRE_FALSE(result);
  CHECK(result.error().code == ErrorCode::kUnavailable);
}

TEST_CASE("auth: a changed password replaces the old one at once, a removed one ends it") {
  Fixture fixture;
  const auto entry = fixture.add("a@example.org");
  fixture.set_password(entry.guid, "old");
  REQUIRE(fixture.login("a@example.org", "old"));
  REQUIRE(fixture.login("a@example.org", "old"));  // from the cache
  fixture.set_password(entry.guid, "new");
  check_denied(fixture.login("a@example.org", "old"));
  REQUIRE(fixture.login("a@example.org", "new"));
  test::run(fixture.io, [](Fixture& self, Guid guid) -> Task<void> {
    REQUIRE(co_await self.service->remove(guid));
    REQUIRE(co_await self.service->remove(guid));
  }(fixture, entry.guid));
  check_denied(fixture.login("a@example.org", "new"));
}

TEST_CASE("auth: a login renews a verifier of another cost") {
  Fixture fixture;
  const auto entry = fixture.add("a@example.org");
  fixture.set_password(entry.guid, "right");
  const std::string before = fixture.verifier(entry.guid);
  fixture.rules = kDearer;
  check_denied(fixture.login("a@example.org", "wrong"));
  CHECK(fixture.verifier(entry.guid) == before);
  REQUIRE(fixture.login("a@example.org", "right"));
  const std::string after = fixture.verifier(entry.guid);
  CHECK(after != before);
  CHECK_FALSE(needs_rehash(after, {kDearer.hash_passes, kDearer.hash_memory_bytes}));
  REQUIRE(fixture.login("a@example.org", "right"));
  CHECK(fixture.verifier(entry.guid) == after);
}

TEST_CASE("auth: guessing ends after ten failures of one address") {
  Fixture fixture;
  const auto entry = fixture.add("a@example.org");
  const auto known = fixture.add("known@example.org");
  fixture.set_password(entry.guid, "right");
  fixture.set_password(known.guid, "right");
  REQUIRE(fixture.login("known@example.org", "right"));
  for (int i = 0; i < 11; ++i)
    check_denied(fixture.login("a@example.org", "wrong" + std::to_string(i)));
  check_denied(fixture.login("a@example.org", "right"));
  CHECK(fixture.login("known@example.org", "right"));  // who was in keeps coming in
  CHECK(fixture.login("a@example.org", "right", link::Protocol::kImap, "203.0.113.7"));
  CHECK(fixture.service->defence().blocks().size() == 1);
  fixture.clock.advance(std::chrono::minutes(5));
  CHECK(fixture.login("a@example.org", "right"));
  CHECK(fixture.service->defence().blocks().empty());
}

TEST_CASE("auth: what is remembered answers no guess from where one is blocked") {
  Fixture fixture;
  const auto entry = fixture.add("a@example.org");
  fixture.set_password(entry.guid, "right");
  REQUIRE(fixture.login("a@example.org", "right"));
  const auto guess = [&](std::string password) {
    return fixture.login("a@example.org", std::move(password), link::Protocol::kImap,
                         "203.0.113.7");
  };
  for (int i = 0; i < 11; ++i) check_denied(guess("wrong" + std::to_string(i)));
  check_denied(guess("right"));
  CHECK(fixture.login("a@example.org", "right"));
}

TEST_CASE("auth: the same wrong password again and again is no guessing") {
  Fixture fixture;
  const auto entry = fixture.add("a@example.org");
  fixture.set_password(entry.guid, "right");
  for (int i = 0; i < 30; ++i) check_denied(fixture.login("a@example.org", "of last year"));
  CHECK(fixture.login("a@example.org", "right"));
}

TEST_CASE("auth: calls over the socket, control over another one") {
  Fixture fixture;
  const auto entry = fixture.add("a@example.org");
  const std::string path = fixture.folder / "calls";
  UnixAcceptor acceptor(fixture.io.get_executor(), asio::local::stream_protocol::endpoint(path));
  AuthServer server(fixture.io.get_executor(), *fixture.service);
  REQUIRE(server.listen(acceptor.release()));
  auto [ours, theirs] = test::socket_pair(fixture.io);
  const link::RpcHandler control_handler = [&](std::uint16_t method, std::string body) {
    return fixture.service->handle_control(method, std::move(body));
  };
  TaskGroup group(fixture.io.get_executor());
  group.spawn("control", [](UnixSocket socket, const link::RpcHandler& handler) -> Task<void> {
    [[maybe_unused]] auto ended = co_await link::serve_rpc(std::move(socket), handler);
  }(std::move(theirs), control_handler));
  link::RpcClient control(std::move(ours));
  AuthClient client(fixture.io.get_executor(), path);

  test::run(
      fixture.io,
      [](AuthClient& calls, link::RpcClient& supervisor, AuthServer& serving, TaskGroup& controls,
         Guid mailbox, std::string socket) -> Task<void> {
        REQUIRE(co_await set_password(supervisor, mailbox, Secret("right")));
        const auto refused = co_await set_password(supervisor, mailbox, Secret(""));
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code == ErrorCode::kInvalid);
        const auto good = co_await calls.verify({"a@example.org", Secret("right"), "192.0.2.1"});
        REQUIRE(good);
        CHECK(good->mailbox == mailbox);
        check_denied(co_await calls.verify({"a@example.org", Secret("wrong"), "192.0.2.1"}));
        // Neither what no mailbox can be named, nor what no password can be.
        check_denied(co_await calls.verify({"caf\xe9", Secret("right"), "192.0.2.1"}));
        check_denied(
            co_await calls.verify({"a@example.org", Secret(std::string(1025, 'x')), "192.0.2.1"}));
        // The public socket changes nothing.
        link::RpcClient outsider(co_await asio::this_coro::executor, socket);
        const auto denied = co_await set_password(outsider, mailbox, Secret("mine"));
        REQUIRE_FALSE(denied);
        CHECK(denied.error().code == ErrorCode::kInvalid);
        outsider.stop();
        co_await outsider.join();
        REQUIRE(co_await remove(supervisor, mailbox));
        check_denied(co_await calls.verify({"a@example.org", Secret("right"), "192.0.2.1"}));
        co_await serving.stop();
        const auto gone = co_await calls.verify({"a@example.org", Secret("right"), "192.0.2.1"});
        REQUIRE_FALSE(gone);
        CHECK(gone.error().code == ErrorCode::kUnavailable);
        calls.stop();
        co_await calls.join();
        supervisor.stop();
        co_await supervisor.join();
        co_await controls.join();
      }(client, control, server, group, entry.guid, path));
}

}  // namespace hauspost::auth
