// Shared mailboxes and who has full access to which.
#include <catch2/catch.hpp>

#include "server/directory/writer.h"
#include "tests/unit/temp_folder.h"

using namespace hauspost;
using namespace hauspost::directory;

namespace {

struct House {
  House() {
    auto opened = DirectoryWriter::open(folder / "directory.mdb");
    REQUIRE(opened);
    writer = std::move(*opened);
    REQUIRE(writer->create_database("DB1", folder / "db1", 100));
    REQUIRE(writer->create_database("DB2", folder / "db2", 100));
    REQUIRE(writer->add_domain("example.test"));
    anna = add("anna@example.test");
    bert = add("bert@example.test", "DB2");
    info = add("info@example.test", "DB1", true);
  }
  Guid add(std::string address, std::string database = "DB1", bool shared = false) {
    const MailboxOrder orders[] = {{.address = std::move(address),
                                    .aliases = {},
                                    .display_name = {},
                                    .database = std::move(database),
                                    .shared = shared}};
    auto outcomes = writer->create_mailboxes(orders, 100, false);
    REQUIRE(outcomes);
    REQUIRE(outcomes->front());
    return outcomes->front()->guid;
  }
  const DirectoryReader& reader() const { return writer->reader(); }

  hauspost::test::TempFolder folder;
  std::unique_ptr<DirectoryWriter> writer;
  Guid anna;
  Guid bert;
  Guid info;
};

}  // namespace

TEST_CASE("sharing: a mailbox is created as nobody's own and stays so") {
  House house;
  CHECK((*house.reader().mailbox(house.info))->shared);
  CHECK_FALSE((*house.reader().mailbox(house.anna))->shared);
}

TEST_CASE("sharing: full access is granted, found from both sides, and taken away") {
  House house;
  REQUIRE(house.writer->set_full_access(house.anna, house.info, true));
  REQUIRE(house.writer->set_full_access(house.anna, house.info, true));
  CHECK(*house.reader().has_full_access(house.anna, house.info));
  CHECK_FALSE(*house.reader().has_full_access(house.info, house.anna));
  CHECK(*house.reader().full_access_of(house.anna) == std::vector{house.info});
  CHECK(*house.reader().full_access_to(house.info) == std::vector{house.anna});
  REQUIRE(house.writer->set_full_access(house.anna, house.info, false));
  CHECK(house.reader().full_access_of(house.anna)->empty());
}

TEST_CASE("sharing: what makes no sense is refused") {
  House house;
  const auto code = [](const Result<>& result) { return result.error().code; };
  CHECK(code(house.writer->set_full_access(house.anna, house.anna, true)) == ErrorCode::kInvalid);
  CHECK(code(house.writer->set_full_access(house.info, house.anna, true)) == ErrorCode::kInvalid);
  CHECK(code(house.writer->set_full_access(house.bert, house.info, true)) == ErrorCode::kDenied);
  CHECK(code(house.writer->set_full_access(Guid::random(), house.info, true)) ==
        ErrorCode::kNotFound);
}

TEST_CASE("sharing: grants go with either mailbox") {
  House house;
  const Guid carl = house.add("carl@example.test");
  REQUIRE(house.writer->set_full_access(house.anna, house.info, true));
  REQUIRE(house.writer->set_full_access(carl, house.info, true));
  REQUIRE(house.writer->remove_mailbox(house.anna));
  CHECK(*house.reader().full_access_to(house.info) == std::vector{carl});
  REQUIRE(house.writer->remove_mailbox(house.info));
  CHECK(house.reader().full_access_of(carl)->empty());
}

TEST_CASE("sharing: a user names a mailbox behind a slash, with full access alone") {
  House house;
  const auto find = [&](std::string_view name) { return *house.reader().find_login(name); };
  CHECK_FALSE(find("anna@example.test/info@example.test"));
  REQUIRE(house.writer->set_full_access(house.anna, house.info, true));
  for (const std::string_view name :
       {"anna@example.test/info@example.test", "anna/info", "ANNA/info@example.test"}) {
    CAPTURE(name);
    const auto found = find(name);
    REQUIRE(found);
    CHECK(found->guid == house.anna);
    REQUIRE(found->opens);
    CHECK(found->opens->guid == house.info);
    CHECK(found->opens->address == "info@example.test");
  }
  CHECK_FALSE(find("anna@example.test")->opens);
  CHECK_FALSE(find("info/anna"));
  CHECK_FALSE(find("anna/"));
  CHECK_FALSE(find("/info"));
  CHECK_FALSE(find("anna/info/anna"));
  // A local part may hold a slash, and then the whole is an address.
  const Guid odd = house.add("anna/info@example.test");
  CHECK(find("anna/info@example.test")->guid == odd);
  // What is never opened over IMAP or POP3 is not opened so either.
  CHECK(find("anna@example.test/info")->opens);
  LoginChanges restricted;
  restricted.protocol_restricted = true;
  REQUIRE(house.writer->set_mailbox_login(house.info, restricted));
  CHECK_FALSE(find("anna@example.test/info"));
}
