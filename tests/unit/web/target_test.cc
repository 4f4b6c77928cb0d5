#include "server/web/target.h"

#include <catch2/catch.hpp>

using namespace hauspost::web;

TEST_CASE("web target: path and query", "[web][target]") {
  const auto target = parse_target("/a/b%20c.xml?email=a%2Bb%40example.org&x=1+2&flag&&y=");
  REQUIRE(target);
  CHECK(target->path == "/a/b c.xml");
  CHECK(field(target->query, "email") == "a+b@example.org");
  CHECK(field(target->query, "EMAIL") == "a+b@example.org");
  CHECK(field(target->query, "x") == "1 2");
  CHECK(target->query.size() == 4);
  CHECK(parse_target("https://other.example/x?y=1")->path == "/x");
  CHECK(parse_target("http://other.example")->path == "/");
  CHECK(parse_target("/x#fragment")->path == "/x");
  CHECK(parse_target("/folder/")->path == "/folder/");
}

TEST_CASE("web target: hostile ones", "[web][target]") {
  for (const std::string_view bad :
       {"", "*", "x", "example.org:443", "/../etc/passwd", "/a/../b", "/a/%2e%2e/b", "/%2e", "//x",
        "/a//b", "/%", "/%4", "/%zz", "/%00", "/%0d%0aSet-Cookie:x", "/%ff", "/x?y=%0a", "/x?%80=1",
        "ftp://example.org/"}) {
    INFO(bad);
    CHECK_FALSE(parse_target(bad));
  }
  CHECK(parse_target("/" + std::string(kTargetBytesMax - 1, 'a')));
  CHECK_FALSE(parse_target("/" + std::string(kTargetBytesMax, 'a')));
  std::string many = "/?";
  for (std::size_t i = 0; i <= kQueryFieldsMax; ++i) many += "a=1&";
  CHECK_FALSE(parse_target(many));
}

TEST_CASE("web target: names in Host", "[web][target]") {
  CHECK(host_name("Example.ORG") == "example.org");
  CHECK(host_name("example.org:8443") == "example.org");
  CHECK(host_name("example.org.") == "example.org");
  for (const std::string_view bad : {"", "[::1]", "[::1]:80", "a b", "exa\"mple.org", "a/b",
                                     "example.org\r\nX: y", "<script>", "a@b.example"}) {
    INFO(bad);
    CHECK(host_name(bad).empty());
  }
}

TEST_CASE("web target: what is encoded decodes to itself", "[web][target]") {
  const std::string text = "a+b c&d=e%@\xC3\xBC/?#\"<>";
  CHECK(percent_encode("a-b.c_d~") == "a-b.c_d~");
  CHECK(percent_encode("a@b c") == "a%40b%20c");
  const auto target = parse_target("/x?v=" + percent_encode(text));
  REQUIRE(target);
  CHECK(field(target->query, "v") == text);
  CHECK(parse_target(percent_encode_path("/a b/c?d"))->path == "/a b/c?d");
}
