#include "base/beat.h"

#include <catch2/catch.hpp>

using namespace hauspost;
using namespace std::chrono_literals;

TEST_CASE("beat: whoever waits, whenever they began, wakes at the same moment") {
  for (const Duration begun : {0ms, 1ms, 700ms, 1400ms}) {
    INFO(begun.count());
    CHECK(begun + time_to_beat(begun, 2s) == 2s);
  }
  // Too short a wait is none: the next beat it is.
  CHECK(1900ms + time_to_beat(1900ms, 2s) == 4s);
  CHECK(1500ms + time_to_beat(1500ms, 2s) == 2s);
  CHECK(time_to_beat(0ms, 60s) == 60s);
}
