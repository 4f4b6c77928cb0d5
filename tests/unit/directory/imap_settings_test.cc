#include "server/directory/imap_settings.h"

#include <catch2/catch.hpp>

#include "server/directory/writer.h"
#include "tests/unit/temp_folder.h"

namespace hauspost::directory {

TEST_CASE("imap settings: no limit at first, and none that is too low") {
  test::TempFolder folder;
  const auto writer = DirectoryWriter::open(folder / "directory");
  REQUIRE(writer);
  const DirectoryReader& reader = (*writer)->reader();
  const auto limit = [&] { return imap_settings(reader).value().command_messages_max; };
  CHECK(limit() == 0);
  REQUIRE(set_imap_settings(**writer, {kImapCommandMessagesLeast}));
  CHECK(limit() == kImapCommandMessagesLeast);
  for (const std::uint32_t bad : {1U, kImapCommandMessagesLeast - 1, kImapCommandMessagesMost + 1}) {
    const auto set = set_imap_settings(**writer, {bad});
    REQUIRE_FALSE(set);
    CHECK(set.error().code == ErrorCode::kInvalid);
  }
  CHECK(limit() == kImapCommandMessagesLeast);
  REQUIRE(set_imap_settings(**writer, {0}));
  CHECK(limit() == 0);
  REQUIRE((*writer)->set_setting("imap.command_messages_max", "7"));
  CHECK(limit() == 0);
}

}  // namespace hauspost::directory
