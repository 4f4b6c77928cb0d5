#include "server/transport_worker/directory_adapter.h"

#include <catch2/catch.hpp>

#include "server/directory/writer.h"
#include "tests/unit/temp_folder.h"

using namespace hauspost;
using namespace hauspost::directory;
using hauspost::test::TempFolder;
using transport::Resolved;
using transport::SendRight;
using transport_worker::DirectoryAdapter;
using Kind = Resolved::Kind;

namespace {

class StillClock final : public Clock {
 public:
  WallTime now() const override { return wall; }
  std::chrono::steady_clock::time_point steady() const override { return {}; }
  WallTime wall{std::chrono::seconds(1795288500)};
};

struct House {
  House() {
    auto opened = DirectoryWriter::open(folder / "directory.mdb");
    REQUIRE(opened);
    writer = std::move(*opened);
    REQUIRE(writer->create_database("DB1", folder / "db1", 100));
    REQUIRE(writer->add_domain("example.org"));
    anna = mailbox("anna@example.org");
    adapter = std::make_unique<DirectoryAdapter>(writer->reader(), "/run", &srs, clock);
  }
  Guid mailbox(const std::string& address) {
    const MailboxOrder orders[] = {{.address = address}};
    const auto made = writer->create_mailboxes(orders, 100, false);
    REQUIRE(made);
    REQUIRE(made->front());
    return made->front()->guid;
  }
  Guid recipient(RecipientKind kind, const std::string& address, const std::string& target = {}) {
    const auto made =
        writer->create_recipient({.kind = kind, .address = address, .target = target}, 100, false);
    INFO((made ? "" : made.error().text));
    REQUIRE(made);
    return made->guid;
  }
  SendRight right(const Guid& user, std::string_view address) {
    const auto right = adapter->may_send(user, address);
    REQUIRE(right);
    return *right;
  }

  TempFolder folder;
  std::unique_ptr<DirectoryWriter> writer;
  StillClock clock;
  transport::Srs srs{{"sixteen octets at least"}};
  std::unique_ptr<DirectoryAdapter> adapter;
  Guid anna;
};

}  // namespace

TEST_CASE("adapter: each kind of recipient is led where it belongs") {
  House house;
  house.recipient(RecipientKind::kContact, "partner@example.org", "p@partner.example");
  house.recipient(RecipientKind::kMailUser, "carla@example.org", "c@partner.example");
  const Guid group = house.recipient(RecipientKind::kGroup, "team@example.org");
  const Resolved anna = house.adapter->resolve("Anna+x@Example.org");
  CHECK(anna.kind == Kind::kMailbox);
  CHECK(anna.is_plain_mailbox());
  CHECK(anna.label == "anna@example.org");
  CHECK(anna.database == "DB1");
  CHECK(house.adapter->resolve("partner@example.org").target == "p@partner.example");
  CHECK(house.adapter->resolve("carla@example.org").kind == Kind::kExternal);
  const Resolved team = house.adapter->resolve("team@example.org");
  CHECK(team.kind == Kind::kGroup);
  CHECK(team.mailbox == group);
  CHECK(team.restricted);
  REQUIRE(house.writer->set_recipient(group, {.anyone = true}));
  CHECK_FALSE(house.adapter->resolve("team@example.org").restricted);
  CHECK(house.adapter->resolve("nobody@example.org").kind == Kind::kUnknown);
  CHECK(house.adapter->resolve("x@elsewhere.example").kind == Kind::kForeign);
  REQUIRE(house.writer->set_domain("example.org", {.type = DomainType::kInternalRelay}));
  CHECK(house.adapter->resolve("nobody@example.org").kind == Kind::kRelay);
}

TEST_CASE("adapter: a mailbox that forwards says where and whether it keeps a copy") {
  House house;
  REQUIRE(house.writer->set_forwarding(house.anna, "a@far.example", false));
  const Resolved anna = house.adapter->resolve("anna@example.org");
  CHECK(anna.kind == Kind::kMailbox);
  CHECK_FALSE(anna.is_plain_mailbox());
  CHECK(anna.target == "a@far.example");
  CHECK_FALSE(anna.keep_copy);
}

