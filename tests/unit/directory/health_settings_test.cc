#include "server/directory/health_settings.h"

#include <catch2/catch.hpp>

#include "server/directory/writer.h"
#include "tests/unit/temp_folder.h"

namespace hauspost::directory {

TEST_CASE("directory: health settings have defaults, limits and stay") {
  test::TempFolder folder;
  const auto writer = DirectoryWriter::open(folder / "directory");
  REQUIRE(writer);
  const DirectoryReader& reader = (*writer)->reader();
  const auto fresh = health_settings(reader);
  REQUIRE(fresh);
  CHECK(fresh->probes);
  CHECK(fresh->restarts);
  CHECK(fresh->administrator.empty());
  CHECK(fresh->interval_s == 60);

  HealthSettings wanted = *fresh;
  wanted.restarts = false;
  wanted.interval_s = 5;
  wanted.failures = 2;
  wanted.window = 2;
  wanted.administrator = "admin@example.org";
  REQUIRE(set_health_settings(**writer, wanted));
  const auto set = health_settings(reader);
  REQUIRE(set);
  CHECK(set->probes);
  CHECK_FALSE(set->restarts);
  CHECK(set->interval_s == 5);
  CHECK(set->failures == 2);
  CHECK(set->administrator == "admin@example.org");

  const auto refused = [&](auto change) {
    HealthSettings bad = wanted;
    change(bad);
    const auto answer = set_health_settings(**writer, bad);
    return !answer && answer.error().code == ErrorCode::kInvalid;
  };
  CHECK(refused([](HealthSettings& s) { s.interval_s = 0; }));
  CHECK(refused([](HealthSettings& s) { s.timeout_s = 121; }));
  CHECK(refused([](HealthSettings& s) { s.failures = 0; }));
  CHECK(refused([](HealthSettings& s) { s.failures = 3; }));  // of two
  CHECK(refused([](HealthSettings& s) { s.administrator = "nobody"; }));
  CHECK(health_settings(reader)->interval_s == 5);
}

TEST_CASE("directory: health overrides end by themselves") {
  test::TempFolder folder;
  const auto writer = DirectoryWriter::open(folder / "directory");
  REQUIRE(writer);
  const DirectoryReader& reader = (*writer)->reader();
  CHECK(health_overrides(reader, 100)->empty());
  REQUIRE(set_health_overrides(**writer, {{"smtp", 0}, {"imap DB 1", 200}}));
  using All = std::vector<HealthOverride>;
  CHECK(*health_overrides(reader, 199) == All{{"imap DB 1", 200}, {"smtp", 0}});
  CHECK(*health_overrides(reader, 200) == All{{"smtp", 0}});
  CHECK_FALSE(set_health_overrides(**writer, {{"a\nb", 0}}));
  CHECK_FALSE(set_health_overrides(**writer, {{"", 0}}));
  CHECK(health_overrides(reader, 100)->size() == 2);
}

TEST_CASE("directory: the last backup of a database is known") {
  test::TempFolder folder;
  const auto writer = DirectoryWriter::open(folder / "directory");
  REQUIRE(writer);
  const Guid database = Guid::random();
  CHECK(*last_backup((*writer)->reader(), database) == 0);
  REQUIRE(note_backup(**writer, database, 12345));
  CHECK(*last_backup((*writer)->reader(), database) == 12345);
}

}  // namespace hauspost::directory
