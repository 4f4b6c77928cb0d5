#include "server/auth/scram_login.h"

#include <catch2/catch.hpp>

#include "base/text.h"
#include "server/auth/app_passwords.h"
#include "server/auth/auth_service.h"
#include "tests/unit/auth/denied.h"
#include "tests/unit/auth/fake_clock.h"
#include "tests/unit/base/run.h"
#include "tests/unit/temp_folder.h"

namespace hauspost::auth {
namespace {

using crypto::Digest;

directory::AuthSettings cheap() {
  directory::AuthSettings settings;
  settings.hash_memory_bytes = 64 * 1024;
  settings.hash_passes = 1;
  settings.scram_iterations = 4096;
  return settings;
}

// A client of RFC 5802, for what the server says.
struct ScramClient {
  std::string mechanism = "SCRAM-SHA-256";
  std::string name = "a@example.org";
  std::string password = "right";
  std::string gs2 = "n,,";
  std::string binding = {};  // data behind the header
  ChannelBindings bindings = {};
  link::Protocol protocol = link::Protocol::kImap;

  Digest digest() const {
    return mechanism.starts_with("SCRAM-SHA-1") ? Digest::kSha1 : Digest::kSha256;
  }
};

struct ScramFixture {
  ScramFixture() {
    verifiers = VerifierStore::open(folder / "auth").value();
    AuthService::Settings settings;
    settings.policy = [this] { return rules; };
    service = AuthService::create(
                  io.get_executor(), *verifiers,
                  [this](std::string_view name) -> Result<std::optional<directory::MailboxEntry>> {
                    const auto found = logins.find(std::string(name));
                    if (found == logins.end()) return std::nullopt;
                    return found->second;
                  },
                  clock, std::move(settings))
                  .value();
    add("a@example.org", "right");
  }
  directory::MailboxEntry& add(const std::string& address, const std::string& password) {
    directory::MailboxEntry entry;
    entry.guid = Guid::random();
    entry.address = address;
    entry.database = "DB1";
    logins[address] = entry;
    if (!password.empty()) {
      test::run(io, [](ScramFixture& self, Guid guid, Secret secret) -> Task<void> {
        REQUIRE(co_await self.service->set_password(guid, secret));
      }(*this, entry.guid, Secret(password)));
    }
    return logins[address];
  }
  template <class T>
  T await(Task<T> task) {
    std::optional<T> out;
    test::run(io, [](Task<T> inner, std::optional<T>& result) -> Task<void> {
      result.emplace(co_await std::move(inner));
    }(std::move(task), out));
    return std::move(*out);
  }
  Result<SaslAnswer> send(const ScramClient& client, Guid exchange, std::string message) {
    return await(service->sasl({.exchange = exchange,
                                .mechanism = client.mechanism,
                                .message = Secret(std::move(message)),
                                .bindings = client.bindings,
                                .client_address = "192.0.2.1",
                                .protocol = client.protocol,
                                .session = {}}));
  }
  // The whole exchange; checks the server's own proof.
  Result<Identity> login(const ScramClient& client) {
    const std::string bare = "n=" + client.name + ",r=clientnonce";
    const auto first = send(client, {}, client.gs2 + bare);
    if (!first) return fail(first.error());
    server_first = first->message;
    const auto parts = split(server_first, ',');
    REQUIRE(parts.size() == 3);
    const auto salt = base64_decode(parts[1].substr(2)).value();
    const auto iterations = static_cast<std::uint32_t>(parse_u64(parts[2].substr(2)).value());
    const std::string salted = crypto::pbkdf2(client.digest(), client.password, salt, iterations);
    const std::string client_key = crypto::hmac(client.digest(), salted, "Client Key");
    const std::string without =
        "c=" + base64_encode(client.gs2 + client.binding) + "," + std::string(parts[0]);
    const std::string auth_message = bare + "," + server_first + "," + without;
    const std::string signature =
        crypto::hmac(client.digest(), crypto::hash(client.digest(), client_key), auth_message);
    const std::string proof = base64_encode(crypto::exclusive_or(client_key, signature));
    const auto last = send(client, first->exchange, without + ",p=" + proof);
    if (!last) return fail(last.error());
    REQUIRE(last->identity);
    const std::string server_key = crypto::hmac(client.digest(), salted, "Server Key");
    CHECK(last->message ==
          "v=" + base64_encode(crypto::hmac(client.digest(), server_key, auth_message)));
    return *last->identity;
  }
  void check_denied(const ScramClient& client) {
    auth::check_denied(login(client));
  }
  Result<Identity> plain(std::string name, std::string password,
                         link::Protocol protocol = link::Protocol::kImap) {
    return await(
        service->verify({std::move(name), Secret(std::move(password)), "192.0.2.1", protocol, {}}));
  }
  AuthService::NewAppPassword app_password(const std::string& address, const std::string& name,
                                           ProtocolSet protocols = {}) {
    auto made = await(service->create_app_password(logins[address].guid, name, protocols));
    REQUIRE(made);
    return std::move(*made);
  }

