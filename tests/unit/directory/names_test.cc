#include "server/directory/names.h"

#include <catch2/catch.hpp>

using namespace hauspost;
using namespace hauspost::directory;

TEST_CASE("directory names: what a database may be called") {
  for (const std::string name : {"DB1", "a", "Mailbox Database 1", "x_y-z.2", "7", "a..b"}) {
    CAPTURE(name);
    CHECK(check_database_name(name));
  }
  CHECK(check_database_name(std::string(64, 'x')));
  const std::string bad[] = {"",
                             " a",
                             "a ",
                             "a.",
                             ".a",
                             "..",
                             "../x",
                             "a/b",
                             "-rf",
                             "a\nb",
                             "a\x7f",
                             "d\xc3\xa9",
                             "a:b",
                             std::string("a\0b", 3),
                             std::string(65, 'x')};
  for (const std::string& name : bad) {
    CAPTURE(name);
    const auto checked = check_database_name(name);
    REQUIRE(!checked);
    CHECK(checked.error().code == ErrorCode::kInvalid);
    CHECK(checked.error().text.find('\n') == std::string::npos);
  }
}

TEST_CASE("directory names: domains are stored lower-case and as A-labels") {
  const std::pair<std::string, std::string> good[] = {
      {"example.test", "example.test"},
      {"EXAMPLE.Test.", "example.test"},
      {"localhost", "localhost"},
      {"b\xc3\xbc"
       "cher.example",
       "xn--bcher-kva.example"},
      {"B\xc3\x9c"
       "CHER.example",
       "xn--bcher-kva.example"},
      {"xn--bcher-kva.example", "xn--bcher-kva.example"},
      {"1.2.3", "1.2.3"},
  };
  for (const auto& [given, wanted] : good) {
    CAPTURE(given);
    const auto domain = canonical_domain(given);
    REQUIRE(domain);
    CHECK(*domain == wanted);
  }
  const std::string bad[] = {"",
                             ".",
                             "a..b",
                             "-a.b",
                             "a-.b",
                             "a b.c",
                             "a_b.c",
                             "a.b..",
                             "[1.2.3.4]",
                             "\xff.example",
                             std::string(64, 'a') + ".b",
                             std::string(300, 'a'),
                             "\xe2\x80\xae.example",
                             "a@b"};
  for (const std::string& domain : bad) {
    CAPTURE(domain);
    CHECK(!canonical_domain(domain));
  }
}

TEST_CASE("directory names: mailbox addresses") {
  const auto address = parse_address("Alice.Smith+x@Example.TEST");
  REQUIRE(address);
  CHECK(address->text() == "Alice.Smith+x@example.test");
  CHECK(address->key() == "alice.smith+x@example.test");
  CHECK(parse_address("j\xc3\xb6rg@example.test"));
  CHECK(parse_address(std::string(64, 'a') + "@example.test"));
  const std::string bad[] = {"",
                             "alice",
                             "@example.test",
                             "alice@",
                             ".a@example.test",
                             "a.@example.test",
                             "a..b@example.test",
                             "a b@example.test",
                             "\"a\"@example.test",
                             "a@b@example.test",
                             "a\r\n@example.test",
                             "<a@example.test>",
                             "\xff@example.test",
                             std::string(65, 'a') + "@example.test"};
  for (const std::string& text : bad) {
    CAPTURE(text);
    const auto parsed = parse_address(text);
    REQUIRE(!parsed);
    CHECK(parsed.error().text.find('\r') == std::string::npos);
  }
}
