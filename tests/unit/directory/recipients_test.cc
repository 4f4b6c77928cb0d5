#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <chrono>

#include "server/directory/entries.pb.h"
#include "server/directory/writer.h"
#include "store/environment.h"
#include "tests/unit/temp_folder.h"

using namespace hauspost;
using namespace hauspost::directory;
using hauspost::test::TempFolder;

namespace {

using Kind = Resolution::Kind;

struct House {
  House() {
    auto opened = DirectoryWriter::open(folder / "directory.mdb");
    REQUIRE(opened);
    writer = std::move(*opened);
    REQUIRE(writer->create_database("DB1", folder / "db1", 100));
    REQUIRE(writer->add_domain("example.org"));
  }
  const DirectoryReader& reader() const { return writer->reader(); }

  Guid mailbox(const std::string& address, std::vector<std::string> aliases = {}) {
    const MailboxOrder orders[] = {{.address = address, .aliases = std::move(aliases)}};
    const auto made = writer->create_mailboxes(orders, 100, false);
    REQUIRE(made);
    INFO((made->front() ? "" : made->front().error().text));
    REQUIRE(made->front());
    return made->front()->guid;
  }
  Result<RecipientEntry> create(RecipientKind kind, const std::string& address,
                                const std::string& target = {}) {
    return writer->create_recipient({.kind = kind, .address = address, .target = target}, 100,
                                    false);
  }
  Guid group(const std::string& address, std::vector<std::string> members = {}) {
    const auto made = create(RecipientKind::kGroup, address);
    REQUIRE(made);
    add(made->guid, members);
    return made->guid;
  }
  void add(const Guid& to, const std::vector<std::string>& members) {
    const auto added = writer->add_members(to, members);
    REQUIRE(added);
    for (const auto& one : *added) {
      INFO((one ? "" : one.error().text));
      REQUIRE(one);
    }
  }
  std::vector<std::string> members(const Guid& group, std::size_t page = 100) {
    std::vector<std::string> all;
    std::string from;
    do {
      auto some = reader().members(group, from, page);
      REQUIRE(some);
      CHECK(some->members.size() <= page);
      for (GroupMember& member : some->members) all.push_back(std::move(member.address));
      from = some->next;
    } while (!from.empty());
    std::ranges::sort(all);
    return all;
  }
  Kind kind(std::string_view address) { return reader().resolve(address)->kind; }
  Guid who(std::string_view address) {
    const auto found = reader().resolve(address);
    REQUIRE(found);
    CAPTURE(std::string(address));
    if (found->mailbox) return found->mailbox->guid;
    return found->recipient ? found->recipient->guid : Guid{};
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

TEST_CASE("directory: a detail behind a plus belongs to the mailbox in front of it") {
  House house;
  const Guid anna = house.mailbox("anna@example.org", {"a@example.org"});
  const Guid real = house.mailbox("anna+real@example.org");
  CHECK(house.who("anna+lists@example.org") == anna);
  CHECK(house.who("ANNA+x+y@Example.ORG") == anna);
  CHECK(house.who("a+x@example.org") == anna);
  CHECK(house.who("anna+real@example.org") == real);
  CHECK(house.kind("+anna@example.org") == Kind::kUnknownUser);
  CHECK(house.kind("nobody+anna@example.org") == Kind::kUnknownUser);
  REQUIRE(house.writer->set_domain("example.org", {.plus_addressing = false}));
  CHECK(house.kind("anna+lists@example.org") == Kind::kUnknownUser);
  CHECK(house.who("anna+real@example.org") == real);
}

TEST_CASE("directory: a domain's type says what becomes of addresses nobody has") {
  House house;
  const Guid anna = house.mailbox("anna@example.org");
  CHECK(house.kind("nobody@example.org") == Kind::kUnknownUser);
  REQUIRE(house.writer->set_domain("example.org", {.type = DomainType::kInternalRelay}));
  CHECK(house.kind("nobody@example.org") == Kind::kRelay);
  CHECK(house.kind("postmaster@example.org") == Kind::kRelay);
  CHECK(house.who("anna@example.org") == anna);
  CHECK(code_of(house.writer->set_domain("example.org", {.type = DomainType::kExternalRelay})) ==
        ErrorCode::kDenied);
  REQUIRE(house.writer->add_domain("partner.example"));
  REQUIRE(house.writer->set_domain("partner.example", {.type = DomainType::kExternalRelay}));
  CHECK(house.kind("anyone@partner.example") == Kind::kRelay);
  CHECK(code_of(house.create(RecipientKind::kGroup, "all@partner.example")) ==
        ErrorCode::kInvalid);
  CHECK(house.kind("x@sub.partner.example") == Kind::kForeignDomain);
  CHECK(code_of(house.writer->set_domain("other.example", {})) == ErrorCode::kNotFound);
}

TEST_CASE("directory: what a domain says holds below it when it says so") {
  House house;
  REQUIRE(house.writer->add_domain("deep.sub.example.org"));
  CHECK(house.kind("anna@sub.example.org") == Kind::kForeignDomain);
  REQUIRE(house.writer->set_domain("example.org", {.subdomains = true}));
  CHECK(house.kind("anna@sub.example.org") == Kind::kUnknownUser);
  CHECK(house.reader().is_accepted_domain("a.b.c.example.org").value());
  CHECK(!house.reader().is_accepted_domain("notexample.org").value());
  const Guid anna = house.mailbox("anna@sub.example.org");
  CHECK(house.who("Anna+x@SUB.example.org") == anna);
  CHECK(house.reader().domain("sub.example.org")->value().name == "example.org");
  CHECK(house.reader().domain("deep.sub.example.org")->value().name == "deep.sub.example.org");
  CHECK(code_of(house.writer->set_domain("example.org", {.subdomains = false})) ==
        ErrorCode::kDenied);
  CHECK(code_of(house.writer->remove_domain("example.org", true)) == ErrorCode::kDenied);
  REQUIRE(house.writer->remove_mailbox(anna));
  CHECK(house.writer->set_domain("example.org", {.subdomains = false}));
}

TEST_CASE("directory: an international domain is one, however it is spelt") {
  House house;
  REQUIRE(house.writer->add_domain("b\xc3\xbc"
                                   "cher.example"));
  const Guid anna = house.mailbox("anna@xn--bcher-kva.example");
  CHECK(house.who("anna@B\xc3\x9c"
                  "CHER.example") == anna);
  CHECK(house.who("anna@XN--bcher-kva.EXAMPLE") == anna);
}

TEST_CASE("directory: a catch-all gets what does not exist, and nothing else") {
  House house;
  const Guid anna = house.mailbox("anna@example.org");
  const Guid rest = house.mailbox("rest@example.org");
  CHECK(code_of(house.writer->set_domain("example.org", {.catch_all = "nobody@example.org"})) ==
        ErrorCode::kNotFound);
  REQUIRE(house.writer->set_domain("example.org", {.catch_all = "Rest@Example.org"}));
  CHECK(house.who("nobody@example.org") == rest);
  CHECK(house.who("anna+x@example.org") == anna);
  CHECK(house.who("postmaster@example.org") == anna);
  CHECK(house.kind("nobody@example.net") == Kind::kForeignDomain);
  CHECK(code_of(house.writer->set_domain("example.org", {.type = DomainType::kInternalRelay})) ==
        ErrorCode::kDenied);
  REQUIRE(house.writer->remove_mailbox(rest));
  CHECK(house.kind("nobody@example.org") == Kind::kUnknownUser);
}

TEST_CASE("directory: postmaster and abuse are somebody who is enabled") {
  House house;
  CHECK(house.kind("postmaster@example.org") == Kind::kUnknownUser);
  const Guid first = house.mailbox("first@example.org");
  CHECK(house.who("POSTMASTER@example.org") == first);
  CHECK(house.who("abuse@example.org") == first);
  const Guid abuse = house.mailbox("abuse@example.org");
  CHECK(house.who("abuse@example.org") == abuse);
  CHECK(house.who("postmaster@example.org") == first);
}

TEST_CASE("directory: contacts and mail users stand for an address outside") {
  House house;
  const Guid anna = house.mailbox("anna@example.org");
  const auto contact = house.create(RecipientKind::kContact, "bob@example.org", "Bob@Example.NET");
  REQUIRE(contact);
  CHECK(contact->target == "Bob@example.net");
  CHECK(house.who("BOB@example.org") == contact->guid);
  CHECK(house.kind("bob+x@example.org") == Kind::kRecipient);
  CHECK(code_of(house.create(RecipientKind::kContact, "c@example.org", "anna@example.org")) ==
        ErrorCode::kInvalid);
  CHECK(code_of(house.create(RecipientKind::kContact, "anna@example.org", "x@example.net")) ==
        ErrorCode::kExists);
  CHECK(code_of(house.create(RecipientKind::kContact, "x@example.com", "x@example.net")) ==
        ErrorCode::kInvalid);
  const MailboxOrder taken[] = {{.address = "bob@example.org"}};
  CHECK(code_of(house.writer->create_mailboxes(taken, 1, false)->front()) == ErrorCode::kExists);
  CHECK(!house.reader().find_login("bob@example.org")->has_value());
  CHECK(code_of(house.writer->remove_domain("example.org", true)) == ErrorCode::kDenied);

  const auto user = house.create(RecipientKind::kMailUser, "eve@example.org", "eve@example.net");
  REQUIRE(user);
  const auto login = house.reader().find_login("Eve@example.org");
  REQUIRE(login->has_value());
  CHECK((*login)->guid == user->guid);
  CHECK(!(*login)->is_mailbox());
  CHECK((*login)->smtp);
  CHECK(!(*login)->imap);
  CHECK(!(*login)->pop3);
  CHECK(house.reader().mailboxes()->size() == 1);

  REQUIRE(house.writer->set_recipient(contact->guid, {.target = "new@example.net",
                                                      .add_aliases = {"robert@example.org"}}));
  CHECK(house.who("robert@example.org") == contact->guid);
  CHECK(house.reader().find_recipient("robert@example.org")->value().target == "new@example.net");
  CHECK(code_of(house.writer->set_recipient(contact->guid, {.remove_aliases = {"x@example.org"}})) ==
        ErrorCode::kNotFound);
  REQUIRE(house.writer->set_recipient(contact->guid, {.remove_aliases = {"Robert@example.org"}}));
  CHECK(house.kind("robert@example.org") == Kind::kUnknownUser);
  REQUIRE(house.writer->remove_recipient(contact->guid, true));
  CHECK(house.kind("bob@example.org") == Kind::kRecipient);
  REQUIRE(house.writer->remove_recipient(contact->guid, false));
  CHECK(house.kind("bob@example.org") == Kind::kUnknownUser);
  REQUIRE(house.writer->remove_recipient(user->guid, false));
  REQUIRE(house.writer->remove_mailbox(anna));
  CHECK(house.writer->remove_domain("example.org", false));
}

TEST_CASE("directory: a group has each member once, and forgets who is gone") {
  House house;
  const Guid anna = house.mailbox("anna@example.org", {"a@example.org"});
  house.mailbox("bert@example.org");
  const Guid inner = house.group("inner@example.org", {"bert@example.org"});
  const Guid all = house.group("all@example.org", {"a@example.org", "inner@example.org",
                                                   "Far@Example.net"});
  CHECK(house.members(all) ==
        std::vector<std::string>{"Far@example.net", "anna@example.org", "inner@example.org"});
  CHECK(house.members(all, 1).size() == 3);
  CHECK(house.reader().member_count(all) == 3);
  const std::vector<std::string> wrong = {"anna@example.org", "far@example.net", "all@example.org",
                                          "nobody@example.org", "no address"};
  const auto refused = house.writer->add_members(all, wrong);
  REQUIRE(refused);
  CHECK(code_of((*refused)[0]) == ErrorCode::kExists);
  CHECK(code_of((*refused)[1]) == ErrorCode::kExists);
  CHECK(code_of((*refused)[2]) == ErrorCode::kInvalid);
  CHECK(code_of((*refused)[3]) == ErrorCode::kNotFound);
  CHECK(code_of((*refused)[4]) == ErrorCode::kInvalid);
  CHECK(house.reader().groups_of(anna)->size() == 1);
  CHECK(code_of(house.reader().members(anna, {}, 10)) == ErrorCode::kNotFound);

  const std::vector<std::string> going = {"far@example.net", "bert@example.org"};
  CHECK(house.writer->remove_members(all, going, true)->front());
  CHECK(house.members(all).size() == 3);
  const auto removed = house.writer->remove_members(all, going, false);
  CHECK(removed->front());
  CHECK(code_of((*removed)[1]) == ErrorCode::kNotFound);
  REQUIRE(house.writer->remove_mailbox(anna));
  CHECK(house.members(all) == std::vector<std::string>{"inner@example.org"});
  CHECK(house.reader().member_count(all) == 1);
  REQUIRE(house.writer->remove_recipient(inner, false));
  CHECK(house.members(all).empty());
  CHECK(house.reader().member_count(all) == 0);
  REQUIRE(house.writer->remove_recipient(all, false));
}

TEST_CASE("directory: a member from outside can go when somebody here has the address by now") {
  House house;
  const Guid all = house.group("all@example.org", {"far@example.net"});
  REQUIRE(house.writer->add_domain("example.net"));
  house.mailbox("far@example.net");
  const std::vector<std::string> going = {"far@example.net"};
  const auto removed = house.writer->remove_members(all, going, false);
  REQUIRE(removed);
  CHECK(removed->front());
  CHECK(house.members(all).empty());
  CHECK(house.reader().member_count(all) == 0);
}

TEST_CASE("directory: who may write to a group") {
  House house;
  const Guid anna = house.mailbox("anna@example.org");
  const Guid bert = house.mailbox("bert@example.org");
  const Guid carl = house.mailbox("carl@example.org");
  const Guid inner = house.group("inner@example.org", {"bert@example.org"});
  const Guid all = house.group("all@example.org", {"inner@example.org"});
  const auto may = [&](const Guid& user) { return house.reader().may_post(all, user).value(); };
  CHECK(may(carl));
  CHECK(!may(Guid{}));
  REQUIRE(house.writer->set_recipient(all, {.anyone = true}));
  CHECK(may(Guid{}));
  REQUIRE(house.writer->set_recipient(all, {.members_only = true}));
  CHECK(may(bert));
  CHECK(!may(anna));
  CHECK(!may(Guid{}));
  REQUIRE(house.writer->set_recipient(all, {.add_allowed = {"anna@example.org"}}));
  CHECK(may(anna));
  CHECK(!may(carl));
  REQUIRE(house.writer->set_recipient(all, {.members_only = false}));
  CHECK(!may(bert));
  REQUIRE(house.writer->set_recipient(all, {.add_allowed = {"inner@example.org"}}));
  CHECK(may(bert));
  REQUIRE(house.writer->set_recipient(
      all, {.remove_allowed = {"inner@example.org", "anna@example.org"}}));
  CHECK(may(carl));
  // Whom it was open to is gone: that does not open it to everybody.
  const Guid dora = house.mailbox("dora@example.org");
  REQUIRE(house.writer->set_recipient(all, {.add_allowed = {"dora@example.org"}}));
  REQUIRE(house.writer->remove_mailbox(dora));
  CHECK(!may(carl));
  REQUIRE(house.writer->set_recipient(all, {.remove_allowed = {dora.to_string()}}));
  CHECK(may(carl));
  CHECK(code_of(house.writer->set_recipient(all, {.reports = GroupReports::kOwner})) ==
        ErrorCode::kInvalid);
  CHECK(house.writer->set_recipient(all, {.owner = "anna@example.org",
                                          .reports = GroupReports::kOwner}));
  CHECK(code_of(house.reader().may_post(anna, bert)) == ErrorCode::kNotFound);
  // A circle of groups ends.
  house.add(inner, {"all@example.org"});
  REQUIRE(house.writer->set_recipient(all, {.members_only = true}));
  CHECK(may(bert));
  CHECK(!may(carl));
}

TEST_CASE("directory: forwarding and sending for others end with the mailbox") {
  House house;
  const Guid anna = house.mailbox("anna@example.org");
  const Guid bert = house.mailbox("bert@example.org");
  CHECK(code_of(house.writer->set_forwarding(anna, "anna+x@example.org", true)) ==
        ErrorCode::kInvalid);
  CHECK(code_of(house.writer->set_forwarding(anna, "nobody@example.org", true)) ==
        ErrorCode::kNotFound);
  REQUIRE(house.writer->set_forwarding(anna, "Anna@Example.NET", false));
  auto entry = house.reader().mailbox(anna)->value();
  CHECK(entry.forward_to == "Anna@example.net");
  CHECK(!entry.forward_keeps_copy);
  CHECK(house.writer->set_forwarding(anna, "", true)->forward_to.empty());

  CHECK(!house.reader().send_grant(bert, anna)->has_value());
  REQUIRE(house.writer->set_send_grant(bert, anna, SendGrant::kAs));
  CHECK(house.reader().send_grant(bert, anna)->value() == SendGrant::kAs);
  REQUIRE(house.writer->set_send_grant(bert, anna, SendGrant::kOnBehalf));
  CHECK(house.reader().send_grants_on(anna)->size() == 1);
  CHECK(house.reader().send_grants_on(anna)->front().grant == SendGrant::kOnBehalf);
  CHECK(code_of(house.writer->set_send_grant(anna, anna, SendGrant::kAs)) == ErrorCode::kInvalid);
  REQUIRE(house.writer->remove_mailbox(bert));
  CHECK(house.reader().send_grants_on(anna)->empty());
}

TEST_CASE("directory: an entry of yesterday means what it meant") {
  House house;
  stored::Domain old;
  old.set_name("old.example");
  store::Environment::Options options{.path = house.folder / "raw.mdb"};
  CHECK(old.type() == stored::Domain::TYPE_UNSPECIFIED);
  // As format 1 without the newer fields was written: name alone, fields 1 to 13 alone.
  house.writer.reset();
  {
    options = {.path = house.folder / "directory.mdb", .map_bytes = 1ULL << 30, .tables_max = 64};
    auto environment = store::Environment::open(options);
    REQUIRE(environment);
    const auto table = (*environment)->open_table("domains", false);
    REQUIRE(table);
    auto txn = (*environment)->write();
    REQUIRE(txn);
    REQUIRE(txn->put(*table, "old.example", old.SerializeAsString()));
    REQUIRE(txn->commit());
  }
  auto opened = DirectoryWriter::open(house.folder / "directory.mdb");
  REQUIRE(opened);
  house.writer = std::move(*opened);
  const auto domain = house.reader().domain("old.example");
  REQUIRE(domain->has_value());
  CHECK((*domain)->type == DomainType::kAuthoritative);
  CHECK(!(*domain)->subdomains);
  CHECK((*domain)->plus_addressing);
  CHECK((*domain)->srs);
  CHECK((*domain)->catch_all.empty());
  CHECK(house.kind("x@old.example") == Kind::kUnknownUser);
}

TEST_CASE("directory: many mailboxes move with their count") {
  House house;
  REQUIRE(house.writer->create_database("DB2", house.folder / "db2", 100));
  for (int i = 0; i < 5; ++i) {
    const MailboxOrder orders[] = {
        {.address = fmt::format("user{}@example.org", i), .database = "DB1"}};
    REQUIRE(house.writer->create_mailboxes(orders, 1, false)->front());
  }
  CHECK(house.writer->move_mailboxes("DB1", "DB2") == 5);
  CHECK(house.reader().mailbox_count("DB1") == 0);
  CHECK(house.reader().mailbox_count("DB2") == 5);
  CHECK(house.writer->move_mailboxes("DB1", "DB2") == 0);
  CHECK(house.reader().mailbox_count("DB2") == 5);
}

TEST_CASE("directory: ten thousand members are read in pages, and quickly") {
  House house;
  constexpr int kMany = 10'000;
  std::vector<std::string> addresses;
  for (int i = 0; i < kMany; ++i) addresses.push_back(fmt::format("u{}@example.net", i));
  const Guid all = house.group("all@example.org", addresses);
  const auto began = std::chrono::steady_clock::now();
  CHECK(house.members(all, 500).size() == kMany);
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(2));
}
