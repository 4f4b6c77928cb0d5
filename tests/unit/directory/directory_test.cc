#include <catch2/catch.hpp>

#include "server/directory/names.h"
#include "server/directory/writer.h"
#include "tests/unit/temp_folder.h"

using namespace hauspost;
using namespace hauspost::directory;
using hauspost::test::TempFolder;

namespace {

struct Fixture {
  Fixture() {
    auto opened = DirectoryWriter::open(folder / "directory.mdb");
    REQUIRE(opened);
    writer = std::move(*opened);
  }
  const DirectoryReader& reader() const { return writer->reader(); }

  void standard() {
    REQUIRE(writer->create_database("DB1", folder / "db1", 100));
    REQUIRE(writer->add_domain("example.test"));
  }
  Result<MailboxEntry> create(MailboxOrder order, bool dry_run = false) {
    const MailboxOrder orders[] = {std::move(order)};
    auto outcomes = writer->create_mailboxes(orders, 100, dry_run);
    REQUIRE(outcomes);
    REQUIRE(outcomes->size() == 1);
    return outcomes->front();
  }

  TempFolder folder;
  std::unique_ptr<DirectoryWriter> writer;
};

template <class T>
ErrorCode code_of(const Result<T>& result) {
  REQUIRE(!result);
  INFO(result.error().text);
  CHECK(result.error().text.find('\n') == std::string::npos);
  return result.error().code;
}

}  // namespace

TEST_CASE("directory: database names are unique without regard to case, and so are paths") {
  Fixture f;
  REQUIRE(f.writer->create_database("DB1", "/srv/a", 7));
  CHECK(code_of(f.writer->create_database("db1", "/srv/b", 7)) == ErrorCode::kExists);
  CHECK(code_of(f.writer->create_database("DB2", "/srv/a", 7)) == ErrorCode::kExists);
  CHECK(code_of(f.writer->create_database("../x", "/srv/x", 7)) == ErrorCode::kInvalid);
  CHECK(code_of(f.writer->create_database("DB3", "relative", 7)) == ErrorCode::kInvalid);
  const auto found = f.reader().database("dB1");
  REQUIRE(found);
  REQUIRE(*found);
  CHECK((*found)->name == "DB1");
  CHECK((*found)->path == "/srv/a");
  CHECK((*found)->created_s == 7);
  CHECK(!(*found)->mounted);
  CHECK(!(*found)->guid.is_nil());
  CHECK(f.reader().databases()->size() == 1);
  CHECK(!f.reader().database("DB9")->has_value());
}

TEST_CASE("directory: every mount has a higher epoch") {
  Fixture f;
  f.standard();
  CHECK(f.writer->mount_database("DB1")->epoch == 1);
  CHECK(f.writer->mount_database("db1")->epoch == 2);
  CHECK(f.writer->dismount_database("DB1")->epoch == 2);
  CHECK(!f.reader().database("DB1")->value().mounted);
  CHECK(f.writer->mount_database("DB1")->epoch == 3);
  CHECK(f.reader().database("DB1")->value().mounted);
  CHECK(!f.reader().database("DB1")->value().initialised);
  CHECK(f.writer->note_initialised("DB1"));
  CHECK(f.writer->dismount_database("DB1")->initialised);
  CHECK(code_of(f.writer->mount_database("DB9")) == ErrorCode::kNotFound);
  CHECK(code_of(f.writer->dismount_database("DB9")) == ErrorCode::kNotFound);
}

TEST_CASE("directory: a database goes only when it is dismounted and empty") {
  Fixture f;
  f.standard();
  const auto alice = f.create({.address = "alice@example.test", .database = "DB1"});
  REQUIRE(alice);
  CHECK(code_of(f.writer->remove_database("DB1", false)) == ErrorCode::kDenied);
  REQUIRE(f.writer->remove_mailbox(alice->guid));
  REQUIRE(f.writer->mount_database("DB1"));
  CHECK(code_of(f.writer->remove_database("DB1", false)) == ErrorCode::kDenied);
  REQUIRE(f.writer->dismount_database("DB1"));
  REQUIRE(f.writer->remove_database("DB1", true));
  CHECK(f.reader().database("DB1")->has_value());
  REQUIRE(f.writer->remove_database("DB1", false));
  CHECK(!f.reader().database("DB1")->has_value());
  CHECK(code_of(f.writer->remove_database("DB1", false)) == ErrorCode::kNotFound);
}

