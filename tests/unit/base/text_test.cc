#include "base/text.h"

#include <catch2/catch.hpp>

using namespace hauspost;

TEST_CASE("text: case and trimming know ASCII only") {
  CHECK(ascii_lower("INBOX-\xc3\x84") == "inbox-\xc3\x84");
  CHECK(ascii_upper("inbox{9}") == "INBOX{9}");
  CHECK(iequals("InBox", "iNbOX"));
  CHECK_FALSE(iequals("inbox", "inbo"));
  CHECK_FALSE(iequals("[", "{"));  // differ only by the case bit, but are no letters
  CHECK_FALSE(iequals("@", "`"));
  CHECK(istarts_with("EHLO host", "ehlo"));
  CHECK_FALSE(istarts_with("EH", "ehlo"));
  CHECK(istarts_with("", ""));
  CHECK(trim(" \t a b\t ") == "a b");
  CHECK(trim(" \t ") == "");
  CHECK(trim("\r\n") == "\r\n");
}

TEST_CASE("text: split keeps empty parts") {
  CHECK(split("", ',') == std::vector<std::string_view>{""});
  CHECK(split("a", ',') == std::vector<std::string_view>{"a"});
  CHECK(split(",a,,b,", ',') == std::vector<std::string_view>{"", "a", "", "b", ""});
}

TEST_CASE("text: numbers are digits and nothing else") {
  CHECK(parse_u64("0") == 0U);
  CHECK(parse_u64("007") == 7U);
  CHECK(parse_u64("18446744073709551615") == UINT64_MAX);
  for (const char* bad : {"", "18446744073709551616", "-1", "+1", " 1", "1 ", "0x1", "1a", "a"}) {
    INFO(bad);
    CHECK_FALSE(parse_u64(bad));
  }
}

TEST_CASE("text: hexadecimal") {
  CHECK(to_hex(std::string_view("\x00\x7f\xff", 3)) == "007fff");
  CHECK(from_hex("007FfF") == std::string("\x00\x7f\xff", 3));
  CHECK(from_hex("") == "");
  for (const char* bad : {"0", "0g", "g0", " 0", "0x"}) CHECK_FALSE(from_hex(bad));
}

TEST_CASE("text: base64 follows RFC 4648 section 10") {
  const std::pair<const char*, const char*> vectors[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
  };
  for (const auto& [plain, encoded] : vectors) {
    CHECK(base64_encode(plain) == encoded);
    CHECK(base64_decode(encoded) == plain);
  }
  std::string every;
  for (int byte = 0; byte < 256; ++byte) {
    every += static_cast<char>(byte);
    CHECK(base64_decode(base64_encode(every)) == every);
  }
}

TEST_CASE("text: base64 refuses everything loose") {
  for (const char* bad : {"Z", "Zg", "Zg=", "Zh==", "Zm9=", "Zg==Zg==", "Z===", "====", "Zm9v\n",
                          "Zm 9", "Zm-_", "=Zm9", "Zg=a", "*"}) {
    INFO(bad);
    CHECK_FALSE(base64_decode(bad));
  }
}

TEST_CASE("text: log text is printable ASCII, whatever comes in") {
  CHECK(escape_for_log("plain text") == "plain text");
  CHECK(escape_for_log("a\r\nb") == "a\\x0d\\x0ab");
  CHECK(escape_for_log("\"\\") == "\\x22\\x5c");
  CHECK(escape_for_log("\x1b[2J\xc3\xa4\x7f") == "\\x1b[2J\\xc3\\xa4\\x7f");
  CHECK(escape_for_log("abcdef", 6) == "abcdef");
  CHECK(escape_for_log("abcdef", 5) == "abcde...");
  std::string every;
  for (int byte = 0; byte < 256; ++byte) every += static_cast<char>(byte);
  for (const char c : escape_for_log(every, 256)) CHECK((c >= 0x20 && c < 0x7f && c != '"'));
}

TEST_CASE("text: UTF-8 is checked as RFC 3629 wants it") {
  for (const char* good :
       {"", "abc", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
        "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    INFO(to_hex(good));
    CHECK(is_valid_utf8(good));
  }
  for (const char* bad :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x20", "\xe0\x9f\xbf", "\xe0\xa0",
        "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
        "\xff", "\xfe", "\xf0\x90\x80", "ok\xe2\x82", "\xe2\x82\x41"}) {
    INFO(to_hex(bad));
    CHECK_FALSE(is_valid_utf8(bad));
  }
  CHECK(is_valid_utf8(std::string_view("a\0b", 3)));
}
