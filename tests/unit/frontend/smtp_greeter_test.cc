#include "tests/unit/frontend/harness.h"

namespace hauspost::frontend::test_support {
namespace {

ClientFacts submission_under_tls() {
  ClientFacts facts = smtp_facts(true);
  facts.tls = true;
  return facts;
}

constexpr char kEhloOnPort25[] = R"(
    S: 220 mail.example.org ESMTP Hauspost
    C: EHLO client.example
    S: 250-mail.example.org...
    S: 250-SIZE 52428800
    S: 250-PIPELINING
    S: 250-8BITMIME
    S: 250-SMTPUTF8
    S: 250-CHUNKING
    S: 250-BINARYMIME
    S: 250-ENHANCEDSTATUSCODES
    S: 250-DSN
    S: 250-MT-PRIORITY MIXER
    S: 250-DELIVERBY
    S: 250 STARTTLS
)";
constexpr char kEhloUnderTls[] = R"(
    S: 220 mail.example.org ESMTP Hauspost
    C: EHLO client.example
    S: 250-mail.example.org...
    S: 250-SIZE 52428800
    S: 250-PIPELINING
    S: 250-8BITMIME
    S: 250-SMTPUTF8
    S: 250-CHUNKING
    S: 250-BINARYMIME
    S: 250-ENHANCEDSTATUSCODES
    S: 250-DSN
    S: 250-MT-PRIORITY MIXER
    S: 250-DELIVERBY
    S: 250 AUTH PLAIN LOGIN
)";

}  // namespace

TEST_CASE("front-end smtp: commands before the first MAIL") {
  Harness harness(smtp_facts(false));
  harness.dialogue(std::string(kEhloOnPort25) + R"(
    C: NOOP
    S: 250 2.0.0 OK
    C: RSET|VRFY someone|EXPN list
    S: 250 2.0.0 OK
    S: 252 2.0.0 ...
    S: 502 5.5.1 ...
    C: HELP
    S: 214 2.0.0 ...
    C: RCPT TO:<a@example.org>
    S: 503 5.5.1 ...
    C: DATA
    S: 503 5.5.1 ...
    C: AUTH PLAIN AGFAZXhhbXBsZS5vcmcAc2VjcmV0
    S: 503 5.5.1 ...
    C: WHAT
    S: 500 5.5...
    C: QUIT
    S: 221 2.0.0 ...
    END
  )");
  CHECK(harness.authenticator.attempts.empty());
}

TEST_CASE("front-end smtp: port 25 hands the first MAIL over with all behind it") {
  Harness harness(smtp_facts(false));
  harness.backends.behaviour = smtp_backend;
  harness.dialogue(std::string(kEhloOnPort25) + R"(
    C: MAIL FROM:<x@example.net> SIZE=10|RCPT TO:<a@example.org>|DATA
    S: * echo MAIL FROM:<x@example.net> SIZE=10
    S: * echo RCPT TO:<a@example.org>
    S: * echo DATA
    C: LOGOUT
    S: * echo LOGOUT
    END
  )");
  REQUIRE(harness.backends.starts.size() == 1);
  const link::SessionStart& start = harness.backends.starts[0];
  CHECK(start.protocol == link::Protocol::kSmtp);
  CHECK(start.hello == "client.example");
  CHECK(start.extended);
  CHECK(start.listener == "smtp");
  CHECK(start.user.empty());
  CHECK_FALSE(start.mailbox);
}

TEST_CASE("front-end smtp: MAIL waits for HELO, and HELO is no EHLO") {
  Harness harness(smtp_facts(false));
  harness.backends.behaviour = smtp_backend;
  harness.dialogue(R"(
    S: 220 ...
    C: MAIL FROM:<>
    S: 503 5.5.1 ...
    C: HELO client.example
    S: 250 mail.example.org
    C: MAIL FROM:<>
    S: * echo MAIL FROM:<>
  )");
  REQUIRE(harness.backends.starts.size() == 1);
  CHECK_FALSE(harness.backends.starts[0].extended);
}

TEST_CASE("front-end smtp: submission wants TLS, then a login, then MAIL") {
  Harness harness(smtp_facts(true));
  harness.backends.behaviour = smtp_backend;
  harness.dialogue(std::string(kEhloOnPort25) + R"(
    C: MAIL FROM:<a@example.org>
    S: 530 5.7.0 ...
    C: AUTH PLAIN AGFAZXhhbXBsZS5vcmcAc2VjcmV0
    S: 538 5.7.11 ...
    C: STARTTLS
    S: 220 2.0.0 ...
    C: AUTH PLAIN AGFAZXhhbXBsZS5vcmcAc2VjcmV0
    S: 503 5.5.1 ...
    C: EHLO client.example
    S: 250-mail.example.org...
    S: 250-SIZE 52428800
    S: 250-PIPELINING
    S: 250-8BITMIME
    S: 250-SMTPUTF8
    S: 250-CHUNKING
    S: 250-BINARYMIME
    S: 250-ENHANCEDSTATUSCODES
    S: 250-DSN
    S: 250-MT-PRIORITY MIXER
    S: 250-DELIVERBY
    S: 250 AUTH PLAIN LOGIN
    C: MAIL FROM:<a@example.org>
    S: 530 5.7.0 Authentication required
    C: AUTH PLAIN AGFAZXhhbXBsZS5vcmcAc2VjcmV0
    S: 235 2.7.0 ...
    C: AUTH PLAIN AGFAZXhhbXBsZS5vcmcAc2VjcmV0
    S: 503 5.5.1 ...
    C: STARTTLS
    S: 503 5.5.1 ...
    C: MAIL FROM:<a@example.org>
    S: * echo MAIL FROM:<a@example.org>
  )");
  REQUIRE(harness.backends.starts.size() == 1);
  CHECK(harness.backends.starts[0].user == "a@example.org");
  CHECK(harness.backends.starts[0].mailbox == harness.authenticator.mailbox);
}

