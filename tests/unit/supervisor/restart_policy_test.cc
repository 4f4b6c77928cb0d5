#include "server/supervisor/restart_policy.h"

#include <catch2/catch.hpp>

using namespace hauspost::supervisor;
using namespace std::chrono_literals;

namespace {

const RestartPolicy::Time kStart{};

}  // namespace

TEST_CASE("restart policy: at once, then 100 ms doubling up to a minute") {
  RestartPolicy policy({});
  const RestartPolicy::Duration wanted[] = {0ms,     100ms,  200ms,  400ms,   800ms,
                                            1600ms,  3200ms, 6400ms, 12800ms, 25600ms,
                                            51200ms, 60s,    60s,    60s};
  for (const auto delay : wanted) CHECK(policy.died(kStart, 1s, true) == delay);
}

TEST_CASE("restart policy: a stable minute forgets the restarts before it") {
  RestartPolicy policy({});
  for (int i = 0; i < 5; ++i) policy.died(kStart, 1s, true);
  CHECK(policy.died(kStart, 59s, true) == 1600ms);
  CHECK(policy.died(kStart, 60s, true) == 0ms);
  CHECK(policy.died(kStart, 1s, true) == 100ms);
  policy.forget();
  CHECK(policy.died(kStart, 1s, true) == 0ms);
}

TEST_CASE("restart policy: three abnormal deaths in ten minutes are enough") {
  RestartPolicy policy({.quarantine_deaths = 3});
  CHECK(policy.died(kStart, 1s, true));
  CHECK(policy.died(kStart + 5min, 1s, true));
  CHECK(!policy.died(kStart + 10min, 1s, true));
}

TEST_CASE("restart policy: deaths further apart, or in order, are not") {
  RestartPolicy policy({.quarantine_deaths = 3});
  CHECK(policy.died(kStart, 1s, true));
  CHECK(policy.died(kStart + 5min, 1s, true));
  CHECK(policy.died(kStart + 10min + 1s, 1s, true));
  for (int i = 0; i < 10; ++i) CHECK(policy.died(kStart + 11min, 1s, false));
  CHECK(!policy.died(kStart + 11min, 1s, true));
  policy.forget();
  CHECK(policy.died(kStart + 11min, 1s, true));
}

TEST_CASE("restart policy: zero deaths means never") {
  RestartPolicy policy({.quarantine_deaths = 0});
  for (int i = 0; i < 100; ++i) CHECK(policy.died(kStart, 1s, true));
}
