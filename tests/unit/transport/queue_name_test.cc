#include "transport/queue/queue_name.h"

#include <catch2/catch.hpp>

using namespace hauspost::transport;
using Kind = NextHop::Kind;

TEST_CASE("queue name: a hop and its queue name each other") {
  const std::pair<NextHop, std::string> pairs[] = {
      {{}, "Unreachable"},
      {{Kind::kDatabase, "DB1", {}}, "Delivery/DB1"},
      {{Kind::kDatabase, "", {}}, "Delivery"},
      {{Kind::kDatabase, "a/b c%", {}}, "Delivery/a%2Fb%20c%25"},
      {{Kind::kConnector, "Internet", "example.net"}, "Remote/Internet/example.net"},
      {{Kind::kConnector, "To the world", {}}, "Remote/To%20the%20world"},
      {{Kind::kConnector, "x", "[192.0.2.1]"}, "Remote/x/[192.0.2.1]"},
  };
  for (const auto& [hop, name] : pairs) {
    CAPTURE(name);
    CHECK(queue_name(hop) == name);
    REQUIRE(hop_of_queue(name));
    CHECK((*hop_of_queue(name) == hop));
  }
}

TEST_CASE("queue name: what is no queue has no hop") {
  for (const char* name :
       {"", "INBOX", "Poison", "SafetyNet/DB1/1", "Delivery/", "Delivery/a/b", "Remote", "Remote/",
        "Remote//x", "Remote/x/", "Remote/x/y/z", "Remote/%4/x", "Remote/%zz", "DeliveryX"}) {
    CAPTURE(name);
    CHECK_FALSE(hop_of_queue(name));
  }
}
