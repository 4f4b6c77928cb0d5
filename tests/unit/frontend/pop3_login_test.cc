#include <fmt/format.h>

#include "tests/unit/frontend/harness.h"

namespace hauspost::frontend::test_support {
namespace {

ClientFacts pop3_facts(bool tls) {
  ClientFacts facts = imap_facts();
  facts.protocol = link::Protocol::kPop3;
  facts.listener = "pop3";
  facts.tls = tls;
  if (tls) facts.tls_version = "TLSv1.3";
  return facts;
}

Task<void> pop3_backend(std::unique_ptr<link::FrameSocket> link, link::SessionStart) {
  co_await echo(std::move(link), "+OK Logged in\r\n");
}

constexpr char kGreeting[] = "S: +OK mail.example.org Hauspost ready\n";
constexpr char kUser[] = "C: USER a@example.org\nS: +OK ...\n";
constexpr char kPlainSecret[] = "AGFAZXhhbXBsZS5vcmcAc2VjcmV0";  // NUL a@example.org NUL secret
constexpr char kPlainWrong[] = "AGFAZXhhbXBsZS5vcmcAd3Jvbmc=";   // NUL a@example.org NUL wrong
constexpr char kPlainForOther[] = "YgBhQGV4YW1wbGUub3JnAHNlY3JldA==";  // b NUL a@... NUL secret

}  // namespace

TEST_CASE("front-end pop3: commands before login") {
  Harness harness(pop3_facts(true));
  harness.dialogue(std::string(kGreeting) + R"(
    C: CAPA
    S: +OK ...
    S: TOP
    S: UIDL
    S: RESP-CODES
    S: AUTH-RESP-CODE
    S: PIPELINING
    S: EXPIRE NEVER
    S: UTF8
    S: LANG
    S: USER
    S: SASL PLAIN LOGIN
    S: .
    C: AUTH
    S: +OK ...
    S: PLAIN
    S: LOGIN
    S: .
    C: UTF8|LANG en|lang xx
    S: +OK ...
    S: +OK en ...
    S: -ERR ...
    C: QUIT
    S: +OK ...
    END
  )");
  CHECK(harness.authenticator.attempts.empty());
}

TEST_CASE("front-end pop3: no password before TLS, and TLS changes what is offered") {
  Harness harness(pop3_facts(false));
  harness.dialogue(std::string(kGreeting) + R"(
    C: CAPA
    S: +OK ...
    S: TOP
    S: UIDL
    S: RESP-CODES
    S: AUTH-RESP-CODE
    S: PIPELINING
    S: EXPIRE NEVER
    S: UTF8
    S: LANG
    S: STLS
    S: .
    C: USER a@example.org
    S: -ERR [PRIVACYREQUIRED] ...
    C: PASS secret
    S: -ERR [PRIVACYREQUIRED] ...
    C: AUTH PLAIN AGFAZXhhbXBsZS5vcmcAc2VjcmV0
    S: -ERR [PRIVACYREQUIRED] ...
    C: AUTH
    S: -ERR [PRIVACYREQUIRED] ...
    C: STLS
    S: +OK ...
    C: PASS secret
    S: -ERR Send USER first
    C: STLS
    S: -ERR TLS is already active
    C: CAPA
    S: +OK ...
    S: TOP
    S: UIDL
    S: RESP-CODES
    S: AUTH-RESP-CODE
    S: PIPELINING
    S: EXPIRE NEVER
    S: UTF8
    S: LANG
    S: USER
    S: SASL PLAIN LOGIN
    S: .
  )");
  CHECK(harness.authenticator.attempts.empty());
}

TEST_CASE("front-end pop3: bytes behind STLS end the connection") {
  Harness harness(pop3_facts(false));
  harness.dialogue(std::string(kGreeting) + R"(
    C: STLS|USER a@example.org
    S: -ERR ...
    END
  )");
  CHECK_FALSE(harness.client->facts().tls);
}

TEST_CASE("front-end pop3: without a certificate there is no STLS") {
  Harness harness(pop3_facts(false));
  harness.client->has_certificate = false;
  harness.dialogue(std::string(kGreeting) + "C: STLS\nS: -ERR No TLS here");
}

TEST_CASE("front-end pop3: every way to log in") {
  const std::string plain = kPlainSecret;
  const std::string ways[] = {
      "C: USER a@example.org\nS: +OK ...\nC: PASS secret\n",
      "C: user a@example.org|pass secret\nS: +OK ...\n",
      "C: auth plain " + plain + "\n",
      "C: AUTH PLAIN\nS: + ...\nC: " + plain + "\n",
      "C: AUTH LOGIN\nS: + VXNlcm5hbWU6\nC: YUBleGFtcGxlLm9yZw==\nS: + UGFzc3dvcmQ6\nC: c2VjcmV0\n",
      "C: AUTH LOGIN YUBleGFtcGxlLm9yZw==\nS: + UGFzc3dvcmQ6\nC: c2VjcmV0\n",
  };
  for (const std::string& way : ways) {
    INFO(way);
    Harness harness(pop3_facts(true));
    harness.backends.behaviour = pop3_backend;
    harness.dialogue(std::string(kGreeting) + way + R"(
      S: +OK Logged in
      C: x
      S: * echo x
      C: LOGOUT
      S: * echo LOGOUT
      END
    )");
    REQUIRE(harness.backends.starts.size() == 1);
    const auth::LoginAttempt& attempt = harness.authenticator.attempts.at(0);
    CHECK(attempt.client_address == "192.0.2.7");
    CHECK(attempt.protocol == link::Protocol::kPop3);
  }
}

TEST_CASE("front-end pop3: the back-end learns whose session it is and gets what was pipelined") {
  Harness harness(pop3_facts(true));
  harness.backends.behaviour = pop3_backend;
  harness.dialogue(std::string(kGreeting) + R"(
    C: USER a@example.org|PASS secret|STAT|LI~
    S: +OK ...
    S: +OK Logged in
    S: * echo STAT
    C: ST
    S: * echo LIST
    C: LOGOUT
    S: * echo LOGOUT
    END
  )");
  REQUIRE(harness.backends.starts.size() == 1);
  const link::SessionStart& start = harness.backends.starts[0];
  CHECK(start.protocol == link::Protocol::kPop3);
  CHECK(start.user == "a@example.org");
  CHECK(start.mailbox == harness.authenticator.mailbox);
  CHECK(start.database == "DB1");
  CHECK(start.client_address == "192.0.2.7");
  CHECK(start.listener == "pop3");
  CHECK(start.tls);
}

TEST_CASE("front-end pop3: three wrong passwords end the connection, whichever way they come") {
  Harness harness(pop3_facts(true));
  harness.dialogue(std::string(kGreeting) + kUser + R"(
    C: PASS wrong
    S: -ERR [AUTH] Authentication failed
    C: PASS secret
    S: -ERR Send USER first
    C: AUTH PLAIN )" +
                   kPlainWrong + R"(
    S: -ERR [AUTH] Authentication failed
    C: AUTH PLAIN )" +
                   kPlainForOther + R"(
    S: -ERR [AUTH] Authentication failed
    END
  )");
  CHECK(harness.backends.starts.empty());
}

