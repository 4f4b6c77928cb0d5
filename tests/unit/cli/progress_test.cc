#include "tools/cli/progress.h"

#include <catch2/catch.hpp>

using namespace hauspost;
using namespace hauspost::cli;

TEST_CASE("cli progress: share, count, rate and time left") {
  CHECK(progress_line(250, 1000, Milliseconds{5000}, 80) ==
        "[##########..............................] 250/1000  50/s  15s left");
  CHECK(progress_line(0, 10, Milliseconds{0}, 80) ==
        "[........................................] 0/10");
  CHECK(progress_line(0, 0, Milliseconds{10}, 80) ==
        "[########################################] 0/0");
}

TEST_CASE("cli progress: never wider than the terminal") {
  const std::size_t width = GENERATE(10U, 20U, 30U, 45U, 60U, 120U);
  for (std::size_t done = 0; done <= 12000; done += 1500) {
    CHECK(progress_line(done, 12000, Milliseconds{60000}, width).size() <= width);
  }
}
