#include <catch2/catch.hpp>

#include "store/mime/message.h"

namespace hauspost::mime {
namespace {

bool contains(std::string_view message, std::string_view needle, bool with_headers = false) {
  return body_contains(message, fold(needle), with_headers);
}

TEST_CASE("mime fold: case, composition and compatibility") {
  CHECK(fold("HeLLo") == "hello");
  CHECK(fold("STRASSE") == fold("straße"));
  CHECK(fold("\xc3\x84") == fold("a\xcc\x88"));
  CHECK(fold("ﬁ") == "fi");
  CHECK(fold("ＡＢＣ") == "abc");
  CHECK(fold("ΣΑΣ") == fold("σας"));
  CHECK(fold("").empty());
  CHECK_NOTHROW(fold("\xff\xfe"));
}

TEST_CASE("mime search: decoded text of every text part") {
  const std::string message =
      "Subject: =?utf-8?q?T=C3=BCr?=\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
      "--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
      "Content-Transfer-Encoding: quoted-printable\r\n\r\nsch=F6ne Gr=FC=\r\n=DFe\r\n"
      "--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
      "PGI+SGFsbMO2Y2hlbjwvYj4=\r\n"
      "--b\r\nContent-Type: application/x; name=\"=?utf-8?q?=C3=84pfel?=\"\r\n\r\nsecret\r\n"
      "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: deep\r\n\r\ncaf\xe9\r\n--b--\r\n";
  for (const char* needle : {"SCHÖNE grüsse", "hallÖCHEN", "CAFÉ", "", "<b>"}) {
    INFO(needle);
    CHECK(contains(message, needle));
  }
  for (const char* needle : {"tür", "äpfel", "deep", "content-type", "subject: TÜR"}) {
    INFO(needle);
    CHECK(!contains(message, needle));
    CHECK(contains(message, needle, true));
  }
  CHECK(!contains(message, "secret", true));
  CHECK(!contains(message, "schone", true));
}

TEST_CASE("mime search: a needle across the windows of a long text is found") {
  const std::string needle = "Nähe und FERNE";
  for (const std::size_t before : {65'500U, 65'530U, 65'536U, 131'070U}) {
    for (const std::string_view filler : {"x", " ", "ä"}) {
      std::string message = "\r\n";
      while (message.size() < before) message += filler;
      message += needle;
      message += " end";
      CHECK(contains(message, needle));
      CHECK(!contains(message, needle + "!"));
    }
  }
  const std::string all_same(300'000, 'a');
  CHECK(contains("\n" + all_same, std::string(100'000, 'A')));
  CHECK(!contains("\n" + all_same, std::string(100'000, 'A') + "b"));
}

}  // namespace
}  // namespace hauspost::mime
