#include "server/supervisor/audit_log.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include <fstream>

#include "tests/unit/temp_folder.h"

namespace hauspost::supervisor {
namespace {

AuditEntry entry_of(std::string verb, std::string object) {
  return {.time_s = 1385000000,
          .uid = 0,
          .pid = 7,
          .verb = std::move(verb),
          .object = std::move(object),
          .dry_run = false,
          .outcome = "done",
          .user = {}};
}

}  // namespace

TEST_CASE("audit log: entries come back, the latest first, filtered") {
  test::TempFolder folder;
  AuditLog log(folder / "");
  REQUIRE(log.latest(10, "", "")->empty());
  REQUIRE(log.append(entry_of("mailbox create", "a@example.org")));
  REQUIRE(log.append(entry_of("mailbox set", "b\n\"\xff")));
  REQUIRE(log.append(entry_of("domain add", "example.org")));
  const auto all = log.latest(10, "", "").value();
  REQUIRE(all.size() == 3);
  CHECK(all[0].verb == "domain add");
  CHECK(all[2].object == "a@example.org");
  CHECK(all[2].user == "root");
  CHECK(log.latest(1, "", "")->size() == 1);
  CHECK(log.latest(10, "mailbox", "")->size() == 2);
  CHECK(log.latest(10, "", "example.org")->size() == 2);
  struct stat status{};
  REQUIRE(::stat((folder / "audit.log").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
}

TEST_CASE("audit log: a torn line takes no other with it") {
  test::TempFolder folder;
  AuditLog log(folder / "");
  REQUIRE(log.append(entry_of("first", "")));
  std::ofstream(folder / "audit.log", std::ios::app) << "{\"time_s\": 1, \"ver";
  REQUIRE(log.append(entry_of("second", "")));
  const auto all = log.latest(10, "", "").value();
  REQUIRE(all.size() == 2);
  CHECK(all[0].verb == "second");
}

TEST_CASE("audit log: full files roll over, and the oldest goes") {
  test::TempFolder folder;
  AuditLog log(folder / "", 400);  // two or three lines
  for (int i = 0; i < 100; ++i) REQUIRE(log.append(entry_of("verb", std::to_string(i))));
  const auto all = log.latest(1000, "", "").value();
  CHECK(all.size() > AuditLog::kFilesKept);
  CHECK(all.size() < 100);
  for (std::size_t i = 0; i < all.size(); ++i) CHECK(all[i].object == std::to_string(99 - i));
  struct stat status{};
  CHECK(::stat((folder / "audit.log.8").c_str(), &status) == 0);
  CHECK(::stat((folder / "audit.log.9").c_str(), &status) != 0);
}

}  // namespace hauspost::supervisor
