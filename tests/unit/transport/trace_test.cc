#include "transport/trace.h"

#include <catch2/catch.hpp>

using namespace hauspost;
using namespace hauspost::transport;

namespace {

const WallTime kTime{std::chrono::seconds(1795288500)};

link::SessionStart sender() {
  link::SessionStart start;
  start.client_address = "192.0.2.7";
  start.hello = "client.example.net";
  start.extended = true;
  return start;
}

}  // namespace

TEST_CASE("transport trace: dates") {
  CHECK(rfc5322_date(kTime) == "Sat, 21 Nov 2026 19:15:00 +0000");
  CHECK(rfc5322_date(WallTime{}) == "Thu, 1 Jan 1970 00:00:00 +0000");
  CHECK(rfc5322_date(WallTime(std::chrono::seconds(253402300799))) ==
        "Fri, 31 Dec 9999 23:59:59 +0000");
}

TEST_CASE("transport trace: the Received field says who and how") {
  link::SessionStart start = sender();
  CHECK(received_field(start, {"mail.example.org", "ab12", "x@example.org", false, kTime}) ==
        "Received: from client.example.net ([192.0.2.7])\r\n"
        "\tby mail.example.org with ESMTP id ab12\r\n"
        "\tfor <x@example.org>;\r\n"
        "\tSat, 21 Nov 2026 19:15:00 +0000\r\n");
  start.tls = true;
  start.tls_version = "TLSv1.3";
  start.tls_cipher = "TLS_AES_128_GCM_SHA256";
  start.user = "u@example.org";
  start.client_address = "2001:db8::7";
  CHECK(received_field(start, {"mail.example.org", "ab12", "", true, kTime}) ==
        "Received: from client.example.net ([IPv6:2001:db8::7])\r\n"
        "\tby mail.example.org with UTF8SMTPSA\r\n"
        "\t(TLSv1.3 TLS_AES_128_GCM_SHA256) id ab12;\r\n"
        "\tSat, 21 Nov 2026 19:15:00 +0000\r\n");
}

TEST_CASE("transport trace: a name that is none does not reach the field") {
  link::SessionStart start = sender();
  start.hello = "x) by evil.example;\r\nX: y";
  start.client_address = "1.2.3.4)\r\nX: y";
  const std::string field = received_field(start, {"mail.example.org", "ab12", "", false, kTime});
  CHECK(field.starts_with("Received: from unknown ([IPv6:1.2.3.4___X:_y])\r\n\tby "));
}
