#include "base/ids.h"

#include <catch2/catch.hpp>

#include <unordered_set>

#include "base/random.h"

using namespace hauspost;

TEST_CASE("ids: a GUID prints and parses, in either case") {
  const auto guid = Guid::parse("00112233-4455-6677-8899-AaBbCcDdEeFf");
  REQUIRE(guid);
  CHECK(guid->to_string() == "00112233-4455-6677-8899-aabbccddeeff");
  CHECK(Guid::parse(guid->to_string()) == *guid);
  CHECK(Guid::from_bytes(guid->as_bytes()) == *guid);
  CHECK_FALSE(guid->is_nil());
  CHECK(Guid{}.is_nil());
  CHECK(Guid{}.to_string() == "00000000-0000-0000-0000-000000000000");
}

TEST_CASE("ids: what is not a GUID is refused") {
  for (const char* bad :
       {"", "00112233-4455-6677-8899-aabbccddeef", "00112233-4455-6677-8899-aabbccddeeff0",
        "00112233x4455-6677-8899-aabbccddeeff", "001122334-455-6677-8899-aabbccddeeff",
        "g0112233-4455-6677-8899-aabbccddeeff", "{0112233-4455-6677-8899-aabbccddeef}",
        "00112233-4455-6677-8899-aabbccdd-eff"}) {
    INFO(bad);
    CHECK_FALSE(Guid::parse(bad));
  }
  CHECK_FALSE(Guid::from_bytes("short"));
  CHECK_FALSE(Guid::from_bytes(std::string(17, 'x')));
}

TEST_CASE("ids: random GUIDs are version 4 and differ") {
  std::unordered_set<Guid> seen;
  for (int i = 0; i < 1000; ++i) {
    const Guid guid = Guid::random();
    CHECK(guid.bytes[6] >> 4 == 4);
    CHECK(guid.bytes[8] >> 6 == 2);
    CHECK(seen.insert(guid).second);
  }
}

TEST_CASE("ids: ordered names rise with time and never repeat") {
  std::unordered_set<Guid> seen;
  Guid last;
  for (int i = 0; i < 5000; ++i) {
    const Guid guid = Guid::ordered();
    CHECK((guid.bytes[6] >> 4) == 7);
    CHECK((guid.bytes[8] >> 6) == 2);
    CHECK(seen.insert(guid).second);
    // Of one fraction of a millisecond the order is open.
    CHECK(guid.as_bytes().substr(0, 8) >= last.as_bytes().substr(0, 8));
    last = guid;
  }
}

TEST_CASE("ids: strong ids compare, count on and hash") {
  using A = StrongId<struct ATag, std::uint32_t>;
  CHECK(A(1) < A(2));
  CHECK(A(1).next() == A(2));
  CHECK(A() == A(0));
  CHECK(std::hash<A>{}(A(7)) == std::hash<std::uint32_t>{}(7));
}

TEST_CASE("random: passwords keep to their alphabet and length") {
  std::unordered_set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    const std::string password = random_password(20);
    CHECK(password.size() == 20);
    CHECK(password.find_first_of("0O1lI\"'\\ ") == std::string::npos);
    CHECK(seen.insert(password).second);
  }
  CHECK(random_password(0).empty());
}
