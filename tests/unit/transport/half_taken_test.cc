#include "transport/receive/half_taken.h"

#include <catch2/catch.hpp>

using namespace hauspost;
using namespace hauspost::transport;

TEST_CASE("half taken: what is sent again gets its first id, once and not for ever") {
  HalfTaken half;
  const WallTime now(std::chrono::hours(1000));
  const Guid id = Guid::random();
  CHECK_FALSE(half.take("a@example.net", "text", now));
  half.note("a@example.net", "text", id, now);
  CHECK_FALSE(half.take("b@example.net", "text", now));
  CHECK_FALSE(half.take("a@example.net", "other", now));
  CHECK(half.take("a@example.net", "text", now + Seconds(3600)) == id);
  CHECK_FALSE(half.take("a@example.net", "text", now));
  half.note("a@example.net", "text", id, now);
  CHECK_FALSE(half.take("a@example.net", "text", now + HalfTaken::kKept + Seconds(1)));
}

TEST_CASE("half taken: no more is remembered than there is room for") {
  HalfTaken half;
  const WallTime now(std::chrono::hours(1000));
  for (std::size_t i = 0; i <= HalfTaken::kMax; ++i)
    half.note("a@example.net", std::to_string(i), Guid::random(), now);
  CHECK_FALSE(half.take("a@example.net", "0", now));
  CHECK(half.take("a@example.net", std::to_string(HalfTaken::kMax), now));
}
