#include "base/network.h"

#include <catch2/catch.hpp>

namespace hauspost {

TEST_CASE("network: what is written is what is shown") {
  for (const std::string text :
       {"192.0.2.7", "192.0.2.0/24", "0.0.0.0/0", "2001:db8::/32", "2001:db8::7", "::/0"}) {
    const auto network = Network::parse(text);
    INFO(text);
    REQUIRE(network);
    CHECK(network->to_string() == text);
  }
  CHECK(Network::parse("::ffff:192.0.2.7")->to_string() == "192.0.2.7");
  for (const std::string text : {"", "192.0.2", "192.0.2.1/24", "192.0.2.0/33", "2001:db8::/129",
                                 "2001:db8::1/64", "192.0.2.0/", "192.0.2.0/x", "fe80::1%lo",
                                 "example.org", "192.0.2.0/24/1"}) {
    INFO(text);
    CHECK_FALSE(Network::parse(text));
  }
}

TEST_CASE("network: what is inside and what is not") {
  const auto four = Network::parse("192.0.2.64/26").value();
  CHECK(four.contains("192.0.2.64"));
  CHECK(four.contains("192.0.2.127"));
  CHECK(four.contains("::ffff:192.0.2.100"));
  CHECK_FALSE(four.contains("192.0.2.128"));
  CHECK_FALSE(four.contains("c000:0240::1"));  // the same first bytes
  CHECK_FALSE(four.contains("nonsense"));
  const auto six = Network::parse("2001:db8:0:1::/64").value();
  CHECK(six.contains("2001:db8:0:1:ffff::1"));
  CHECK_FALSE(six.contains("2001:db8:0:2::1"));
  CHECK(Network::around("2001:db8:0:1:ffff::1", 32, 64) == six);
  CHECK(Network::around("192.0.2.100", 26, 64) == four);
  CHECK_FALSE(Network::around("nobody", 32, 64));
  const auto list = parse_networks("192.0.2.0/24, 10.0.0.1 ::1");
  REQUIRE(list);
  CHECK(list->size() == 3);
  CHECK(contains(*list, "10.0.0.1"));
  CHECK_FALSE(contains(*list, "10.0.0.2"));
  CHECK(parse_networks("")->empty());
  CHECK_FALSE(parse_networks("192.0.2.0/24 oops"));
}

}  // namespace hauspost
