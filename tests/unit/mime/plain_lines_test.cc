#include "store/mime/plain_lines.h"

#include <catch2/catch.hpp>

#include "store/mime/message.h"

using namespace hauspost::mime;

namespace {

std::string plain(std::string_view message, bool eight_bit = false) {
  const auto made = make_plain_lines(message, eight_bit);
  REQUIRE(made);
  const ContentFacts facts = scan_content(*made);
  CHECK_FALSE(facts.nul);
  CHECK_FALSE((!eight_bit && (facts.eight_bit_body || facts.eight_bit_header)));
  return *made;
}

std::string decoded(std::string_view message, std::vector<std::uint32_t> part) {
  const auto bytes = decode_part(message, part);
  REQUIRE(bytes);
  CHECK_FALSE(bytes->unknown_encoding);
  return bytes->bytes;
}

}  // namespace

TEST_CASE("mime: what stands in a message", "[plain-lines]") {
  CHECK_FALSE(scan_content("A: b\r\n\r\nc\r\n").eight_bit_body);
  CHECK(scan_content("A: \xc3\xbc\r\n\r\nc\r\n").eight_bit_header);
  CHECK_FALSE(scan_content("A: \xc3\xbc\r\n\r\nc\r\n").eight_bit_body);
  CHECK(scan_content("A: b\r\n\r\n\xc3\xbc\r\n").eight_bit_body);
  CHECK(scan_content("A: b\r\n\r\nc\nd\r\n").bare_line_end);
  CHECK(scan_content("A: b\r\n\r\nc\rd\r\n").bare_line_end);
  CHECK(scan_content("A: b\r\n\r\nc\r").bare_line_end);
  CHECK(scan_content(std::string_view("A: b\r\n\r\n\0", 9)).nul);
  CHECK(scan_content("A: b\r\n\r\n" + std::string(999, 'x') + "\r\n").long_line);
  CHECK_FALSE(scan_content("A: b\r\n\r\n" + std::string(998, 'x') + "\r\n").long_line);
}

TEST_CASE("mime: 8-bit text without MIME gets its fields", "[plain-lines]") {
  const std::string made = plain(
      "Subject: x\r\n\r\nGr\xc3\xbc\xc3\x9f"
      "e, und noch mehr Text\r\n");
  CHECK(made ==
        "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe, und noch mehr "
        "Text\r\n");
  CHECK(plain("Subject: x\r\n\r\nGr\xfc\xdf"
              "e, und noch mehr Text\r\n")
            .find("charset=unknown-8bit") != std::string::npos);
}

TEST_CASE("mime: each part is encoded by itself", "[plain-lines]") {
  const std::string message =
      "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
      "Content-Transfer-Encoding: 8bit\r\n\r\npre\xc3\xbc\r\n--b\r\n"
      "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
      "viel Text mit einem \xc3\xbc darin = gut\r\n--b\r\n"
      "Content-Type: image/png\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\x89PNG\xff\xfe\r\n--b\r\n"
      "Content-Type: text/html\r\n\r\n<p>plain</p>\r\n--b\r\n"
      "Content-Type: message/rfc822\r\n\r\nSubject: inner\r\nContent-Type: text/plain; "
      "charset=utf-8\r\n\r\nnoch ein langer Text mit \xc3\xb6\r\n--b--\r\n";
  const std::string made = plain(message);
  CHECK(decoded(made, {1}) == "viel Text mit einem \xc3\xbc darin = gut");
  CHECK(decoded(made, {2}) == "\x89PNG\xff\xfe");
  CHECK(decoded(made, {3}) == "<p>plain</p>");
  CHECK(decoded(made, {4, 1}) == "noch ein langer Text mit \xc3\xb6");
  CHECK(made.find("pre??") != std::string::npos);
  CHECK(made.find("8bit") == std::string::npos);
  CHECK(made.find("Content-Transfer-Encoding: base64\r\n") != std::string::npos);
}

TEST_CASE("mime: what cannot be encoded", "[plain-lines]") {
  const auto unfit = [](std::string_view message) {
    const auto made = make_plain_lines(message, false);
    REQUIRE_FALSE(made);
    return made.error();
  };
  CHECK(unfit("Subject: \xc3\xbc\r\n\r\nx\r\n") == Unfit::kHeader);
  CHECK(unfit(std::string_view("Subject: \0\r\n\r\nx\r\n", 18)) == Unfit::kHeader);
  CHECK(
      unfit("Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\xc3\xbc\r\n--b--\r\n") ==
      Unfit::kSigned);
  CHECK(unfit("Content-Type: message/delivery-status\r\n\r\nA: \xc3\xbc\r\n") == Unfit::kNoMeans);
  CHECK(unfit("Content-Transfer-Encoding: base64\r\n\r\n\xc3\xbc\r\n") == Unfit::kNoMeans);
}

TEST_CASE("mime: quoted-printable lines are short and come back whole", "[plain-lines]") {
  std::string text;
  for (int i = 0; i < 40; ++i) text += "ein langes Wort und ein \xc3\xbc, ";
  text += " \r\n.\r\nFrom here\t\r\n\r\nend = end";
  const std::string made =
      plain("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" +
            text + "\r\n");
  CHECK(decoded(made, {1}) == text + "\r\n");
  std::size_t begin = made.find("\r\n\r\n") + 4;
  while (begin < made.size()) {
    const std::size_t end = made.find("\r\n", begin);
    REQUIRE(end != std::string::npos);
    CHECK(end - begin <= 76);
    begin = end + 2;
  }
}

TEST_CASE("mime: binary parts become base64, and 8-bit text may stay", "[plain-lines]") {
  const std::string message =
      "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: binary\r\n\r\n"
      "--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
      "\xc3\xbc\r\n--b\r\nContent-Type: application/octet-stream\r\n"
      "Content-Transfer-Encoding: binary\r\n\r\n" +
      std::string("a\0b\nc\rd", 7) + "\r\n--b--\r\n";
  const std::string made = plain(message, true);
  CHECK(decoded(made, {1}) == "\xc3\xbc");
  CHECK(decoded(made, {2}) == std::string("a\0b\nc\rd", 7));
  CHECK(made.find("binary") == std::string::npos);
}

TEST_CASE("mime: bare line ends become CRLF", "[plain-lines]") {
  CHECK(with_line_ends("a\nb\rc\r\nd\r\r\n\n") == "a\r\nb\r\nc\r\nd\r\n\r\n\r\n");
}