TEST_CASE("directory: domains are canonical, unique and stay while in use") {
  Fixture f;
  f.standard();
  CHECK(code_of(f.writer->add_domain("EXAMPLE.test.")) == ErrorCode::kExists);
  CHECK(code_of(f.writer->add_domain("not a domain")) == ErrorCode::kInvalid);
  CHECK(*f.reader().is_accepted_domain("Example.TEST"));
  CHECK(!*f.reader().is_accepted_domain("example.org"));
  CHECK(!*f.reader().is_accepted_domain("[127.0.0.1]"));
  const auto alice = f.create({.address = "alice@example.test"});
  REQUIRE(alice);
  CHECK(f.reader().address_count("example.test") == 1);
  CHECK(code_of(f.writer->remove_domain("example.test", false)) == ErrorCode::kDenied);
  REQUIRE(f.writer->remove_mailbox(alice->guid));
  REQUIRE(f.writer->remove_domain("Example.test", true));
  CHECK(f.reader().domains()->size() == 1);
  REQUIRE(f.writer->remove_domain("Example.test", false));
  CHECK(f.reader().domains()->empty());
  CHECK(code_of(f.writer->remove_domain("example.test", false)) == ErrorCode::kNotFound);
}

TEST_CASE("directory: a mailbox needs an accepted domain and free addresses") {
  Fixture f;
  f.standard();
  CHECK(code_of(f.create({.address = "alice@example.org"})) == ErrorCode::kInvalid);
  CHECK(code_of(f.create({.address = "alice"})) == ErrorCode::kInvalid);
  CHECK(code_of(f.create({.address = "a@example.test", .database = "DB9"})) ==
        ErrorCode::kNotFound);
  CHECK(code_of(f.create({.address = "a@example.test", .display_name = "a\nb"})) ==
        ErrorCode::kInvalid);
  REQUIRE(f.create({.address = "Alice@Example.test", .aliases = {"a.smith@example.test"}}));
  CHECK(code_of(f.create({.address = "alice@example.test"})) == ErrorCode::kExists);
  CHECK(code_of(f.create({.address = "A.Smith@example.test"})) == ErrorCode::kExists);
  CHECK(code_of(f.create({.address = "bob@example.test", .aliases = {"ALICE@example.test"}})) ==
        ErrorCode::kExists);
  CHECK(code_of(f.create({.address = "bob@example.test", .aliases = {"Bob@example.test"}})) ==
        ErrorCode::kInvalid);
  std::vector<std::string> many;
  for (std::size_t i = 0; i <= kAliasesMax; ++i)
    many.push_back(std::to_string(i) + "@example.test");
  CHECK(code_of(f.create({.address = "bob@example.test", .aliases = many})) == ErrorCode::kInvalid);
  CHECK(f.reader().mailboxes()->size() == 1);
  CHECK(f.reader().mailbox_count("db1") == 1);
}

TEST_CASE("directory: without a database no mailbox, and the emptiest is chosen") {
  Fixture f;
  REQUIRE(f.writer->add_domain("example.test"));
  CHECK(code_of(f.create({.address = "a@example.test"})) == ErrorCode::kNotFound);
  REQUIRE(f.writer->create_database("DB2", "/srv/2", 1));
  REQUIRE(f.writer->create_database("DB1", "/srv/1", 1));
  CHECK(f.create({.address = "a@example.test"})->database == "DB1");
  CHECK(f.create({.address = "b@example.test"})->database == "DB2");
  CHECK(f.create({.address = "c@example.test"})->database == "DB1");
  CHECK(f.create({.address = "d@example.test", .database = "db1"})->database == "DB1");
  CHECK(f.create({.address = "e@example.test"})->database == "DB2");
}

