#include "server/directory/queue_settings.h"

#include <catch2/catch.hpp>

#include <algorithm>

#include "server/directory/writer.h"
#include "tests/unit/temp_folder.h"

namespace hauspost::directory {

TEST_CASE("directory: settings of the queue have defaults, limits and stay") {
  test::TempFolder folder;
  const auto writer = DirectoryWriter::open(folder / "directory");
  REQUIRE(writer);
  const DirectoryReader& reader = (*writer)->reader();
  QueueSettings settings = queue_settings(reader);
  CHECK(settings.queue.glitch_retries == 4);
  CHECK(settings.queue.glitch_interval == Seconds(60));
  CHECK(settings.queue.expiry == std::chrono::hours(48));
  CHECK(settings.pressure == transport::PressureLimits{});
  for (const QueueSetting& setting : list(settings)) {
    CAPTURE(setting.name);
    CHECK(setting.value == setting.usual);
    CHECK(setting.value >= setting.least);
    CHECK(setting.value <= setting.most);
    REQUIRE(change(settings, setting.name, setting.most));
    const auto all = list(settings);
    CHECK(std::ranges::find(all, setting.name, &QueueSetting::name)->value == setting.most);
    CHECK(change(settings, setting.name, setting.most + 1).error().code == ErrorCode::kInvalid);
    REQUIRE(change(settings, setting.name, setting.usual));
  }
  CHECK(change(settings, "colour", 1).error().code == ErrorCode::kNotFound);

  REQUIRE(change(settings, "expiry", 3 * 86'400));
  REQUIRE(change(settings, "items-high", 3'000'000));
  REQUIRE(set_queue_settings(**writer, settings));
  CHECK(queue_settings(reader).queue.expiry == std::chrono::hours(72));
  CHECK(queue_settings(reader).pressure.items_high == 3'000'000);
  CHECK(reader.setting("queue.glitch-retries").value_or("").empty());
  REQUIRE((*writer)->set_setting("queue.expiry", "5"));
  REQUIRE((*writer)->set_setting("queue.connections", "many"));
  CHECK(queue_settings(reader).queue.expiry == std::chrono::hours(48));
  CHECK(queue_settings(reader).queue.connections_max == 1000);
}

TEST_CASE("directory: settings of the queue that contradict each other are refused") {
  test::TempFolder folder;
  const auto writer = DirectoryWriter::open(folder / "directory");
  REQUIRE(writer);
  const std::pair<std::string_view, std::uint64_t> wrong[] = {
      {"delay-notice", 2 * 86'400}, {"expiry", 3600},          {"disk-medium", 400},
      {"disk-high", 2000},          {"items-high", 1'000'000}, {"memory-medium", 80}};
  for (const auto& [name, value] : wrong) {
    CAPTURE(name);
    QueueSettings settings;
    REQUIRE(change(settings, name, value));
    CHECK(check(settings).error().code == ErrorCode::kInvalid);
    CHECK(set_queue_settings(**writer, settings).error().code == ErrorCode::kInvalid);
  }
  QueueSettings off;
  for (const std::string_view name : {"disk-medium", "items-high", "memory-high", "delay-notice"})
    REQUIRE(change(off, name, 0));
  CHECK(check(off));
}

}  // namespace hauspost::directory
