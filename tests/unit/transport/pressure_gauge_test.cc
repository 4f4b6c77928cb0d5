#include "transport/queue/pressure_gauge.h"

#include <catch2/catch.hpp>

using namespace hauspost::transport;

namespace {

using Level = Pressure::Level;

constexpr std::uint64_t kMib = 1 << 20;

PressureReading room() {
  return {.disk_free_bytes = 50'000 * kMib,
          .disk_bytes = 100'000 * kMib,
          .items = 10,
          .memory_bytes = 50 * kMib,
          .memory_total_bytes = 1000 * kMib};
}

Level level_of(const PressureReading& reading) {
  PressureGauge pressure;
  pressure.update(reading);
  return pressure.level();
}

}  // namespace

TEST_CASE("pressure: the worst resource says which level it is") {
  PressureGauge pressure;
  pressure.update(room());
  CHECK(pressure.level() == Level::kNormal);
  CHECK(pressure.cause().empty());
  PressureReading reading = room();
  reading.items = 2'000'000;
  pressure.update(reading);
  CHECK(pressure.level() == Level::kMedium);
  CHECK(pressure.cause() == "2000000 messages wait");
  reading.disk_free_bytes = 499 * kMib;
  pressure.update(reading);
  CHECK(pressure.level() == Level::kHigh);
  CHECK(pressure.cause() == "499 MiB are free on the queue's disk");
}

TEST_CASE("pressure: each resource has its limits") {
  PressureReading reading = room();
  reading.disk_free_bytes = 999 * kMib;
  CHECK(level_of(reading) == Level::kMedium);
  reading.disk_free_bytes = 1000 * kMib;
  CHECK(level_of(reading) == Level::kNormal);
  reading.memory_bytes = 719 * kMib;
  CHECK(level_of(reading) == Level::kNormal);
  reading.memory_bytes = 721 * kMib;
  CHECK(level_of(reading) == Level::kMedium);
  reading.memory_bytes = 751 * kMib;
  CHECK(level_of(reading) == Level::kHigh);
}

TEST_CASE("pressure: a small disk may be used too") {
  PressureReading reading = room();
  reading.disk_bytes = 1000 * kMib;
  reading.disk_free_bytes = 101 * kMib;
  CHECK(level_of(reading) == Level::kNormal);
  reading.disk_free_bytes = 99 * kMib;
  CHECK(level_of(reading) == Level::kMedium);
  reading.disk_free_bytes = 49 * kMib;
  CHECK(level_of(reading) == Level::kHigh);
}

TEST_CASE("pressure: a level is left when there is some room again, not at its limit") {
  PressureGauge pressure;
  PressureReading reading = room();
  reading.items = 2'000'000;
  pressure.update(reading);
  reading.items = 1'900'000;
  pressure.update(reading);
  CHECK(pressure.level() == Level::kMedium);
  reading.items = 1'799'999;
  pressure.update(reading);
  CHECK(pressure.level() == Level::kNormal);
  reading.items = 1'900'000;
  pressure.update(reading);
  CHECK(pressure.level() == Level::kNormal);
}

TEST_CASE("pressure: a limit of zero is none") {
  PressureGauge pressure;
  pressure.set_limits({0, 0, 0, 0, 0, 0});
  pressure.update({.disk_free_bytes = 0,
                   .disk_bytes = 1000 * kMib,
                   .items = UINT32_MAX,
                   .memory_bytes = 1000 * kMib,
                   .memory_total_bytes = 1000 * kMib});
  CHECK(pressure.level() == Level::kNormal);
}

TEST_CASE("pressure: this machine can be read") {
  const auto reading = read_pressure("/", 7);
  REQUIRE(reading);
  CHECK(reading->items == 7);
  CHECK(reading->disk_bytes >= reading->disk_free_bytes);
  CHECK(reading->memory_bytes > 0);
  CHECK(reading->memory_total_bytes > reading->memory_bytes);
  CHECK_FALSE(read_pressure("/no/such/folder", 0));
}