TEST_CASE("directory: names and aliases of a mailbox change, all or nothing") {
  Fixture f;
  f.standard();
  const auto alice = f.create({.address = "alice@example.test", .aliases = {"a@example.test"}});
  REQUIRE(f.create({.address = "bob@example.test"}));
  const auto set = [&](NameChanges changes) {
    return f.writer->set_mailbox_names(alice->guid, changes);
  };
  const auto changed = set({.display_name = "Alice",
                            .add_aliases = {"Info@example.test"},
                            .remove_aliases = {"A@example.test"}});
  REQUIRE(changed);
  CHECK(changed->display_name == "Alice");
  CHECK(changed->aliases == std::vector<std::string>{"Info@example.test"});
  CHECK(f.reader().resolve("info@EXAMPLE.test")->mailbox->guid == alice->guid);
  CHECK_FALSE(f.reader().resolve("a@example.test")->mailbox);
  CHECK(f.reader().find_login("info")->has_value());
  // What fails changes nothing of it.
  CHECK(code_of(set({.add_aliases = {"new@example.test", "bob@example.test"}})) == ErrorCode::kExists);
  CHECK(code_of(set({.add_aliases = {"alice@example.test"}})) == ErrorCode::kExists);
  CHECK(code_of(set({.remove_aliases = {"info@example.test", "no@example.test"}})) ==
        ErrorCode::kNotFound);
  CHECK(code_of(set({.add_aliases = {"x@example.org"}})) == ErrorCode::kInvalid);
  std::vector<std::string> many;
  for (std::size_t i = 0; i < kAliasesMax; ++i) many.push_back(std::to_string(i) + "@example.test");
  CHECK(code_of(set({.add_aliases = many})) == ErrorCode::kExhausted);
  CHECK((*f.reader().mailbox(alice->guid))->aliases.size() == 1);
  CHECK_FALSE(f.reader().resolve("new@example.test")->mailbox);
}

TEST_CASE("directory: recipients resolve by any address in any case") {
  Fixture f;
  f.standard();
  const auto alice = f.create({.address = "alice@example.test", .aliases = {"sales@example.test"}});
  REQUIRE(alice);
  using Kind = Resolution::Kind;
  const std::pair<std::string, Kind> table[] = {
      {"alice@example.test", Kind::kMailbox},
      {"ALICE@EXAMPLE.TEST", Kind::kMailbox},
      {"Sales@example.test", Kind::kMailbox},
      {"alice@example.test.", Kind::kMailbox},
      {"bob@example.test", Kind::kUnknownUser},
      {"postmaster@example.test", Kind::kMailbox},
      {"PostMaster@example.test", Kind::kMailbox},
      {"alice@example.org", Kind::kForeignDomain},
      {"postmaster@example.org", Kind::kForeignDomain},
      {"alice@[127.0.0.1]", Kind::kForeignDomain},
      {"alice", Kind::kForeignDomain},
      {"", Kind::kForeignDomain},
      {"@example.test", Kind::kForeignDomain},
      {std::string(600, 'a') + "@example.test", Kind::kForeignDomain},
  };
  for (const auto& [address, kind] : table) {
    CAPTURE(address);
    const auto resolved = f.reader().resolve(address);
    REQUIRE(resolved);
    CHECK(resolved->kind == kind);
    CHECK(resolved->mailbox.has_value() == (kind == Kind::kMailbox));
    if (resolved->mailbox) CHECK(resolved->mailbox->guid == alice->guid);
  }
}

TEST_CASE("directory: postmaster is the first mailbox created until somebody has the address") {
  Fixture f;
  f.standard();
  CHECK(f.reader().resolve("postmaster@example.test")->kind == Resolution::Kind::kUnknownUser);
  const auto zoe = f.create({.address = "zoe@example.test"});
  const auto adam = f.create({.address = "adam@example.test"});
  CHECK(f.reader().resolve("postmaster@example.test")->mailbox->guid == zoe->guid);
  REQUIRE(f.writer->remove_mailbox(zoe->guid));
  CHECK(f.reader().resolve("postmaster@example.test")->mailbox->guid == adam->guid);
  const auto real = f.create({.address = "postmaster@example.test"});
  CHECK(f.reader().resolve("postmaster@example.test")->mailbox->guid == real->guid);
}

