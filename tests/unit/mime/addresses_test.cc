#include "store/mime/addresses.h"

#include <catch2/catch.hpp>

#include "store/mime/message.h"

namespace hauspost::mime {
namespace {

// "name|route|local|domain" for each, "[name" and "]" for groups, joined by spaces in braces.
std::string shown(std::string_view raw, std::size_t max = 100) {
  std::string out;
  for (const Address& address : parse_addresses(raw, max)) {
    switch (address.kind) {
      case Address::Kind::kGroupStart: out += "[" + address.name; break;
      case Address::Kind::kGroupEnd: out += "]"; break;
      case Address::Kind::kMailbox:
        out += "{" + address.name + "|" + address.route + "|" + address.local + "|" +
               address.domain + "}";
    }
  }
  return out;
}

struct Case {
  const char* raw;
  const char* want;
};

TEST_CASE("mime addresses: RFC 5322 appendix A and its obsolete forms") {
  const Case cases[] = {
      {"John Doe <jdoe@machine.example>", "{John Doe||jdoe|machine.example}"},
      {"Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
       "{Mary Smith||mary|x.test}{||jdoe|example.org}{Who?||one|y.test}"},
      {"<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
       "{||boss|nil.test}{Giant; \"Big\" Box||sysservices|example.net}"},
      {"A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
       "[A Group{Ed Jones||c|a.test}{||joe|where.test}{John||jdoe|one.test}]"},
      {"Undisclosed recipients:;", "[Undisclosed recipients]"},
      {"Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", "{Pete||pete|silly.test}"},
      {"(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;", "[Hidden recipients]"},
      {"Joe Q. Public <john.q.public@example.com>", "{Joe Q. Public||john.q.public|example.com}"},
      {"Mary Smith <@node.test,@b.test:mary@example.net>, , jdoe@test  . example",
       "{Mary Smith|@node.test,@b.test|mary|example.net}{||jdoe|test.example}"},
      {"John Doe <jdoe@machine(comment).  example>", "{John Doe||jdoe|machine.example}"},
      {"user@[192.168.2.1]", "{||user|[192.168.2.1]}"},
      {"\"john doe\"@example.com", "{||john doe|example.com}"},
      {"gray@cac.washington.edu (Terry Gray)", "{Terry Gray||gray|cac.washington.edu}"},
      {"john . q . public @ example.com", "{||john.q.public|example.com}"},
      {"=?utf-8?q?J=C3=B6rg?= <j@example.com>", "{=?utf-8?q?J=C3=B6rg?=||j|example.com}"},
      {"John\r\n Doe\r\n\t<jdoe@example.com>", "{John Doe||jdoe|example.com}"},
  };
  for (const Case& test : cases) {
    INFO(test.raw);
    CHECK(shown(test.raw) == test.want);
  }
}

TEST_CASE("mime addresses: what is broken still yields something") {
  const Case cases[] = {
      {"", ""},
      {" \r\n ", ""},
      {",,,;", ""},
      {"root", "{||root|}"},
      {"user@", "{||user|}"},
      {"@example.com", "{|||example.com}"},
      {"a@b <a@b>", "{a@b||a|b}"},
      {"Name <a@b", "{Name||a|b}"},
      {"<>", ""},
      {"Mailer <>", "{Mailer|||}"},
      {"a@b junk, c@d", "{||a|b}{||c|d}"},
      {"\"unclosed <a@b>", "{||unclosed <a@b>|}"},
      {"(unclosed <a@b>", ""},
      {"x: a@b", "[x{||a|b}]"},
      {"x: y: a@b;", "[x{||a|b}]"},
      {"a <b@c> d <e@f>", "{a||b|c}"},
      {"[]", "{||[]|}"},
      {"<@x,@y>", ""},
  };
  for (const Case& test : cases) {
    INFO(test.raw);
    CHECK(shown(test.raw) == test.want);
  }
}

TEST_CASE("mime addresses: the count is bounded and a group still ends") {
  std::string many = "g: ";
  for (int i = 0; i < 1000; ++i) many += "a@b, ";
  const auto found = parse_addresses(many, 10);
  REQUIRE(found.size() == 11);
  CHECK(found.front().kind == Address::Kind::kGroupStart);
  CHECK(found.back().kind == Address::Kind::kGroupEnd);
}

TEST_CASE("mime addresses: search text has decoded names and plain addresses") {
  CHECK(decode_address_text("=?iso-8859-1?q?J=F6rg_M=FCller?= <joerg@example.com>, b@c (Bee)") ==
        "Jörg Müller joerg@example.com Bee b@c");
  CHECK(decode_address_text("Gr\xfc\xdf"
                            "e <g@h>") == "Grüße g@h");
}

}  // namespace
}  // namespace hauspost::mime
