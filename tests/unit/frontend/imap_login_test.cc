#include "tests/unit/frontend/harness.h"

namespace hauspost::frontend::test_support {
namespace {

ClientFacts tls_facts() {
  ClientFacts facts = imap_facts();
  facts.tls = true;
  facts.tls_version = "TLSv1.3";
  return facts;
}

constexpr char kGreeting[] = R"(
    S: * OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ID AUTH=PLAIN AUTH=LOGIN] mail.example.org ...
)";
constexpr char kPlainSecret[] = "AGFAZXhhbXBsZS5vcmcAc2VjcmV0";  // NUL a@example.org NUL secret
constexpr char kPlainWrong[] = "AGFAZXhhbXBsZS5vcmcAd3Jvbmc=";   // NUL a@example.org NUL wrong
constexpr char kPlainForOther[] = "YgBhQGV4YW1wbGUub3JnAHNlY3JldA==";  // b NUL a@... NUL secret

}  // namespace

TEST_CASE("front-end imap: commands before login") {
  Harness harness(tls_facts());
  harness.dialogue(std::string(kGreeting) + R"(
    C: a CAPABILITY
    S: * CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ID AUTH=PLAIN AUTH=LOGIN
    S: a OK ...
    C: b noop|c NOOP
    S: b OK ...
    S: c OK ...
    C: d ID ("name" "Thunderbird" "version" "153")
    S: * ID ("name" "Hauspost")
    S: d OK ...
    C: e ID NIL
    S: * ID ("name" "Hauspost")
    S: e OK ...
    C: f LOGOUT
    S: * BYE ...
    S: f OK ...
    END
  )");
}

TEST_CASE("front-end imap: no password before TLS, and TLS changes what is offered") {
  Harness harness(imap_facts());
  harness.dialogue(R"(
    S: * OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ID STARTTLS LOGINDISABLED] ...
    C: a LOGIN a@example.org secret
    S: a NO [PRIVACYREQUIRED] ...
    C: b AUTHENTICATE PLAIN AGFAZXhhbXBsZS5vcmcAc2VjcmV0
    S: b NO [PRIVACYREQUIRED] ...
    C: c STARTTLS
    S: c OK ...
    C: d CAPABILITY
    S: * CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ID AUTH=PLAIN AUTH=LOGIN
    S: d OK ...
    C: e STARTTLS
    S: e BAD ...
  )");
  CHECK(harness.authenticator.attempts.empty());
}

TEST_CASE("front-end imap: bytes behind STARTTLS end the connection") {
  Harness harness(imap_facts());
  harness.dialogue(R"(
    S: * OK ...
    C: a STARTTLS|b NOOP
    S: * BYE ...
    END
  )");
  CHECK_FALSE(harness.client->facts().tls);
}

TEST_CASE("front-end imap: every way to log in") {
  const std::string plain = kPlainSecret;
  const std::string ways[] = {
      "C: t LOGIN a@example.org secret\n",
      "C: t LOGIN \"a@example.org\" \"secret\"\n",
      "C: t LOGIN {13+}|a@example.org {6+}|secret\n",
      "C: t LOGIN {13}\nS: + ...\nC: a@example.org {6}\nS: + ...\nC: secret\n",
      "C: t authenticate plain " + plain + "\n",
      "C: t AUTHENTICATE PLAIN\nS: +\nC: " + plain + "\n",
      "C: t AUTHENTICATE LOGIN\nS: + VXNlcm5hbWU6\nC: YUBleGFtcGxlLm9yZw==\n"
      "S: + UGFzc3dvcmQ6\nC: c2VjcmV0\n",
  };
  for (const std::string& way : ways) {
    INFO(way);
    Harness harness(tls_facts());
    harness.backends.behaviour = imap_backend;
    // trim() takes the space off "+ ": compare the continuation by its start.
    std::string script = way;
    if (const auto at = script.find("S: +\n"); at != std::string::npos)
      script.replace(at, 5, "S: + ...\n");
    harness.dialogue(std::string(kGreeting) + script + R"(
      S: t OK Logged in
      C: x
      S: * echo x
      C: LOGOUT
      S: * echo LOGOUT
      END
    )");
    REQUIRE(harness.backends.starts.size() == 1);
    CHECK(harness.authenticator.attempts.at(0).client_address == "192.0.2.7");
  }
}

TEST_CASE("front-end imap: the back-end learns whose session it is and gets what was pipelined") {
  Harness harness(tls_facts());
  harness.backends.behaviour = imap_backend;
  harness.dialogue(std::string(kGreeting) + R"(
    C: i ID ("name" "mutt" "version" "2.2")|tag7 LOGIN a@example.org secret|y SELECT INBOX|z ~
    S: * ID ...
    S: i OK ...
    S: tag7 OK Logged in
    S: * echo y SELECT INBOX
    C: LOGOUT
    S: * echo z LOGOUT
    C: LOGOUT
    S: * echo LOGOUT
    END
  )");
  REQUIRE(harness.backends.starts.size() == 1);
  const link::SessionStart& start = harness.backends.starts[0];
  CHECK(start.protocol == link::Protocol::kImap);
  CHECK(start.client_tag == "tag7");
  CHECK(start.user == "a@example.org");
  CHECK(start.mailbox == harness.authenticator.mailbox);
  CHECK(start.database == "DB1");
  CHECK(start.device_id == "mutt 2.2");
  CHECK(start.client_address == "192.0.2.7");
  CHECK(start.client_port == 40000);
  CHECK(start.listener == "imap");
  CHECK(start.tls);
  CHECK(start.tls_version == "TLSv1.3");
  CHECK_FALSE(start.session.is_nil());
}

