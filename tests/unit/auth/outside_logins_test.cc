#include <catch2/catch.hpp>

#include <fstream>
#include <map>

#include "server/auth/auth_service.h"
#include "tests/unit/auth/denied.h"
#include "tests/unit/auth/token_maker.h"
#include "tests/unit/base/run.h"
#include "tests/unit/temp_folder.h"

namespace hauspost::auth {
namespace {

struct Fixture {
  explicit Fixture(SourceSettings with = {}) {
    verifiers = VerifierStore::open(folder / "auth").value();
    std::ofstream(folder / "keys.json") << maker.key_set();
    with.bearer.issuer = "i";
    with.bearer.audiences = {"a"};
    with.bearer.jwks_file = folder / "keys.json";
    sources = Sources::create(io.get_executor(), std::move(with), system_clock()).value();
    AuthService::Settings settings;
    settings.policy = [] {
      directory::AuthSettings cheap;
      cheap.hash_memory_bytes = 64 * 1024;
      cheap.hash_passes = 1;
      cheap.scram_iterations = 4096;
      return cheap;
    };
    settings.sources = sources.get();
    service = AuthService::create(
                  io.get_executor(), *verifiers,
                  [this](std::string_view name) -> Result<std::optional<directory::MailboxEntry>> {
                    const auto found = logins.find(name);
                    if (found == logins.end()) return std::nullopt;
                    return found->second;
                  },
                  system_clock(), std::move(settings))
                  .value();
    for (const std::string name : {"a@x.org", "b@x.org"}) {
      directory::MailboxEntry entry;
      entry.guid = Guid::random();
      entry.address = name;
      entry.database = "DB1";
      logins[name] = entry;
    }
    logins["alias@x.org"] = logins["a@x.org"];
  }
  Result<Identity> verify(LoginAttempt attempt) {
    std::optional<Result<Identity>> out;
    test::run(io,
              [](AuthService& asked, LoginAttempt what,
                 std::optional<Result<Identity>>& into) -> Task<void> {
                into = co_await asked.verify(std::move(what));
              }(*service, std::move(attempt), out));
    return *out;
  }
  Result<Identity> token(std::string name, std::string_view email) {
    const auto in_a_minute = system_clock().now() + std::chrono::minutes(1);
    const auto expiry = std::chrono::duration_cast<Seconds>(in_a_minute.time_since_epoch()).count();
    return verify({std::move(name),
                   Secret(maker.token(fmt::format(
                       R"({{"iss":"i","aud":"a","exp":{},"email":"{}"}})", expiry, email))),
                   "192.0.2.1",
                   link::Protocol::kImap,
                   Guid::random(),
                   sasl::Proof::kBearer,
                   {}});
  }
  Result<Identity> certificate(std::string name, std::vector<std::string> names) {
    return verify({std::move(name),
                   {},
                   "192.0.2.1",
                   link::Protocol::kImap,
                   Guid::random(),
                   sasl::Proof::kCertificate,
                   std::move(names)});
  }
  void set_password(const Guid& mailbox, std::string password) {
    test::run(io, [](AuthService& asked, Guid guid, Secret secret) -> Task<void> {
      REQUIRE(co_await asked.set_password(guid, secret));
    }(*service, mailbox, Secret(std::move(password))));
  }
  TestOutcome try_out(std::string name, std::string password) {
    TestOutcome out;
    test::run(
        io,
        [](AuthService& asked, LoginAttempt what, TestOutcome& into) -> Task<void> {
          auto outcome = co_await asked.test(std::move(what));
          REQUIRE(outcome);
          into = std::move(*outcome);
        }(*service,
                                                                     {std::move(name),
                                                                      Secret(std::move(password)),
                                                                      {},
                                                                      link::Protocol::kImap,
                                                                      Guid::random()},
                                                                     out));
    return out;
  }