TEST_CASE("adapter: only what was rewritten here is led back") {
  House house;
  const auto rewritten = house.srs.rewrite("x@far.example", "example.org", house.clock.now());
  REQUIRE(rewritten);
  const Resolved back = house.adapter->resolve(*rewritten);
  CHECK(back.kind == Kind::kExternal);
  CHECK(back.target == "x@far.example");
  std::string forged = *rewritten;
  forged[5] = forged[5] == 'a' ? 'b' : 'a';
  CHECK(house.adapter->resolve(forged).kind == Kind::kUnknown);
  const std::string local = rewritten->substr(0, rewritten->find('@'));
  CHECK(house.adapter->resolve(local + "@elsewhere.example").kind == Kind::kForeign);
  CHECK(house.adapter->forwarding_domain("anna@Example.ORG") == "example.org");
  CHECK(house.adapter->forwarding_domain("x@far.example").empty());
  house.clock.wall += std::chrono::days(22);
  CHECK(house.adapter->resolve(*rewritten).kind == Kind::kUnknown);
  house.clock.wall -= std::chrono::days(22);
  REQUIRE(house.writer->set_domain("example.org", {.srs = false}));
  CHECK(house.adapter->resolve(*rewritten).kind == Kind::kUnknown);
  CHECK(house.adapter->forwarding_domain("anna@example.org").empty());
}

TEST_CASE("adapter: as whom a user may send") {
  House house;
  const Guid bert = house.mailbox("bert@example.org");
  const Guid team = house.recipient(RecipientKind::kGroup, "team@example.org");
  const Guid carla =
      house.recipient(RecipientKind::kMailUser, "carla@example.org", "c@partner.example");
  CHECK(house.right(house.anna, "anna+shop@example.org") == SendRight::kOwn);
  CHECK(house.right(carla, "carla@example.org") == SendRight::kOwn);
  CHECK(house.right(house.anna, "bert@example.org") == SendRight::kNo);
  CHECK(house.right(house.anna, "x@far.example") == SendRight::kNo);
  REQUIRE(house.writer->set_send_grant(house.anna, bert, SendGrant::kOnBehalf));
  REQUIRE(house.writer->set_send_grant(house.anna, team, SendGrant::kAs));
  CHECK(house.right(house.anna, "bert@example.org") == SendRight::kOnBehalf);
  CHECK(house.right(house.anna, "team@example.org") == SendRight::kAs);
  CHECK(house.right(bert, "anna@example.org") == SendRight::kNo);
  // What a catch-all gets is not its holder's address.
  REQUIRE(house.writer->set_domain("example.org", {.catch_all = "bert@example.org"}));
  CHECK(house.adapter->resolve("whoever@example.org").mailbox == bert);
  CHECK(house.right(bert, "whoever@example.org") == SendRight::kNo);
  CHECK(house.right(house.anna, "whoever@example.org") == SendRight::kNo);
  REQUIRE(house.writer->set_send_grant(house.anna, bert, std::nullopt));
  CHECK(house.right(house.anna, "bert@example.org") == SendRight::kNo);
}

TEST_CASE("adapter: members come in pages, each resolved") {
  House house;
  const Guid bert = house.mailbox("bert@example.org");
  const Guid team = house.recipient(RecipientKind::kGroup, "team@example.org");
  const std::string members[] = {"anna@example.org", "bert@example.org", "x@far.example"};
  REQUIRE(house.writer->add_members(team, members));
  std::vector<Kind> kinds;
  std::string from;
  do {
    const auto page = house.adapter->members(team, from, 2);
    REQUIRE(page);
    for (const auto& member : page->members) kinds.push_back(member.resolved.kind);
    from = page->next;
  } while (!from.empty());
  std::ranges::sort(kinds);
  CHECK(kinds == std::vector<Kind>{Kind::kMailbox, Kind::kMailbox, Kind::kForeign});
  REQUIRE(house.writer->remove_mailbox(bert));
  CHECK(house.adapter->members(team, {}, 10)->members.size() == 2);
  CHECK(house.adapter->members(Guid::random(), {}, 10).error().code == ErrorCode::kNotFound);
}
