#include <catch2/catch.hpp>

#include "server/directory/writer.h"
#include "tests/unit/temp_folder.h"

using namespace hauspost;
using namespace hauspost::directory;
using hauspost::test::TempFolder;

TEST_CASE("directory limits: a mailbox's word goes before its database's", "[limits]") {
  TempFolder folder;
  Guid guid;
  {
    auto writer = *DirectoryWriter::open(folder / "directory.mdb");
    REQUIRE(writer->create_database("DB1", folder / "db1", 100));
    REQUIRE(writer->add_domain("example.test"));
    const MailboxOrder orders[] = {{.address = "anna@example.test", .database = "DB1"}};
    guid = (*writer->create_mailboxes(orders, 100, false))[0]->guid;
    CHECK(*writer->reader().limits(guid) == EffectiveLimits{});
    CHECK(writer->reader().limits(Guid::random()).error().code == ErrorCode::kNotFound);

    const std::uint64_t before = *writer->reader().version();
    LimitChanges changes;
    changes.set.warn_bytes = 10;
    changes.set.prohibit_receive_bytes = 20;
    changes.set.keep_deleted_s = 0;
    REQUIRE(writer->set_database_limits("db1", changes));
    CHECK(*writer->reader().version() != before);
    DatabaseChanges together;
    together.keep_log_s = 7;
    together.limits.set.sessions_max = 9;
    REQUIRE(writer->set_database("DB1", together));
    LimitChanges own;
    own.set.prohibit_receive_bytes = kUnlimited;
    own.set.sessions_max = 3;
    REQUIRE(writer->set_mailbox_limits(guid, own));
    CHECK(writer->set_mailbox_limits(Guid::random(), own).error().code == ErrorCode::kNotFound);
    CHECK(writer->set_database_limits("DB9", own).error().code == ErrorCode::kNotFound);
  }
  const auto reader = *DirectoryReader::open(folder / "directory.mdb");
  EffectiveLimits expected;
  expected.warn_bytes = 10;
  expected.keep_deleted_s = 0;
  expected.sessions_max = 3;
  CHECK(*reader->limits(guid) == expected);
  CHECK((*reader->mailbox(guid))->limits.prohibit_receive_bytes == kUnlimited);
  CHECK_FALSE((*reader->mailbox(guid))->limits.warn_bytes);
  CHECK((*reader->database("DB1"))->limits.warn_bytes == 10U);
  CHECK((*reader->database("DB1"))->limits.sessions_max == 9U);
  CHECK((*reader->database("DB1"))->maintenance.keep_log_s == 7);
}

TEST_CASE("directory limits: what is unset is as the level above says again", "[limits]") {
  Limits limits;
  LimitChanges changes;
  changes.set.warn_bytes = 5;
  changes.set.sessions_max = 6;
  apply(changes, limits);
  LimitChanges back;
  back.unset.warn_bytes = 0;
  back.unset.keep_deleted_s = 0;
  apply(back, limits);
  CHECK(limits == Limits{.sessions_max = 6});
}

TEST_CASE("directory: a mailbox that is there is not created a second time", "[limits]") {
  TempFolder folder;
  auto writer = *DirectoryWriter::open(folder / "directory.mdb");
  REQUIRE(writer->create_database("DB1", folder / "db1", 100));
  REQUIRE(writer->add_domain("example.test"));
  MailboxOrder order{.address = "anna@example.test", .database = "DB1"};
  REQUIRE((*writer->create_mailboxes({&order, 1}, 100, false))[0]);
  order.address = "bert@example.test";
  CHECK((*writer->create_mailboxes({&order, 1}, 100, false))[0].error().code == ErrorCode::kExists);
  REQUIRE(writer->remove_mailbox(order.guid));
  CHECK((*writer->create_mailboxes({&order, 1}, 100, false))[0]->guid == order.guid);
}