TEST_CASE("directory: a login is an address, or a local part that only one mailbox has") {
  Fixture f;
  f.standard();
  REQUIRE(f.writer->add_domain("example.org"));
  const auto alice = f.create({.address = "alice@example.test", .aliases = {"alice@example.org"}});
  const auto bob = f.create({.address = "bob@example.test", .aliases = {"al@example.test"}});
  const auto other = f.create({.address = "bob@example.org"});
  CHECK(f.reader().find_login("ALICE")->value().guid == alice->guid);
  CHECK(f.reader().find_login("al")->value().guid == bob->guid);
  CHECK(!f.reader().find_login("bob")->has_value());
  CHECK(f.reader().find_login("bob@example.org")->value().guid == other->guid);
  CHECK(f.reader().find_login("alice@example.org")->value().guid == alice->guid);
  for (const std::string name : {"", "ali", "@", "alice@", "alice@x@y", "alic"}) {
    CAPTURE(name);
    CHECK(!f.reader().find_login(name)->has_value());
  }
  CHECK(!f.reader().find_login(std::string(5000, 'a'))->has_value());
  CHECK(!f.reader().find_login(std::string("alice\0", 6))->has_value());
  REQUIRE(f.writer->remove_mailbox(other->guid));
  CHECK(f.reader().find_login("bob")->value().guid == bob->guid);
}

TEST_CASE("directory: removing a mailbox frees all its addresses") {
  Fixture f;
  f.standard();
  const MailboxOrder order{.address = "alice@example.test", .aliases = {"a@example.test"}};
  const auto alice = f.create(order);
  REQUIRE(alice);
  CHECK(f.writer->remove_mailbox(alice->guid)->address == "alice@example.test");
  CHECK(code_of(f.writer->remove_mailbox(alice->guid)) == ErrorCode::kNotFound);
  CHECK(f.reader().resolve("a@example.test")->kind == Resolution::Kind::kUnknownUser);
  CHECK(!f.reader().find_login("alice")->has_value());
  CHECK(f.reader().mailbox_count("DB1") == 0);
  CHECK(f.reader().address_count("example.test") == 0);
  CHECK(f.create({.address = "a@example.test"}));
}

TEST_CASE("directory: many mailboxes at once each have their own outcome") {
  Fixture f;
  f.standard();
  const std::vector<MailboxOrder> orders = {{.address = "a@example.test"},
                                            {.address = "a@example.test"},
                                            {.address = "b@example.org"},
                                            {.address = "c@example.test"}};
  const auto dry = f.writer->create_mailboxes(orders, 5, true);
  REQUIRE(dry);
  CHECK(dry->at(0));
  CHECK(code_of(dry->at(1)) == ErrorCode::kExists);
  CHECK(f.reader().mailboxes()->empty());
  const auto done = f.writer->create_mailboxes(orders, 5, false);
  REQUIRE(done);
  CHECK(done->at(0));
  CHECK(code_of(done->at(1)) == ErrorCode::kExists);
  CHECK(code_of(done->at(2)) == ErrorCode::kInvalid);
  REQUIRE(done->at(3));
  CHECK(done->at(3)->created_s == 5);
  CHECK(f.reader().mailboxes()->size() == 2);
  CHECK(f.reader().mailbox(orders[0].guid)->value().address == "a@example.test");
}

