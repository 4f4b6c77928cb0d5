#include "server/directory/pop3_settings.h"

#include <catch2/catch.hpp>

#include "server/directory/writer.h"
#include "tests/unit/temp_folder.h"

namespace hauspost::directory {

TEST_CASE("directory: POP3 settings have defaults, limits and stay") {
  test::TempFolder folder;
  const auto writer = DirectoryWriter::open(folder / "directory");
  REQUIRE(writer);
  const DirectoryReader& reader = (*writer)->reader();
  const auto fresh = pop3_settings(reader);
  REQUIRE(fresh);
  CHECK_FALSE(fresh->newest_first);
  CHECK(fresh->sessions_per_account_max == 16);
  CHECK(fresh->login_s == 60);
  CHECK(fresh->idle_s == 1800);
  CHECK(fresh->line_bytes_max == 512);

  REQUIRE(set_pop3_settings(**writer, {true, 3, 30, 600, 255}));
  const auto set = pop3_settings(reader);
  REQUIRE(set);
  CHECK(set->newest_first);
  CHECK(set->sessions_per_account_max == 3);
  CHECK(set->login_s == 30);
  CHECK(set->idle_s == 600);
  CHECK(set->line_bytes_max == 255);

  for (const Pop3Settings& bad :
       {Pop3Settings{false, 0}, Pop3Settings{false, 10'001}, Pop3Settings{false, 1, 9},
        Pop3Settings{false, 1, 10, 29}, Pop3Settings{false, 1, 10, 3'601},
        Pop3Settings{false, 1, 10, 30, 39}, Pop3Settings{false, 1, 10, 30, 1'025}}) {
    const auto refused = set_pop3_settings(**writer, bad);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::kInvalid);
  }
  CHECK(pop3_settings(reader)->sessions_per_account_max == 3);

  REQUIRE((*writer)->set_setting("pop3.idle_s", "1"));
  REQUIRE((*writer)->set_setting("pop3.login_s", "soon"));
  CHECK(pop3_settings(reader)->idle_s == 1800);
  CHECK(pop3_settings(reader)->login_s == 60);
}

}  // namespace hauspost::directory