  test::TempFolder folder;
  test::TokenMaker maker{"k"};
  asio::io_context io{1};
  std::map<std::string, directory::MailboxEntry, std::less<>> logins;
  std::unique_ptr<VerifierStore> verifiers;
  std::unique_ptr<Sources> sources;
  std::unique_ptr<AuthService> service;
};

}  // namespace

TEST_CASE("outside logins: a token opens the mailbox that it names, and no other") {
  Fixture fixture;
  for (const char* name : {"", "a@x.org", "alias@x.org"}) {
    const auto identity = fixture.token(name, "a@x.org");
    REQUIRE(identity);
    CHECK(identity->address == "a@x.org");
  }
  CHECK(fixture.token("", "alias@x.org")->address == "a@x.org");
  check_denied(fixture.token("b@x.org", "a@x.org"));
  check_denied(fixture.token("nobody@x.org", "a@x.org"));
  check_denied(fixture.token("", "nobody@x.org"));
  check_denied(fixture.token("a@x.org", "nobody@x.org"));
  // a@x.org may open another's mail when they ask for it; a token alone opens only their own.
  const Guid shared = Guid::random();
  fixture.logins["a@x.org/team"] = fixture.logins["a@x.org"];
  fixture.logins["a@x.org/team"].opens = {shared, "team@x.org", "DB2"};
  const auto opened = fixture.token("a@x.org/team", "a@x.org");
  REQUIRE(opened);
  CHECK(opened->mailbox == shared);
  check_denied(fixture.token("a@x.org/team", "b@x.org"));
  check_denied(fixture.token("", "a@x.org/team"));
  fixture.logins["a@x.org"].enabled = false;
  check_denied(fixture.token("", "a@x.org"));
  fixture.logins["b@x.org"].protocol_restricted = true;
  check_denied(fixture.token("", "b@x.org"));
}

TEST_CASE("outside logins: a token is not a password, and a password no token") {
  Fixture fixture;
  fixture.set_password(fixture.logins["a@x.org"].guid, "secret");
  check_denied(fixture.verify({"a@x.org",
                               Secret("secret"),
                               "192.0.2.1",
                               link::Protocol::kImap,
                               Guid::random(),
                               sasl::Proof::kBearer,
                               {}}));
  CHECK(fixture.verify(
      {"a@x.org", Secret("secret"), "192.0.2.1", link::Protocol::kImap, Guid::random()}));
}

TEST_CASE("outside logins: certificates count only where they are configured") {
  check_denied(Fixture().certificate("", {"a@x.org"}));
  SourceSettings with;
  with.certificates = true;
  Fixture fixture(with);
  CHECK(fixture.certificate("", {"a@x.org"})->address == "a@x.org");
  CHECK(fixture.certificate("", {"me@elsewhere.org", "b@x.org"})->address == "b@x.org");
  CHECK(fixture.certificate("b@x.org", {"a@x.org", "b@x.org"})->address == "b@x.org");
  CHECK(fixture.certificate("alias@x.org", {"a@x.org"})->address == "a@x.org");
  check_denied(fixture.certificate("b@x.org", {"a@x.org"}));
  check_denied(fixture.certificate("a@x.org", {}));
  check_denied(fixture.certificate("", {}));
  check_denied(fixture.certificate("", {"me@elsewhere.org"}));
  fixture.logins["a@x.org"].imap = false;
  check_denied(fixture.certificate("", {"a@x.org"}));
}

TEST_CASE("outside logins: without any source only passwords are taken") {
  Fixture fixture;
  AuthService::Settings settings;
  auto bare = AuthService::create(
      fixture.io.get_executor(), *fixture.verifiers,
      [&](std::string_view) { return std::optional(fixture.logins["a@x.org"]); }, system_clock(),
      std::move(settings));
  REQUIRE(bare);
  std::swap(fixture.service, *bare);
  check_denied(fixture.token("", "a@x.org"));
  check_denied(fixture.certificate("", {"a@x.org"}));
}

TEST_CASE("outside logins: a tried login says why it ends as it does") {
  Fixture fixture;
  fixture.set_password(fixture.logins["a@x.org"].guid, "secret");
  const TestOutcome good = fixture.try_out("a@x.org", "secret");
  REQUIRE(good.identity);
  CHECK(good.identity->address == "a@x.org");
  CHECK(good.reason == "password");
  CHECK(fixture.try_out("a@x.org", "wrong").reason == "wrong_password");
  CHECK(fixture.try_out("nobody@x.org", "wrong").reason == "unknown_user");
  CHECK(fixture.try_out("b@x.org", "x").reason == "no_password");
  const TestOutcome read = test_outcome_from_wire(test_outcome_to_wire(good)).value();
  CHECK(read.identity->address == "a@x.org");
  CHECK(read.reason == "password");
  CHECK_FALSE(test_outcome_from_wire(test_outcome_to_wire({std::nullopt, "why"}))->identity);
  // However often: it is no guess.
  for (int i = 0; i < 40; ++i)
    REQUIRE(fixture.try_out("a@x.org", "wrong").reason == "wrong_password");
  CHECK(fixture.verify(
      {"a@x.org", Secret("secret"), "192.0.2.1", link::Protocol::kImap, Guid::random()}));
}

}  // namespace hauspost::auth