TEST_CASE("front-end pop3: an unknown name reads like a wrong password") {
  Harness harness(pop3_facts(true));
  harness.dialogue(std::string(kGreeting) + R"(
    C: USER nobody@example.org
    S: +OK Send your password
    C: PASS secret
    S: -ERR [AUTH] Authentication failed
    C: USER a@example.org
    S: +OK Send your password
    C: PASS wrong
    S: -ERR [AUTH] Authentication failed
  )");
}

TEST_CASE("front-end pop3: an exchange can be cancelled or malformed, others are refused") {
  Harness harness(pop3_facts(true));
  harness.backends.behaviour = pop3_backend;
  harness.dialogue(std::string(kGreeting) + R"(
    C: AUTH ANONYMOUS
    S: -ERR ...
    C: AUTH PLAIN
    S: + ...
    C: *
    S: -ERR Authentication cancelled
    C: AUTH LOGIN
    S: + VXNlcm5hbWU6
    C: !!!!
    S: -ERR Malformed ...
    C: AUTH PLAIN AGEAYg== x
    S: -ERR Malformed ...
    C: AUTH PLAIN )" +
                   std::string(kPlainSecret) + "\nS: +OK Logged in");
}

TEST_CASE("front-end pop3: lines have an end and a limit, those of AUTH another one") {
  Harness harness(pop3_facts(true));
  const std::string line(511, 'x');
  const std::string longer(12'288, 'A');
  harness.dialogue(std::string(kGreeting) + "C: " + line + "\nS: -ERR Line is too long\n" +
                   "C: AUTH PLAIN\nS: + ...\nC: " + longer + "\nS: -ERR Malformed ...\n" +
                   "C: AUTH PLAIN\nS: + ...\nC: " + longer + "A\nS: -ERR Line is too long\n" +
                   "C: PASS " + line + "\nS: -ERR Line is too long\n" +
                   "C: " + std::string(64 * 1024, 'x') + "~\nS: -ERR Line is too long\nEND");
}

TEST_CASE("front-end pop3: bad commands end the connection") {
  Harness harness(pop3_facts(true));
  harness.dialogue(std::string(kGreeting) + R"(
    C: STAT
    S: -ERR Log in first
    C: RETR 1
    S: -ERR Log in first
    C: FROBNICATE
    S: -ERR Unknown command
    C: USER
    S: -ERR Malformed arguments
    C: APOP a b
    S: -ERR Unknown command
    END
  )");
}

TEST_CASE("front-end pop3: a back-end that is away says so and the client may try again") {
  Harness harness(pop3_facts(true));
  harness.backends.behaviour = pop3_backend;
  SECTION("off or down") {
    harness.backends.refusal = ErrorCode::kUnavailable;
    harness.dialogue(std::string(kGreeting) + kUser + R"(
      C: PASS secret
      S: -ERR [SYS/TEMP] ...
      C: NOOP
      S: -ERR Log in first
    )");
  }
  SECTION("full") {
    harness.backends.refusal = ErrorCode::kExhausted;
    harness.dialogue(std::string(kGreeting) + kUser + "C: PASS secret\nS: -ERR [IN-USE] ...");
  }
  SECTION("hauspost-auth") {
    harness.authenticator.unavailable = true;
    harness.dialogue(std::string(kGreeting) + kUser + "C: PASS secret\nS: -ERR [SYS/TEMP] ...\n" +
                     kUser + "C: PASS secret\nS: -ERR [SYS/TEMP] ...");
  }
}

TEST_CASE("front-end pop3: a lost back-end becomes -ERR, but never inside a line") {
  Harness harness(pop3_facts(true));
  harness.backends.behaviour = pop3_backend;
  const std::string login = std::string(kGreeting) + kUser + "C: PASS secret\nS: +OK Logged in\n";
  SECTION("between lines") { harness.dialogue(login + "C: DIE\nS: -ERR [SYS/TEMP] ...\nEND"); }
  SECTION("inside a line") { harness.dialogue(login + "C: DIE-MIDLINE\nEND"); }
  SECTION("the front-end stops") { harness.dialogue(login + "STOP\nS: -ERR [SYS/TEMP] ...\nEND"); }
}

TEST_CASE("front-end pop3: before login a stop is told and a time-out is not") {
  Harness harness(pop3_facts(true));
  SECTION("stop") {
    harness.dialogue(std::string(kGreeting) + "STOP\nS: -ERR [SYS/TEMP] ...\nEND");
  }
  SECTION("time-out") {
    harness.services.limits.pop3_login_time = std::chrono::milliseconds(30);
    harness.dialogue(std::string(kGreeting) + "END");
  }
}

TEST_CASE("front-end pop3: an account has so many sessions, its IMAP sessions apart") {
  Harness harness(pop3_facts(true));
  harness.backends.behaviour = pop3_backend;
  std::vector<std::unique_ptr<Admission>> others;
  const auto admit = [&](link::Protocol protocol, std::size_t number) {
    std::string_view refusal;
    others.push_back(harness.limits.admit(fmt::format("198.51.100.{}", number), protocol,
                                          harness.services.limits, refusal));
    REQUIRE(others.back());
    REQUIRE(others.back()->enter_account(harness.authenticator.mailbox));
  };
  for (std::size_t i = 0; i < harness.services.limits.imap_per_account_max; ++i)
    admit(link::Protocol::kImap, i);
  const std::size_t most = harness.services.limits.pop3_per_account_max;
  CHECK(most == 16);
  for (std::size_t i = 0; i + 1 < most; ++i) admit(link::Protocol::kPop3, 100 + i);
  SECTION("the last place") {
    harness.dialogue(std::string(kGreeting) + kUser + "C: PASS secret\nS: +OK Logged in");
  }
  SECTION("one too many") {
    admit(link::Protocol::kPop3, 200);
    harness.dialogue(std::string(kGreeting) + kUser + "C: PASS secret\nS: -ERR [IN-USE] ...");
  }
}

}  // namespace hauspost::frontend::test_support
