#include "transport/receive/header_scan.h"

#include <catch2/catch.hpp>

using namespace hauspost::transport;

TEST_CASE("transport header: what a good header tells") {
  std::string message =
      "Received: one\r\n two\r\nreceived: three\r\nDATE: x\r\nBcc: a@b.c,\r\n\td@e.f\r\n"
      "Message-Id : <x>\r\nBCC:\r\nSubject: s\r\n\r\nBcc: in the body\r\n";
  const HeaderScan scan = scan_header(message, 1 << 20, 100);
  CHECK(scan.well_formed);
  CHECK(scan.fields == 7);
  CHECK(scan.received == 2);
  CHECK(scan.has_date);
  CHECK(scan.has_message_id);
  CHECK(scan.bytes == message.find("\r\n\r\n") + 4);
  REQUIRE(scan.bcc.size() == 2);
  remove_bcc(message, scan);
  CHECK(message ==
        "Received: one\r\n two\r\nreceived: three\r\nDATE: x\r\n"
        "Message-Id : <x>\r\nSubject: s\r\n\r\nBcc: in the body\r\n");
}

TEST_CASE("transport header: messages that do not start with one") {
  for (const char* message : {"", " folded\r\n\r\n", "just text\r\n", ":\r\n", "\tx: y\r\n",
                              "From me Mon Jan 1 00:00:00 2026\r\nA: b\r\n\r\n"}) {
    CAPTURE(message);
    CHECK_FALSE(scan_header(message, 1 << 20, 100).well_formed);
  }
  for (const char* message : {"\r\n", "\r\nbody\r\n", "A: b\r\n", "A: b", "A:\r\n\r\nx\r\n"}) {
    CAPTURE(message);
    CHECK((scan_header(message, 1 << 20, 100).well_formed || message[0] == '\r'));
  }
}

TEST_CASE("transport header: a line that is no field hides none of those behind it") {
  const std::string message =
      "Subject: x\r\nno field\r\n of two lines\r\nBcc: a@b.c\r\nX-Hauspost-Organization-A: 1\r\n"
      "Authentication-Results: mail.example.org; spf=pass\r\nFrom: a@b.c\r\n\r\nBcc: body\r\n";
  const HeaderScan scan = scan_header(message, 1 << 20, 100, {.hostname = "mail.example.org"});
  CHECK(scan.well_formed);
  CHECK(scan.bytes == message.find("\r\n\r\n") + 4);
  CHECK(scan.fields == 5);
  CHECK(scan.bcc.size() == 1);
  CHECK(scan.organisation.size() == 1);
  CHECK(scan.our_results.size() == 1);
  CHECK(scan.from.size() == 1);
  CHECK(scan_header("X: y\r\n" + std::string(500, 'z'), 100, 1000).bytes > 100);
}

TEST_CASE("transport header: our name in Authentication-Results, however it is written") {
  const auto is_ours = [](const std::string& value) {
    return scan_header("Authentication-Results:" + value + "\r\n\r\n", 1 << 20, 100,
                       {.hostname = "mail.example.org"})
               .our_results.size() == 1;
  };
  for (const char* value :
       {" mail.example.org; spf=pass", "MAIL.example.org", "\r\n mail.example.org 1; none",
        " (a) mail.example.org; none", " (a (b) c) (\\)) mail.example.org; none",
        " \"mail.example.org\"; none", " \"mail\\.example.org\"; none"}) {
    CAPTURE(value);
    CHECK(is_ours(value));
  }
  for (const char* value : {"", "(", " (mail.example.org", ")mail.example.org", "\"", "\"\\",
                            " other.example; x=mail.example.org", " mail.example.org.net; none"}) {
    CAPTURE(value);
    CHECK_FALSE(is_ours(value));
  }
}

TEST_CASE("transport header: an empty line at once is a header of its own") {
  const HeaderScan scan = scan_header("\r\nbody\r\n", 1 << 20, 100);
  CHECK(scan.well_formed);
  CHECK(scan.bytes == 2);
  CHECK(scan.fields == 0);
}

TEST_CASE("transport header: no more is read than the limits need") {
  std::string many;
  for (int i = 0; i < 50; ++i) many += "X: y\r\n";
  CHECK(scan_header(many + "\r\n", 1 << 20, 20).fields == 21);
  CHECK(scan_header(many + "\r\n", 100, 1000).bytes > 100);
  CHECK(scan_header("X: " + std::string(500, 'y') + "\r\n\r\n", 1 << 20, 20).longest_field == 505);
}
