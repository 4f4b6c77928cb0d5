#include "store/mime/encoded_words.h"

#include <catch2/catch.hpp>

#include "store/mime/charset.h"
#include "store/mime/message.h"
#include "store/mime/transfer_encoding.h"

namespace hauspost::mime {
namespace {

struct Case {
  std::string_view raw;
  std::string_view want;
};

TEST_CASE("mime encoded words: RFC 2047 section 8") {
  const Case cases[] = {
      {"=?ISO-8859-1?Q?a?=", "a"},
      {"=?ISO-8859-1?Q?a?= b", "a b"},
      {"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"},
      {"=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=", "ab"},
      {"=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=", "ab"},
      {"=?ISO-8859-1?Q?a_b?=", "a b"},
      {"=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"},
      {"=?US-ASCII?Q?Keith_Moore?=", "Keith Moore"},
      {"=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?=", "Keld Jørn Simonsen"},
      {"=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n "
       "=?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
       "If you can read this you understand the example."},
      {"=?iso-8859-8?b?7eXs+SDv4SDp7Oj08A==?=", "םולש ןב ילטפנ"},
  };
  for (const Case& test : cases) {
    INFO(test.raw);
    CHECK(decode_header_text(test.raw) == test.want);
  }
}

TEST_CASE("mime encoded words: what mailers really send") {
  const Case cases[] = {
      {"=?utf-8?B?w7w=?=", "ü"},
      {"=?UTF-8*en?Q?=c3=bc?=", "ü"},
      // One character cut in two, which RFC 2047 section 5 forbids.
      {"=?utf-8?Q?=C3?= =?UTF-8?Q?=BC?=", "ü"},
      {"=?utf-8?Q?\?=", ""},
      {"=?utf-8?X?abc?=", "=?utf-8?X?abc?="},
      {"=?utf-8?Q?abc", "=?utf-8?Q?abc"},
      {"=?", "=?"},
      {"=?\?=", "=?\?="},
      {"=?=?=?=?", "=?=?=?=?"},
      {"=?no-such-charset?Q?abc?=", "abc"},
      {"=?gb2312?B?xOO6ww==?=", "你好"},
      {"=?Shift_JIS?B?k/qWew==?=", "日本"},
      {"=?ISO-2022-JP?B?GyRCRnxLXBsoQg==?=", "日本"},
      {"=?koi8-r?B?8NLJ18XU?=", "Привет"},
      {"caf\xc3\xa9", "café"},
      {"caf\xe9", "café"},
      {"\x80 5", "€ 5"},
      {"a =?utf-8?q?b?= c =?utf-8?q?d?= e", "a b c d e"},
      {"Re:=?utf-8?q?b?=", "Re:b"},
  };
  for (const Case& test : cases) {
    INFO(test.raw);
    CHECK(decode_header_text(test.raw) == test.want);
  }
}

TEST_CASE("mime encoded words: RFC 2231 parameters are readable too") {
  const std::string text =
      decode_header_text("attachment; filename*=utf-8''%e2%82%ac%20rates.txt; size=1");
  CHECK(text.ends_with("filename=€ rates.txt"));
}

TEST_CASE("mime transfer encodings: lenient both") {
  CHECK(decode_base64("SGVs\r\nbG8=") == "Hello");
  CHECK(decode_base64("SGVsbG8") == "Hello");
  CHECK(decode_base64("SGk=SGk=") == "HiHi");
  CHECK(decode_base64("S!G*k=") == "Hi");
  CHECK(decode_base64("S").empty());
  CHECK(decode_base64("").empty());
  CHECK(decode_quoted_printable("a=3Db=\r\nc=\nd") == "a=bcd");
  CHECK(decode_quoted_printable("a=20  \r\nb\t\nc ") == "a \r\nb\nc");
  CHECK(decode_quoted_printable("a=  \r\nb") == "ab");
  CHECK(decode_quoted_printable("x=y=G1==") == "x=y=G1=");
  CHECK(decode_quoted_printable("a  b") == "a  b");
}

TEST_CASE("mime charset: labels that lie are guessed, names that could be more are refused") {
  CHECK(text_to_utf8("us-ascii", "caf\xe9") == "café");
  CHECK(text_to_utf8("utf-8", "caf\xe9") == "café");
  CHECK(!charset_to_utf8("utf-8,swaplfnl", "x"));
  CHECK(!charset_to_utf8(std::string(1000, 'a'), "x"));
  CHECK(charset_to_utf8("iso-8859-15", "\xa4") == "€");
  CHECK(charset_to_utf8("utf-16le", std::string_view("a\0b\0", 4)) == "ab");
}

}  // namespace
}  // namespace hauspost::mime
