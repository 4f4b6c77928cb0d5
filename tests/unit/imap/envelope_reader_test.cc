#include "protocols/imap/envelope_reader.h"

#include <catch2/catch.hpp>

#include "store/mime/message.h"

namespace hauspost::imap {

TEST_CASE("imap envelope reader: gives back what the summary's text says") {
  const std::string summary = mime::make_summary(
      "Date: Mon, 1 Nov 2026 10:00:00 +0100\r\n"
      "Subject: a \"quoted\" \\ subject\r\n"
      "From: \"Zoe \\\"Z\\\"\" <zoe@example.org>, other@example.org\r\n"
      "To: gr\xc3\xbc\xc3\x9f"
      "e@example.org, b@example.org\r\n"
      "Message-ID: <1@x>\r\nIn-Reply-To: <0@x>\r\n\r\n");
  const auto read = mime::read_summary(summary);
  REQUIRE(read);
  const auto envelope = read_envelope(read->envelope);
  REQUIRE(envelope);
  CHECK(envelope->date == "Mon, 1 Nov 2026 10:00:00 +0100");
  CHECK(envelope->subject == "a \"quoted\" \\ subject");
  REQUIRE(envelope->from);
  CHECK(envelope->from->name == "Zoe \"Z\"");
  CHECK(envelope->from->mailbox == "zoe");
  CHECK(envelope->from->host == "example.org");
  REQUIRE(envelope->to);
  CHECK(envelope->to->mailbox ==
        "gr\xc3\xbc\xc3\x9f"
        "e");
  CHECK_FALSE(envelope->cc);
  CHECK(envelope->message_id == "<1@x>");
  CHECK(envelope->in_reply_to == "<0@x>");
}

TEST_CASE("imap envelope reader: what is no envelope") {
  const std::string_view good = "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)";
  REQUIRE(read_envelope(good));
  for (std::size_t length = 0; length < good.size(); ++length)
    CHECK_FALSE(read_envelope(good.substr(0, length)));
  CHECK_FALSE(read_envelope(std::string(good) + " "));
  CHECK_FALSE(read_envelope("({99}\r\nshort NIL NIL NIL NIL NIL NIL NIL NIL NIL)"));
  CHECK_FALSE(read_envelope("(\"open NIL NIL NIL NIL NIL NIL NIL NIL NIL)"));
  CHECK(read_envelope("({2}\r\nab NIL NIL NIL NIL NIL NIL NIL NIL NIL)")->date == "ab");
}

}  // namespace hauspost::imap
