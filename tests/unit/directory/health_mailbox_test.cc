#include <catch2/catch.hpp>

#include "server/directory/writer.h"
#include "tests/unit/temp_folder.h"

namespace hauspost::directory {

namespace {

constexpr std::string_view kToken = "0123456789abcdef0123";

struct House {
  House() {
    auto opened = DirectoryWriter::open(folder.path() + "/directory.mdb");
    REQUIRE(opened);
    writer = std::move(*opened);
    REQUIRE(writer->create_database("DB1", folder.path() + "/DB1", 1));
    REQUIRE(writer->add_domain("example.org"));
  }
  MailboxEntry renew(std::string_view token) {
    auto made = writer->renew_health_mailbox("db1", token, 5);
    REQUIRE(made);
    return *made;
  }
  Resolution::Kind kind_of(const std::string& address) {
    const auto found = writer->reader().resolve(address);
    REQUIRE(found);
    return found->kind;
  }
  test::TempFolder folder;
  std::unique_ptr<DirectoryWriter> writer;
};

}  // namespace

TEST_CASE("health mailbox: mail reaches it only at the address of this start") {
  House house;
  const MailboxEntry first = house.renew(kToken);
  CHECK(first.system);
  CHECK(first.protocol_restricted);
  CHECK(first.database == "DB1");
  CHECK(house.kind_of(std::string(kToken) + "@hauspost.internal") == Resolution::Kind::kMailbox);
  CHECK(house.kind_of(first.address) == Resolution::Kind::kUnknownUser);
  CHECK(house.kind_of("postmaster@hauspost.internal") == Resolution::Kind::kUnknownUser);

  const MailboxEntry again = house.renew("ffffffffffffffffffff");
  CHECK(again.guid == first.guid);
  CHECK(house.kind_of(std::string(kToken) + "@hauspost.internal") ==
        Resolution::Kind::kUnknownUser);
  CHECK(house.kind_of("ffffffffffffffffffff@hauspost.internal") == Resolution::Kind::kMailbox);
}

TEST_CASE("health mailbox: it stands in no list and no count") {
  House house;
  const MailboxEntry made = house.renew(kToken);
  const DirectoryReader& reader = house.writer->reader();
  CHECK(reader.mailboxes()->empty());
  CHECK(*reader.mailbox_count("DB1") == 0);
  REQUIRE(reader.system_mailboxes()->size() == 1);
  CHECK(reader.health_mailbox("DB1")->value().guid == made.guid);
  // Nobody's mail for postmaster may end in it, and its local part alone is no login.
  CHECK(house.kind_of("postmaster@example.org") == Resolution::Kind::kUnknownUser);
  CHECK_FALSE(reader.find_login(made.address.substr(0, made.address.find('@')))->has_value());
  REQUIRE(reader.find_login(made.address)->has_value());
  CHECK((*reader.find_login(made.address))->system);
}

TEST_CASE("health mailbox: nothing that one deletes in it is kept") {
  House house;
  const MailboxEntry made = house.renew(kToken);
  const auto limits = house.writer->reader().limits(made.guid);
  REQUIRE(limits);
  CHECK(limits->keep_deleted_s == 0);
}

TEST_CASE("health mailbox: it does not keep its database, and goes with it") {
  House house;
  house.renew(kToken);
  REQUIRE(house.writer->dismount_database("DB1"));
  REQUIRE(house.writer->remove_database("DB1", false));
  CHECK(house.writer->reader().system_mailboxes()->empty());
  CHECK(house.kind_of(std::string(kToken) + "@hauspost.internal") ==
        Resolution::Kind::kUnknownUser);
}

TEST_CASE("health mailbox: nobody's mail is led into it") {
  House house;
  const std::string addresses[] = {house.renew(kToken).address,
                                   std::string(kToken) + "@hauspost.internal",
                                   "anybody@hauspost.internal"};
  const auto group = house.writer->create_recipient(
      {.kind = RecipientKind::kGroup, .address = "all@example.org", .target = {}}, 5, false);
  REQUIRE(group);
  const auto added = house.writer->add_members(group->guid, addresses);
  REQUIRE(added);
  for (const auto& one : *added) {
    REQUIRE_FALSE(one);
    CHECK(one.error().code == ErrorCode::kNotFound);
  }
  for (const std::string& address : addresses) {
    const auto set = house.writer->set_domain("example.org", {.catch_all = address});
    REQUIRE_FALSE(set);
    CHECK(set.error().code == ErrorCode::kNotFound);
  }
}

TEST_CASE("health mailbox: its domain is nobody's, and its addresses are checked") {
  House house;
  CHECK(house.writer->add_domain("hauspost.internal").error().code == ErrorCode::kDenied);
  CHECK(house.writer->renew_health_mailbox("DB1", "short", 5).error().code == ErrorCode::kInvalid);
  CHECK(house.writer->renew_health_mailbox("DB1", "0123456789abcdef@x.org", 5).error().code ==
        ErrorCode::kInvalid);
  CHECK(house.writer->renew_health_mailbox("DB9", kToken, 5).error().code == ErrorCode::kNotFound);
}

}  // namespace hauspost::directory
