#include "tools/cli/backup_point.h"

#include <catch2/catch.hpp>

#include "server/child/job_backup.pb.h"

using namespace hauspost::cli;

namespace {
constexpr std::int64_t kNow = 1'795'288'500;
constexpr std::int64_t kMoment_us = 1'385'060'402'000'000;  // 2013-11-21T19:00:02Z
}  // namespace

TEST_CASE("cli backup: exact moments", "[backup]") {
  CHECK(parse_time_us("2013-11-21T19:00:02Z", kNow) == kMoment_us);
  CHECK(parse_time_us("2013-11-21 19:00:02Z", kNow) == kMoment_us);
  CHECK(parse_time_us("2013-11-21T19:00:02.25Z", kNow) == kMoment_us + 250'000);
  CHECK(parse_time_us("2013-11-21T19:00:02.000001Z", kNow) == kMoment_us + 1);
  CHECK(parse_time_us("2013-11-21T19:00:02.9999999Z", kNow) == kMoment_us + 999'999);
  CHECK(parse_time_us("3h", kNow) == (kNow - 3 * 3600) * 1'000'000);
  CHECK(parse_time_us("1385060402", kNow) == kMoment_us);
  const auto local = parse_time_us("2013-11-21 19:00:02", kNow);
  REQUIRE(local);
  CHECK(parse_time_us("2013-11-21 19:00", kNow) == *local - 2'000'000);
  CHECK(exact_time(kMoment_us) == "2013-11-21 19:00:02 UTC");
  CHECK(exact_time(0) == "-");
}

TEST_CASE("cli backup: what is no moment", "[backup]") {
  for (const char* text :
       {"", "yesterday", "2013-11-31T19:00:02Z", "2013-11-21T24:00:02Z", "2013-11-21T19:60:02Z",
        "2013-11-21T19:00:02.Z", "2013-11-21T19:00:02z", "2013-11-21T19:00:02Z ",
        "2013-11-21T19:00:02+01:00", "13-11-21T19:00:02Z"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_time_us(text, kNow));
  }
}

TEST_CASE("cli backup: a point names its folder absolutely and one end only", "[backup]") {
  PointOptions options;
  options.folder = "/srv/./backup/";
  options.lsn = 7;
  options.set = 2;
  const auto point = to_point(options);
  REQUIRE(point);
  CHECK(point->folder() == "/srv/backup");
  CHECK(point->lsn() == 7);
  CHECK(point->set() == 2);
  CHECK_FALSE(point->has_time_us());
  options.at = "no time";
  const auto refused = to_point(options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().exit == Exit::kUsage);
}