TEST_CASE("front-end smtp: exchanges with challenges, cancelled and malformed ones") {
  Harness harness(submission_under_tls());
  harness.dialogue(std::string(kEhloUnderTls) + R"(
    C: AUTH LOGIN
    S: 334 VXNlcm5hbWU6
    C: *
    S: 501 5.7.0 ...
    C: AUTH PLAIN
    S: 334...
    C: AGFAZXhhbXBsZS5vcmcAd3Jvbmc
    S: 501 5.5.2 ...
    C: AUTH CRAM-MD5
    S: 504 5.5.4 ...
    C: AUTH LOGIN YUBleGFtcGxlLm9yZw==
    S: 334 UGFzc3dvcmQ6
    C: c2VjcmV0
    S: 235 2.7.0 ...
  )");
}

TEST_CASE("front-end smtp: three wrong passwords end the connection, auth away does not count") {
  Harness harness(submission_under_tls());
  const std::string wrong = "C: AUTH PLAIN AGFAZXhhbXBsZS5vcmcAd3Jvbmc=\n";
  SECTION("wrong") {
    harness.dialogue(std::string(kEhloUnderTls) + wrong + "S: 535 5.7.8 ...\n" + wrong +
                     "S: 535 5.7.8 ...\n" + wrong + "S: 421 4.7.0 ...\nEND\n");
  }
  SECTION("away") {
    harness.authenticator.unavailable = true;
    std::string script = kEhloUnderTls;
    for (int i = 0; i < 4; ++i) script += wrong + "S: 454 4.7.0 ...\n";
    harness.dialogue(script);
  }
}

TEST_CASE("front-end smtp: bytes behind STARTTLS end the connection") {
  Harness harness(smtp_facts(false));
  harness.dialogue(std::string(kEhloOnPort25) + R"(
    C: STARTTLS|RSET
    S: 421 4.7.0 ...
    END
  )");
  CHECK_FALSE(harness.client->facts().tls);
}

TEST_CASE("front-end smtp: without a certificate there is no STARTTLS") {
  Harness harness(smtp_facts(false));
  harness.client->has_certificate = false;
  harness.dialogue(R"(
    S: 220 ...
    C: STARTTLS
    S: 454 4.7.0 ...
  )");
}

TEST_CASE("front-end smtp: transport away is a temporary failure of MAIL") {
  Harness harness(smtp_facts(false));
  harness.backends.refusal = ErrorCode::kUnavailable;
  harness.dialogue(std::string(kEhloOnPort25) + R"(
    C: MAIL FROM:<>
    S: 451 4.3.2 ...
    C: NOOP
    S: 250 2.0.0 OK
  )");
}

TEST_CASE("front-end smtp: a lost back-end becomes 421") {
  Harness harness(smtp_facts(false));
  harness.backends.behaviour = smtp_backend;
  harness.dialogue(std::string(kEhloOnPort25) + R"(
    C: MAIL FROM:<>
    S: * echo MAIL FROM:<>
    C: DIE
    S: 421 4.3.2 ...
    END
  )");
}

TEST_CASE("front-end smtp: bad lines are counted, then the session ends") {
  Harness harness(smtp_facts(false));
  std::string script = kEhloOnPort25;
  for (int i = 1; i < 20; ++i) script += "C: WHAT\nS: 500 ...\n";
  harness.dialogue(script + "C: WHAT\nS: 421 4.7.0 ...\nEND\n");
}

TEST_CASE("front-end smtp: long lines, bare line feeds and floods") {
  Harness harness(smtp_facts(false));
  SECTION("too long for a command, not for AUTH") {
    harness.dialogue("S: 220 ...\nC: NOOP " + std::string(3000, 'x') +
                     "\nS: 500 5.5.2 ...\nC: NOOP\nS: 250 ...\nC: AUTH PLAIN " +
                     std::string(3000, 'A') + "\nS: 503 5.5.1 ...\n");
  }
  SECTION("bare line feed") { harness.dialogue("S: 220 ...\nC: NO\rOP\nS: 500 5.5.2 ...\n"); }
  SECTION("flood") {
    harness.dialogue("S: 220 ...\nC: " + std::string(70'000, 'x') + "~\nS: 421 ...\nEND\n");
  }
}

TEST_CASE("front-end smtp: BDAT out of order ends the session, for its octets are no commands") {
  Harness harness(smtp_facts(false));
  harness.dialogue(std::string(kEhloOnPort25) + R"(
    C: BDAT 6 LAST|QUIT|~
    S: 503 5.5.1 ...
    END
  )");
}

TEST_CASE("front-end smtp: silence and stop end in 421") {
  Harness harness(smtp_facts(false));
  SECTION("silence") {
    harness.services.limits.command_time = std::chrono::milliseconds(30);
    harness.dialogue("S: 220 ...\nS: 421 4.4.2 ...\nEND\n");
  }
  SECTION("stop") { harness.dialogue("S: 220 ...\nSTOP\nS: 421 4.3.2 ...\nEND\n"); }
}

}  // namespace hauspost::frontend::test_support
