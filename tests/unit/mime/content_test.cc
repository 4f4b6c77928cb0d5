#include "store/mime/content.h"

#include <catch2/catch.hpp>

#include "store/mime/header_scanner.h"

namespace hauspost::mime {
namespace {

std::string shown(std::string_view raw) {
  const auto type = parse_content_type(raw, {});
  if (!type) return "none";
  std::string out = type->type + "/" + type->subtype;
  for (const Parameter& parameter : type->parameters) {
    out += ";" + parameter.name + "=" + parameter.value;
  }
  return out;
}

TEST_CASE("mime content type: well formed and otherwise") {
  struct Case {
    const char* raw;
    const char* want;
  };
  const Case cases[] = {
      {" text/plain; charset=us-ascii (Plain text)", "text/plain;charset=us-ascii"},
      {" text/plain; charset=\"us-ascii\"", "text/plain;charset=us-ascii"},
      {"TEXT/HTML", "TEXT/HTML"},
      {"text / plain ; a = b ;; c=\"d;e\\\"f\" ;", "text/plain;a=b;c=d;e\"f"},
      {"application/pdf; name=annual report.pdf; x=y",
       "application/pdf;name=annual report.pdf;x=y"},
      {"text/plain;\r\n\tcharset=utf-8;\r\n format=flowed",
       "text/plain;charset=utf-8;format=flowed"},
      {"multipart/mixed; boundary=\"=_a b/c\"", "multipart/mixed;boundary==_a b/c"},
      {"multipart/mixed; boundary==_x", "multipart/mixed;boundary==_x"},
      {"text/plain; charset", "text/plain"},
      {"text/plain; =x; a=b", "text/plain;a=b"},
      {"text/plain; a=", "text/plain;a="},
      {"text/plain; a=\"", "text/plain;a="},
      {"text/plain; \"junk\"; a=b", "text/plain;a=b"},
      {"text", "none"},
      {"", "none"},
      {"/plain", "none"},
      {"text/", "none"},
      {"te\xfcxt/plain", "none"},
  };
  for (const Case& test : cases) {
    INFO(test.raw);
    CHECK(shown(test.raw) == test.want);
  }
}

TEST_CASE("mime parameters: RFC 2231") {
  const auto value = [](std::string_view raw, std::string_view name) {
    const auto type = parse_content_type(raw, {});
    REQUIRE(type);
    return decoded_parameter(type->parameters, name);
  };
  CHECK(value("message/external-body; access-type=URL; URL*0=\"ftp://\";\r\n "
              "URL*1=\"cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar\"",
              "url") == "ftp://cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar");
  CHECK(value("application/x-stuff; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A",
              "title") == "This is ***fun***");
  CHECK(value("application/x-stuff; title*0*=us-ascii'en'This%20is%20even%20more%20; "
              "title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2=\"isn't it!\"",
              "title") == "This is even more ***fun*** isn't it!");
  CHECK(value("a/b; t*1=c; t*0=ab", "t") == "abc");
  CHECK(value("a/b; t*0*=iso-8859-1''%FC; t*1*=%DF", "t") == "üß");
  CHECK(value("a/b; t*=utf-8'%FC", "t") == "utf-8'ü");
  CHECK(value("a/b; t*=%", "t") == "%");
  CHECK(!value("a/b; t*1=x", "t"));
  CHECK(!value("a/b; tt=x", "t"));
}

TEST_CASE("mime parameters: their number is bounded") {
  std::string raw = "a/b";
  for (int i = 0; i < 1000; ++i) raw += "; p" + std::to_string(i) + "=v";
  CHECK(parse_content_type(raw, {})->parameters.size() == Limits{}.parameters_max);
}

TEST_CASE("mime header: fields as they stand") {
  const std::string_view header =
      "From x@y Mon\r\nA: 1\r\nB : 2\n  more\r\n\tend\r\nno colon\r\nC:\r\nb:again\r\n: "
      "d\r\n\r\nE: x";
  CHECK(header_field(header, "a") == "1");
  CHECK(header_field(header, "b") == "2  more end");
  CHECK(header_field(header, "C") == "");
  CHECK(!header_field(header, "e"));
  CHECK(!header_field(header, ""));
  CHECK(header_fields(header, "B") == std::vector<std::string>{"2  more end", "again"});
  CHECK(header_block(header).ends_with(": d\r\n\r\n"));
  CHECK(header_block("A: b\n\nbody") == "A: b\n\n");
  CHECK(header_block("\r\nbody") == "\r\n");
  CHECK(header_block("A: b") == "A: b");
  CHECK(header_block("").empty());
}

}  // namespace
}  // namespace hauspost::mime