TEST_CASE("directory: twelve thousand mailboxes fit one transaction and come back sorted") {
  Fixture f;
  f.standard();
  std::vector<MailboxOrder> orders;
  for (int i = 0; i < 12'000; ++i)
    orders.push_back({.address = "user" + std::to_string(i) + "@example.test"});
  const auto done = f.writer->create_mailboxes(orders, 5, false);
  REQUIRE(done);
  CHECK(std::ranges::all_of(*done, [](const auto& outcome) { return outcome.has_value(); }));
  const auto all = f.reader().mailboxes();
  REQUIRE(all->size() == 12'000);
  CHECK(std::ranges::is_sorted(*all, {}, &MailboxEntry::address));
  CHECK(f.reader().mailbox_count("DB1") == 12'000);
  CHECK(f.reader().find_login("user11999")->value().guid == orders[11'999].guid);
}

TEST_CASE("directory: services have their defaults until switched") {
  Fixture f;
  const std::pair<std::string, bool> defaults[] = {
      {"imap", false}, {"imap-backend", false}, {"pop3", false},  {"pop3-backend", false},
      {"smtp", true},  {"submission", true},    {"gopher", false}};
  for (const auto& [name, enabled] : defaults) {
    CAPTURE(name);
    CHECK(f.reader().service_enabled(name) == enabled);
  }
  const std::vector<std::string> on = {"imap", "imap-backend"};
  REQUIRE(f.writer->set_services(on, true));
  CHECK(f.reader().service_enabled("imap") == true);
  CHECK(f.reader().service_enabled("imap-backend") == true);
  const std::vector<std::string> off = {"imap", "smtp"};
  REQUIRE(f.writer->set_services(off, false));
  CHECK(f.reader().service_enabled("imap") == false);
  CHECK(f.reader().service_enabled("smtp") == false);
  const std::vector<std::string> mixed = {"imap", "gopher"};
  CHECK(code_of(f.writer->set_services(mixed, true)) == ErrorCode::kInvalid);
  CHECK(f.reader().service_enabled("imap") == false);
}

TEST_CASE("directory: settings are empty until set") {
  Fixture f;
  CHECK(f.reader().setting("a").value().empty());
  REQUIRE(f.writer->set_setting("a", "b"));
  CHECK(f.reader().setting("a").value() == "b");
  REQUIRE(f.writer->set_setting("a", ""));
  CHECK(f.reader().setting("a").value().empty());
  CHECK(code_of(f.writer->set_setting("", "b")) == ErrorCode::kInvalid);
}

TEST_CASE("directory: what was written is there after opening again, read-only") {
  TempFolder folder;
  const std::string path = folder / "directory.mdb";
  CHECK(!DirectoryReader::open(path));
  {
    auto writer = DirectoryWriter::open(path);
    REQUIRE(writer);
    REQUIRE((*writer)->add_domain("example.test"));
  }
  const auto reader = DirectoryReader::open(path);
  REQUIRE(reader);
  CHECK(*(*reader)->is_accepted_domain("example.test"));
}

TEST_CASE("directory: a recovery database is no mailbox's home") {
  Fixture f;
  f.standard();
  REQUIRE(f.writer->create_database("RDB", f.folder / "rdb", 100));
  REQUIRE(f.writer->begin_restore("RDB"));
  for (const char* const address : {"a@example.test", "b@example.test"}) {
    const auto made = f.create({.address = address});
    REQUIRE(made);
    CHECK(made->database == "DB1");
  }
  CHECK(code_of(f.create({.address = "c@example.test", .database = "RDB"})) == ErrorCode::kDenied);
  const auto restored = f.writer->end_restore("RDB", 7, true);
  REQUIRE(restored);
  CHECK(restored->recovery);
  CHECK(restored->initialised);
  CHECK(restored->epoch == 7);
  CHECK_FALSE(restored->mount_at_startup);
  CHECK((*f.reader().database("rdb"))->recovery);
  CHECK(code_of(f.writer->move_mailboxes("DB1", "RDB")) == ErrorCode::kDenied);
}

TEST_CASE("directory: mailboxes move to a restored database") {
  Fixture f;
  f.standard();
  REQUIRE(f.writer->create_database("DB2", f.folder / "db2", 100));
  const auto anna = f.create({.address = "anna@example.test", .database = "DB1"});
  REQUIRE(anna);
  REQUIRE(f.create({.address = "bert@example.test", .database = "DB2"}));
  REQUIRE(f.writer->mount_database("DB1"));
  CHECK(code_of(f.writer->move_mailboxes("DB1", "DB2")) == ErrorCode::kDenied);
  REQUIRE(f.writer->dismount_database("DB1"));
  CHECK(code_of(f.writer->move_mailboxes("DB9", "DB2")) == ErrorCode::kNotFound);
  const auto moved = f.writer->move_mailboxes("db1", "DB2");
  REQUIRE(moved);
  CHECK(*moved == 1);
  CHECK(*f.reader().mailbox_count("DB1") == 0);
  CHECK(*f.reader().mailbox_count("DB2") == 2);
  CHECK((*f.reader().mailbox(anna->guid))->database == "DB2");
  REQUIRE(f.writer->remove_database("DB1", false));
}
