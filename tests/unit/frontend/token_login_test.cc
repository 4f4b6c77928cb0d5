#include "tests/unit/frontend/harness.h"

namespace hauspost::frontend::test_support {
namespace {

ClientFacts tls_facts(ClientFacts facts) {
  facts.tls = true;
  facts.tls_version = "TLSv1.3";
  return facts;
}

// "n,,^Aauth=Bearer secret^A^A" and "n,a=a@example.org,^Aauth=Bearer secret^A^A"
constexpr char kNameless[] = "biwsAWF1dGg9QmVhcmVyIHNlY3JldAEB";
constexpr char kGood[] = "bixhPWFAZXhhbXBsZS5vcmcsAWF1dGg9QmVhcmVyIHNlY3JldAEB";
// {"status":"invalid_token"}
constexpr char kError[] = "eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=";

void offer_tokens(Harness& harness) {
  harness.services.bearer_error = R"({"status":"invalid_token"})";
}

Task<void> end_at_once(std::unique_ptr<link::FrameSocket> link, link::SessionStart) {
  link->close();
  co_return;
}

}  // namespace

TEST_CASE("front-end tokens: offered only where they are configured") {
  Harness harness(tls_facts(imap_facts()));
  harness.dialogue(std::string("S: * OK ...\n C: a AUTHENTICATE OAUTHBEARER ") + kGood + R"(
    S: a NO Unsupported authentication mechanism
    C: b AUTHENTICATE EXTERNAL =
    S: b NO Unsupported authentication mechanism
  )");
  CHECK(harness.authenticator.attempts.empty());
}

TEST_CASE("front-end tokens: the token travels as one, under the name that was given") {
  Harness harness(tls_facts(imap_facts()));
  offer_tokens(harness);
  harness.backends.behaviour = end_at_once;
  harness.backends.refusal = ErrorCode::kUnavailable;
  harness.dialogue(std::string(R"(
    S: * OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ID AUTH=OAUTHBEARER AUTH=XOAUTH2 AUTH=PLAIN ...
    C: a AUTHENTICATE OAUTHBEARER )") +
                   kGood + "\n S: a NO [UNAVAILABLE] ...");
  REQUIRE(harness.authenticator.attempts.size() == 1);
  CHECK(harness.authenticator.attempts.front().proof == sasl::Proof::kBearer);
  CHECK(harness.authenticator.attempts.front().name == "a@example.org");
  CHECK(harness.authenticator.attempts.front().password.reveal() == "secret");
}

TEST_CASE("front-end tokens: a refusal comes behind its cause, whatever the client answers") {
  for (const char* answer : {"AQ==", "=", "*", "not base64!"}) {
    INFO(answer);
    Harness harness(tls_facts(imap_facts()));
    offer_tokens(harness);
    harness.dialogue(fmt::format(R"(
      S: * OK ...
      C: a AUTHENTICATE OAUTHBEARER {}
      S: + {}
      C: {}
      S: a NO [AUTHENTICATIONFAILED] ...
      C: b NOOP
      S: b OK ...
    )",
                                 kNameless, kError, answer));
  }
}

TEST_CASE("front-end tokens: SMTP and POP3 tell the cause too") {
  Harness smtp(tls_facts(smtp_facts(true)));
  offer_tokens(smtp);
  smtp.dialogue(fmt::format(R"(
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
    S: 250 AUTH OAUTHBEARER XOAUTH2 PLAIN LOGIN
    C: AUTH OAUTHBEARER {}
    S: 334 {}
    C: AQ==
    S: 535 5.7.8 ...
  )",
                            kNameless, kError));
  ClientFacts facts = imap_facts();
  facts.protocol = link::Protocol::kPop3;
  facts.listener = "pop3";
  Harness pop3(tls_facts(facts));
  offer_tokens(pop3);
  pop3.dialogue(fmt::format(R"(
    S: +OK ...
    C: AUTH OAUTHBEARER
    S: +...
    C: {}
    S: + {}
    C: AQ==
    S: -ERR [AUTH] ...
  )",
                            kNameless, kError));
}

}  // namespace hauspost::frontend::test_support
