#include "server/frontend/sasl_dialogue.h"

#include "tests/unit/frontend/harness.h"

namespace hauspost::frontend::test_support {
namespace {

// "first" and "last" in base64.
constexpr std::string_view kFirst = "Zmlyc3Q=";
constexpr std::string_view kLast = "bGFzdA==";

Harness& with_scram(Harness& harness) {
  harness.services.auth_settings = [] { return directory::AuthSettings(); };
  harness.authenticator.answers.push_back(
      auth::SaslAnswer{.exchange = Guid::random(), .message = "challenge", .identity = {}});
  harness.authenticator.answers.push_back(auth::SaslAnswer{
      .exchange = {},
      .message = "v=proof",
      .identity = auth::Identity{harness.authenticator.mailbox, "a@example.org", "DB1"}});
  return harness;
}

ClientFacts encrypted(ClientFacts facts) {
  facts.tls = true;
  return facts;
}

}  // namespace

TEST_CASE("front-end sasl: SCRAM's messages travel, with what ties them to the connection") {
  Harness harness(encrypted(smtp_facts(true)));
  with_scram(harness);
  harness.dialogue(fmt::format(R"(
    S: 220 ...
    C: EHLO client.example.org
    S: 250-...
    S: 250-...
    S: 250-...
    S: 250-...
    S: 250-...
    S: 250-...
    S: 250-...
    S: 250-...
    S: 250-...
    S: 250-...
    S: 250-...
    S: 250 AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN
    C: AUTH SCRAM-SHA-256-PLUS {}
    S: 334 Y2hhbGxlbmdl
    C: {}
    S: 334 dj1wcm9vZg==
    C: |~
    S: 235 ...
    C: QUIT
    S: 221 ...
    END)",
                               kFirst, kLast));
  REQUIRE(harness.authenticator.messages.size() == 2);
  const auto& first = harness.authenticator.messages[0];
  CHECK(first.mechanism == "SCRAM-SHA-256-PLUS");
  CHECK(first.message.reveal() == "first");
  CHECK(first.bindings.tls_exporter == "EXPORTED");
  CHECK(first.client_address == "192.0.2.7");
  CHECK(harness.authenticator.messages[1].message.reveal() == "last");
  CHECK_FALSE(harness.authenticator.messages[1].exchange.is_nil());
}

TEST_CASE("front-end sasl: a client may cancel, and its garbage goes nowhere") {
  Harness harness(encrypted(imap_facts()));
  with_scram(harness);
  harness.dialogue(R"(
    S: * OK ...
    C: a AUTHENTICATE SCRAM-SHA-256
    S: +...
    C: *
    S: a BAD ...
    C: b AUTHENTICATE SCRAM-SHA-256
    S: +...
    C: !!!
    S: b BAD ...
    C: c AUTHENTICATE SCRAM-SHA-1
    S: c NO ...
    C: d LOGOUT
    S: * BYE ...
    S: d OK ...
    END)");
  CHECK(harness.authenticator.messages.empty());
}

TEST_CASE("front-end sasl: a refused exchange reads as a wrong password does") {
  Harness harness(encrypted(imap_facts()));
  with_scram(harness);
  harness.authenticator.answers.pop_back();
  harness.dialogue(fmt::format(R"(
    S: * OK ...
    C: a AUTHENTICATE SCRAM-SHA-256 {}
    S: + Y2hhbGxlbmdl
    C: {}
    S: a NO [AUTHENTICATIONFAILED] Authentication failed
    C: b LOGIN a@example.org wrong
    S: b NO [AUTHENTICATIONFAILED] Authentication failed
    C: c LOGOUT
    S: * BYE ...
    S: c OK ...
    END)",
                               kFirst, kLast));
}

TEST_CASE("front-end sasl: what is offered follows TLS, its bindings and the switches") {
  Harness harness(imap_facts());
  using Names = std::vector<std::string_view>;
  CHECK(offered_mechanisms(harness.services, *harness.client).empty());
  test::run(harness.io, [](Harness& self) -> Task<void> {
    REQUIRE(co_await self.client->start_tls());
  }(harness));
  CHECK(offered_mechanisms(harness.services, *harness.client) == Names{"PLAIN", "LOGIN"});
  harness.services.auth_settings = [] {
    return directory::AuthSettings{.scram_sha_256 = false, .scram_sha_1 = true};
  };
  CHECK(offered_mechanisms(harness.services, *harness.client) ==
        Names{"SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "PLAIN", "LOGIN"});
  harness.client->binds = false;
  CHECK(offered_mechanisms(harness.services, *harness.client) ==
        Names{"SCRAM-SHA-1", "PLAIN", "LOGIN"});
}

}  // namespace hauspost::frontend::test_support
