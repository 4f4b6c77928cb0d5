#include "protocols/smtp/reply.h"

#include <catch2/catch.hpp>

using namespace hauspost::smtp;

TEST_CASE("smtp reply: every line carries the codes") {
  CHECK(to_string({250, "2.0.0", "Ok"}) == "250 2.0.0 Ok\r\n");
  CHECK(to_string({220, "", "mail.example.org ESMTP"}) == "220 mail.example.org ESMTP\r\n");
  CHECK(to_string({214, "2.0.0", "one\ntwo"}) == "214-2.0.0 one\r\n214 2.0.0 two\r\n");
}

TEST_CASE("smtp reply: EHLO lists what is offered now and no more") {
  EhloOptions options{"mail.example.org", "client.example.net", 52428800, false, {}};
  CHECK(to_string(ehlo_lines(options)) ==
        "250-mail.example.org Hello client.example.net\r\n"
        "250-SIZE 52428800\r\n"
        "250-PIPELINING\r\n"
        "250-8BITMIME\r\n"
        "250-SMTPUTF8\r\n"
        "250-CHUNKING\r\n"
        "250-BINARYMIME\r\n"
        "250-ENHANCEDSTATUSCODES\r\n"
        "250-DSN\r\n"
        "250-MT-PRIORITY MIXER\r\n"
        "250 DELIVERBY\r\n");
  options.starttls = true;
  options.mechanisms = {"PLAIN", "LOGIN"};
  CHECK(to_string(ehlo_lines(options)).ends_with("250-STARTTLS\r\n250 AUTH PLAIN LOGIN\r\n"));
  // What depends on the connection, on who speaks and on limits.
  options = {"mail.example.org", "client.example.net", 52428800, false, {}};
  options.extensions = kLimitsExtension | kRequireTlsExtension | kFutureReleaseExtension;
  CHECK(to_string(ehlo_lines(options)) == "250 mail.example.org Hello client.example.net\r\n");
  options.tls = true;
  options.recipients_max = 200;
  options.messages_max = 10;
  options.hold_max_s = 86'400;
  options.now_s = 1'795'288'500;  // 2026-11-21T19:15:00Z
  CHECK(to_string(ehlo_lines(options)) ==
        "250-mail.example.org Hello client.example.net\r\n"
        "250-LIMITS MAILMAX=10 RCPTMAX=200\r\n"
        "250-REQUIRETLS\r\n"
        "250 FUTURERELEASE 86400 2026-11-22T19:15:00Z\r\n");
}