  test::TempFolder folder;
  asio::io_context io{1};
  test::FakeClock clock;
  std::map<std::string, directory::MailboxEntry> logins;
  directory::AuthSettings rules = cheap();
  std::string server_first;
  std::unique_ptr<VerifierStore> verifiers;
  std::unique_ptr<AuthService> service;
};

}  // namespace

TEST_CASE("auth scram: the right password logs in and the server proves itself") {
  ScramFixture fixture;
  const auto identity = fixture.login({});
  REQUIRE(identity);
  CHECK(identity->address == "a@example.org");
  fixture.check_denied({.password = "wrong"});
}

TEST_CASE("auth scram: SCRAM-SHA-1 is there only when it is switched on") {
  ScramFixture fixture;
  const auto off = fixture.login({.mechanism = "SCRAM-SHA-1"});
  REQUIRE_FALSE(off);
  CHECK(off.error().code == ErrorCode::kInvalid);
  fixture.rules.scram_sha_1 = true;
  fixture.check_denied({.mechanism = "SCRAM-SHA-1"});  // no keys yet
  REQUIRE(fixture.plain("a@example.org", "right"));    // makes them
  CHECK(fixture.login({.mechanism = "SCRAM-SHA-1"}));
  CHECK(fixture.login({}));
  fixture.rules.scram_sha_256 = false;
  CHECK_FALSE(fixture.login({}));
}

TEST_CASE("auth scram: a client that tries it without keys is not blocked for that") {
  ScramFixture fixture;
  fixture.rules.scram_sha_1 = true;
  for (int i = 0; i < 20; ++i) fixture.check_denied({.mechanism = "SCRAM-SHA-1"});
  REQUIRE(fixture.plain("a@example.org", "right"));
  CHECK(fixture.login({.mechanism = "SCRAM-SHA-1"}));
  for (int i = 0; i < 20; ++i)
    fixture.check_denied({.mechanism = "SCRAM-SHA-1", .password = "wrong"});
  fixture.check_denied({.mechanism = "SCRAM-SHA-1"});
}

TEST_CASE("auth scram: nobody's salt is stable, of the usual form, and leads nowhere") {
  ScramFixture fixture;
  fixture.check_denied({.name = "nobody@example.org"});
  const std::string first = fixture.server_first.substr(fixture.server_first.find(",s="));
  fixture.check_denied({.name = "NOBODY@example.org", .password = "other"});
  CHECK(fixture.server_first.substr(fixture.server_first.find(",s=")) == first);
  fixture.check_denied({.name = "else@example.org"});
  CHECK(fixture.server_first.substr(fixture.server_first.find(",s=")) != first);
  REQUIRE(fixture.login({}));
  CHECK(fixture.server_first.substr(fixture.server_first.find(",s=")).size() == first.size());
}

TEST_CASE("auth scram: channel binding") {
  ScramFixture fixture;
  const ChannelBindings here{"EXPORTED", "CERTIFICATE"};
  const std::string plus = "SCRAM-SHA-256-PLUS";
  CHECK(fixture.login(
      {.mechanism = plus, .gs2 = "p=tls-exporter,,", .binding = "EXPORTED", .bindings = here}));
  CHECK(fixture.login({.mechanism = plus,
                       .gs2 = "p=tls-server-end-point,,",
                       .binding = "CERTIFICATE",
                       .bindings = here}));
  // Somebody in the middle: another connection's data.
  fixture.check_denied(
      {.mechanism = plus, .gs2 = "p=tls-exporter,,", .binding = "elsewher", .bindings = here});
  fixture.check_denied({.mechanism = plus, .gs2 = "n,,", .bindings = here});
  fixture.check_denied(
      {.mechanism = plus, .gs2 = "p=tls-unique,,", .binding = "EXPORTED", .bindings = here});
  fixture.check_denied({.gs2 = "p=tls-exporter,,", .binding = "EXPORTED", .bindings = here});
  // It was not told of -PLUS, which was offered: the list was changed on the way.
  fixture.check_denied({.gs2 = "y,,", .bindings = here});
  CHECK(fixture.login({.gs2 = "n,,", .bindings = here}));
  CHECK(fixture.login({.gs2 = "y,,"}));
}

TEST_CASE("auth scram: flags of the mailbox decide, acting for others is refused") {
  ScramFixture fixture;
  auto& entry = fixture.logins["a@example.org"];
  CHECK(fixture.login({.gs2 = "n,a=a@example.org,"}));
  fixture.check_denied({.gs2 = "n,a=b@example.org,"});
  entry.protocol_restricted = true;
  fixture.check_denied({});
  CHECK(fixture.login({.protocol = link::Protocol::kSmtp}));
  entry.smtp = false;
  fixture.check_denied({.protocol = link::Protocol::kSmtp});
}

TEST_CASE("auth scram: an exchange ends with its last message, and with time") {
  ScramFixture fixture;
  const ScramClient client;
  const auto first = fixture.send(client, {}, "n,,n=a@example.org,r=abc");
  REQUIRE(first);
  CHECK_FALSE(fixture.send(client, first->exchange, "c=biws,r=abc,p=AAAA"));
  const auto again = fixture.send(client, first->exchange, "c=biws,r=abc,p=AAAA");
  REQUIRE_FALSE(again);
  CHECK(again.error().code == ErrorCode::kDenied);
  const auto malformed = fixture.send(client, {}, "hello");
  REQUIRE_FALSE(malformed);
  CHECK(malformed.error().code == ErrorCode::kInvalid);
}

TEST_CASE("auth scram: changed iterations are taken at the next password login") {
  ScramFixture fixture;
  REQUIRE(fixture.login({}));
  CHECK(fixture.server_first.ends_with(",i=4096"));
  fixture.rules.scram_iterations = 5000;
  REQUIRE(fixture.login({}));
  CHECK(fixture.server_first.ends_with(",i=4096"));
  fixture.clock.advance(std::chrono::minutes(11));
  REQUIRE(fixture.plain("a@example.org", "right"));
  REQUIRE(fixture.login({}));
  CHECK(fixture.server_first.ends_with(",i=5000"));
}

TEST_CASE("auth app passwords: open what they are for, by password and by SCRAM, until revoked") {
  ScramFixture fixture;
  const Guid mailbox = fixture.logins["a@example.org"].guid;
  const auto phone = fixture.app_password("a@example.org", "phone", {true, false, true});
  const std::string secret(phone.password.reveal());
  CHECK(secret.size() == 24);
  const auto identity = fixture.plain("a@example.org", secret);
  REQUIRE(identity);
  CHECK(identity->app_password == "phone");
  CHECK(fixture.login({.password = secret})->app_password == "phone");
  CHECK_FALSE(fixture.plain("a@example.org", secret, link::Protocol::kPop3));
  fixture.check_denied({.password = secret, .protocol = link::Protocol::kPop3});
  CHECK(fixture.plain("a@example.org", "right")->app_password.empty());
  CHECK(fixture.login({})->app_password.empty());
  const auto all = fixture.service->app_passwords(mailbox).value();
  REQUIRE(all.size() == 1);
  CHECK(all[0].used_from == "192.0.2.1");
  CHECK(all[0].tag.find(secret) == std::string::npos);

  // A new password of the mailbox leaves them as they are.
  test::run(fixture.io, [](ScramFixture& self, Guid guid) -> Task<void> {
    REQUIRE(co_await self.service->set_password(guid, Secret("newer")));
  }(fixture, mailbox));
  CHECK(fixture.login({.password = secret}));
  CHECK(fixture.login({.password = "newer"}));
  fixture.check_denied({.password = "right"});

  REQUIRE(fixture.await(fixture.service->revoke_app_password(mailbox, "PHONE")));
  CHECK_FALSE(fixture.plain("a@example.org", secret));
  fixture.check_denied({.password = secret});
  const auto twice = fixture.await(fixture.service->revoke_app_password(mailbox, "phone"));
  REQUIRE_FALSE(twice);
  CHECK(twice.error().code == ErrorCode::kNotFound);
}

TEST_CASE("auth app passwords: one that opens another's mailbox is its owner's") {
  ScramFixture fixture;
  auto& other = fixture.add("info@example.org", "");
  const auto phone = fixture.app_password("a@example.org", "phone");
  fixture.app_password("info@example.org", "scanner");
  auto& pair = fixture.logins["a@example.org/info@example.org"];
  pair = fixture.logins["a@example.org"];
  pair.opens = directory::OpenedMailbox{other.guid, "info@example.org", "DB1"};
  const auto identity = fixture.login(
      {.name = "a@example.org/info@example.org", .password = std::string(phone.password.reveal())});
  REQUIRE(identity);
  CHECK(identity->mailbox == other.guid);
  CHECK(fixture.service->app_passwords(*identity->user).value().at(0).used_from == "192.0.2.1");
  CHECK(fixture.service->app_passwords(other.guid).value().at(0).used_from.empty());
}

TEST_CASE("auth app passwords: a mailbox may open by nothing else") {
  ScramFixture fixture;
  const auto made = fixture.app_password("a@example.org", "tablet");
  fixture.logins["a@example.org"].app_passwords_only = true;
  CHECK_FALSE(fixture.plain("a@example.org", "right"));
  fixture.check_denied({});
  CHECK(fixture.plain("a@example.org", std::string(made.password.reveal())));
  CHECK(fixture.login({.password = std::string(made.password.reveal())}));
}

TEST_CASE("auth app passwords: names are unique, and bounded in number") {
  ScramFixture fixture;
  const Guid mailbox = fixture.logins["a@example.org"].guid;
  fixture.app_password("a@example.org", "phone");
  const auto code = [&](std::string name) {
    return fixture.await(fixture.service->create_app_password(mailbox, std::move(name), {}))
        .error()
        .code;
  };
  CHECK(code("Phone") == ErrorCode::kExists);
  CHECK(code("") == ErrorCode::kInvalid);
  CHECK(code("a\nb") == ErrorCode::kInvalid);
  CHECK(code(std::string(65, 'n')) == ErrorCode::kInvalid);
  for (std::size_t i = 1; i < kAppPasswordsMax; ++i)
    fixture.app_password("a@example.org", "number " + std::to_string(i));
  CHECK(code("one more") == ErrorCode::kExhausted);
}

TEST_CASE("auth: two spellings of a password are one, and old verifiers stay good") {
  ScramFixture fixture;
  fixture.add("b@example.org", "caf\xc3\xa9");
  CHECK(fixture.plain("b@example.org", "cafe\xcc\x81"));
  CHECK(fixture.login({.name = "b@example.org", .password = "caf\xc3\xa9"}));
  const auto& old = fixture.add("c@example.org", "");
  const std::string unprepared = "cafe\xcc\x81";
  REQUIRE(fixture.verifiers->put(old.guid, *make_verifier(Secret(unprepared), {1, 64 * 1024})));
  CHECK(fixture.plain("c@example.org", unprepared));
  fixture.clock.advance(std::chrono::minutes(11));
  CHECK(fixture.plain("c@example.org", "caf\xc3\xa9"));  // renewed, in its prepared form
}

}  // namespace hauspost::auth