TEST_CASE("front-end imap: three wrong passwords end the connection") {
  Harness harness(tls_facts());
  harness.dialogue(std::string(kGreeting) + "C: a LOGIN a@example.org wrong\n" + R"(
    S: a NO [AUTHENTICATIONFAILED] Authentication failed
    C: b AUTHENTICATE PLAIN )" +
                   kPlainWrong + R"(
    S: b NO [AUTHENTICATIONFAILED] Authentication failed
    C: c AUTHENTICATE PLAIN )" +
                   kPlainForOther + R"(
    S: c NO [AUTHENTICATIONFAILED] Authentication failed
    S: * BYE ...
    END
  )");
  CHECK(harness.backends.starts.empty());
}

TEST_CASE("front-end imap: three bad commands end the connection") {
  Harness harness(tls_facts());
  harness.dialogue(std::string(kGreeting) + R"(
    C: a SELECT INBOX
    S: a BAD ...
    C: b FROBNICATE
    S: b BAD ...
    C: c AUTHENTICATE PLAIN =
    S: c BAD ...
    S: * BYE ...
    END
  )");
}

TEST_CASE(
    "front-end imap: an exchange can be cancelled or malformed, other mechanisms are refused") {
  Harness harness(tls_facts());
  harness.backends.behaviour = imap_backend;
  harness.dialogue(std::string(kGreeting) + R"(
    C: a AUTHENTICATE ANONYMOUS
    S: a NO ...
    C: b AUTHENTICATE PLAIN
    S: + ...
    C: *
    S: b BAD ...
    C: c AUTHENTICATE LOGIN
    S: + VXNlcm5hbWU6
    C: !!!!
    S: c BAD ...
    C: d LOGIN a@example.org secret
    S: d OK Logged in
  )");
}

TEST_CASE("front-end imap: huge literals and lines are turned away") {
  Harness harness(tls_facts());
  const std::string line(9000, 'x');
  harness.dialogue(std::string(kGreeting) + "C: a LOGIN {9000}\nS: a BAD ...\nC: b NOOP " + line +
                   R"(
    S: b BAD ...
    C: c LOGIN {99999+}
    S: * BYE ...
    END
  )");
}

TEST_CASE("front-end imap: a back-end that is away says so and the client may try again") {
  Harness harness(tls_facts());
  harness.backends.behaviour = imap_backend;
  harness.backends.refusal = ErrorCode::kUnavailable;
  harness.dialogue(std::string(kGreeting) + R"(
    C: a LOGIN a@example.org secret
    S: a NO [UNAVAILABLE] ...
    C: b NOOP
    S: b OK ...
  )");
}

TEST_CASE("front-end imap: hauspost-auth away is no wrong password") {
  Harness harness(tls_facts());
  harness.authenticator.unavailable = true;
  harness.dialogue(std::string(kGreeting) + R"(
    C: a LOGIN a@example.org secret
    S: a NO [UNAVAILABLE] ...
    C: b LOGIN a@example.org secret
    S: b NO [UNAVAILABLE] ...
    C: c LOGIN a@example.org secret
    S: c NO [UNAVAILABLE] ...
    C: d NOOP
    S: d OK ...
  )");
}

TEST_CASE("front-end imap: a lost back-end becomes BYE, but never inside a line") {
  Harness harness(tls_facts());
  harness.backends.behaviour = imap_backend;
  SECTION("between lines") {
    harness.dialogue(std::string(kGreeting) + R"(
      C: a LOGIN a@example.org secret
      S: a OK Logged in
      C: DIE
      S: * BYE [UNAVAILABLE] ...
      END
    )");
  }
  SECTION("inside a line") {
    harness.dialogue(std::string(kGreeting) + R"(
      C: a LOGIN a@example.org secret
      S: a OK Logged in
      C: DIE-MIDLINE
      END
    )");
  }
}

TEST_CASE("front-end imap: who does not log in in time is sent away") {
  Harness harness(tls_facts());
  harness.services.limits.login_time = std::chrono::milliseconds(30);
  harness.dialogue(std::string(kGreeting) + R"(
    S: * BYE ...
    END
  )");
}

TEST_CASE("front-end imap: a stop says goodbye before and after login") {
  Harness harness(tls_facts());
  harness.backends.behaviour = imap_backend;
  SECTION("before") {
    harness.dialogue(std::string(kGreeting) + "STOP\nS: * BYE [UNAVAILABLE] ...\nEND\n");
  }
  SECTION("after") {
    harness.dialogue(std::string(kGreeting) + R"(
      C: a LOGIN a@example.org secret
      S: a OK Logged in
      STOP
      S: * BYE [UNAVAILABLE] ...
      END
    )");
  }
}

TEST_CASE("front-end imap: an account has a limited number of sessions") {
  Harness harness(tls_facts());
  std::vector<std::unique_ptr<Admission>> others;
  for (std::size_t i = 0; i < harness.services.limits.imap_per_account_max; ++i) {
    std::string_view refusal;
    others.push_back(harness.limits.admit("198.51.100." + std::to_string(i), link::Protocol::kImap,
                                          harness.services.limits, refusal));
    REQUIRE(others.back());
    REQUIRE(others.back()->enter_account(harness.authenticator.mailbox));
  }
  harness.dialogue(std::string(kGreeting) + R"(
    C: a LOGIN a@example.org secret
    S: a NO [LIMIT] ...
  )");
}

}  // namespace hauspost::frontend::test_support
