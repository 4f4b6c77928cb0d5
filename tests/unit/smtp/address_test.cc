#include "protocols/smtp/address.h"

#include <catch2/catch.hpp>

#include <string>

using namespace hauspost::smtp;

namespace {

const std::string kLocal64(64, 'a');
const std::string kLabel63(63, 'd');

}  // namespace

TEST_CASE("smtp address: paths that are good") {
  struct Case {
    std::string text;
    std::string local;
    std::string domain;
  };
  const Case cases[] = {
      {"<a@example.org>", "a", "example.org"},
      {"<first.last+tag@sub.example.org>", "first.last+tag", "sub.example.org"},
      {"<!#$%&'*+-/=?^_`{|}~@x>", "!#$%&'*+-/=?^_`{|}~", "x"},
      {"<\"a b\"@example.org>", "a b", "example.org"},
      {"<\"a\\\"b\\\\c\"@example.org>", "a\"b\\c", "example.org"},
      {"<\"\"@example.org>", "", "example.org"},
      {"<\"a@b>\"@example.org>", "a@b>", "example.org"},
      {"<\"plain\"@example.org>", "plain", "example.org"},
      {"<a@[192.0.2.1]>", "a", "[192.0.2.1]"},
      {"<a@[IPv6:2001:db8::1]>", "a", "[IPv6:2001:db8::1]"},
      {"<a@[x-tag:anything!]>", "a", "[x-tag:anything!]"},
      {"<@relay.example,@[192.0.2.7]:a@example.org>", "a", "example.org"},
      {"<Postmaster>", "Postmaster", ""},
      {"<postmaster@example.org>", "postmaster", "example.org"},
      {"<m\xc3\xbcller@b\xc3\xbc"
       "cher.example>",
       "m\xc3\xbcller",
       "b\xc3\xbc"
       "cher.example"},
      {"<" + kLocal64 + "@example.org>", kLocal64, "example.org"},
      {"<a@" + kLabel63 + ".org>", "a", kLabel63 + ".org"},
      {"<a@1.2.3.example>", "a", "1.2.3.example"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const auto parsed = parse_path(c.text);
    REQUIRE(parsed);
    CHECK(parsed->consumed == c.text.size());
    REQUIRE(parsed->value);
    CHECK(parsed->value->local == c.local);
    CHECK(parsed->value->domain == c.domain);
    CHECK(parse_path(c.text + " SIZE=1")->consumed == c.text.size());
    if (!c.domain.empty()) CHECK(address_from(parsed->value->to_string()) == parsed->value);
  }
}

TEST_CASE("smtp address: the null path") {
  const auto parsed = parse_path("<>");
  REQUIRE(parsed);
  CHECK_FALSE(parsed->value);
  CHECK(parsed->consumed == 2);
}

TEST_CASE("smtp address: paths that are not") {
  const std::string cases[] = {
      "",
      "<",
      "a@example.org",
      "<a@example.org",
      "< a@example.org>",
      "<a@example.org >",
      "<@example.org>",
      "<a>",
      "<a@>",
      "<a b@example.org>",
      "<.a@example.org>",
      "<a.@example.org>",
      "<a..b@example.org>",
      "<a@example..org>",
      "<a@.example.org>",
      "<a@example.org.>",
      "<a@-example.org>",
      "<a@example-.org>",
      "<a@exam_ple.org>",
      "<a@b@example.org>",
      "<a(c)@example.org>",
      "<\"a@example.org>",
      "<\"a\"b@example.org>",
      "<\"a\nb\"@example.org>",
      "<\"a\\\"@example.org>",
      "<a@[192.0.2]>",
      "<a@[192.0.2.1>",
      "<a@[300.0.2.1]>",
      "<a@[IPv6:zz]>",
      "<a@[]>",
      "<a@[:x]>",
      "<a@[tag:]>",
      "<a@[ta[g:x]>",
      "<@relay.example>",
      "<@relay.example:>",
      "<@relay.example a@example.org>",
      "<a\xff@example.org>",
      "<a@\xc3>",
      "<" + kLocal64 + "a@example.org>",
      "<a@" + kLabel63 + "d.org>",
      "<a@" + kLabel63 + "." + kLabel63 + "." + kLabel63 + "." + kLabel63 + ">",
  };
  for (const std::string& text : cases) {
    CAPTURE(text);
    const auto parsed = parse_path(text);
    CHECK_FALSE(parsed);
    if (!parsed) CHECK(parsed.error().offset <= text.size());
  }
}

TEST_CASE("smtp address: every prefix of a good path is refused") {
  const std::string whole = "<@relay.example:\"a b\"@[IPv6:2001:db8::1]>";
  REQUIRE(parse_path(whole));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    CAPTURE(length);
    CHECK_FALSE(parse_path(whole.substr(0, length)));
  }
}

TEST_CASE("smtp address: quotes come back only where they are needed") {
  CHECK(Address{"a.b", "x.org"}.to_string() == "a.b@x.org");
  CHECK(Address{"a b", "x.org"}.to_string() == "\"a b\"@x.org");
  CHECK(Address{"", "x.org"}.to_string() == "\"\"@x.org");
  CHECK(Address{"q\"\\", "x.org"}.to_string() == "\"q\\\"\\\\\"@x.org");
  CHECK(Address{"Postmaster", ""}.to_string() == "Postmaster");
}

TEST_CASE("smtp address: names for EHLO") {
  for (const char* good : {"a", "mail.example.org", "my_host.example", "[127.0.0.1]", "[IPv6:::1]",
                           "localhost", "1.2.3.4"}) {
    CAPTURE(good);
    CHECK(is_host_name(good));
  }
  for (const char* bad :
       {"", " ", "a b", "a;b", "a(b)", "-a", "a.", "<a>", "[127.0.0.1", "m\xc3\xbc"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_host_name(bad));
  }
}

TEST_CASE("smtp address: xtext goes there and back") {
  CHECK(decode_xtext("a+2Bb+3Dc") == "a+b=c");
  CHECK(encode_xtext("a+b=c d") == "a+2Bb+3Dc+20d");
  for (const char* bad : {"a=b", "+", "+2", "+2b", "+GG", "a b", "\x7f"}) {
    CAPTURE(bad);
    CHECK_FALSE(decode_xtext(bad));
  }
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  CHECK(decode_xtext(encode_xtext(all)) == all);
}
