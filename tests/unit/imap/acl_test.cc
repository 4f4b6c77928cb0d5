// RFC 4314 and RFC 8440: who may do what with whose folders, and how they find them.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "protocols/imap/sharing.h"
#include "tests/unit/imap/session_rig.h"

using namespace hauspost;
using namespace hauspost::imap;
using namespace hauspost::imap::test;

namespace {

class FewPeople final : public People {
 public:
  std::optional<Person> named(std::string_view address) const override {
    for (const Person& one : all) {
      if (one.address == address) return one;
    }
    return std::nullopt;
  }
  std::optional<Person> person(const Guid& mailbox) const override {
    for (const Person& one : all) {
      if (one.mailbox == mailbox) return one;
    }
    return std::nullopt;
  }
  std::vector<Person> full_access_of(const Guid& user) const override {
    std::vector<Person> found;
    for (const auto& [who, what] : grants) {
      if (who == user) found.push_back(*person(what));
    }
    return found;
  }
  bool has_full_access(const Guid& user, const Guid& mailbox) const override {
    return std::ranges::find(grants, std::pair(user, mailbox)) != grants.end();
  }

  bool may_be_read(const Guid& mailbox) const override {
    return std::ranges::find(closed, mailbox) == closed.end();
  }

  std::vector<Guid> closed;
  std::vector<Person> all;
  std::vector<std::pair<Guid, Guid>> grants;
};

// Anna, whose mailbox the rig has, Bert beside her, and a mailbox "info" that is nobody's own.
struct House {
  House() {
    people.all = {{rig.mailbox, "anna@example.org"},
                  {bert, "bert@example.org"},
                  {info, "info@example.org"},
                  {far, "sales@example.net"}};
    rig.services.emplace(Services{*rig.database, rig.clock, rig.limits, {}, "mail.example.org"});
    rig.services->people = &people;
  }
  Client anna() { return Client(rig); }

  Rig rig;
  FewPeople people;
  Guid bert = Guid::random();
  Guid info = Guid::random();
  Guid far = Guid::random();
};

constexpr std::string_view kMail = "Subject: x\r\nFrom: a@example.org\r\n\r\nbody\r\n";

}  // namespace

TEST_CASE("acl: rights read back in the letters of both RFCs") {
  CHECK(rights_text(store::kAllRights) == "lrswipkxtecda");
  CHECK(rights_text(0).empty());
  CHECK(rights_text(store::kMayLookUp | store::kMayExpunge) == "led");
  CHECK(parse_rights("lrswipkxtecda") == store::kAllRights);
  CHECK(parse_rights("c") == (store::kMayCreate | store::kMayDeleteFolder));
  CHECK(parse_rights("d") == (store::kMayDeleteMessages | store::kMayExpunge));
  CHECK(parse_rights("") == 0U);
  CHECK_FALSE(parse_rights("lR").has_value());
  CHECK_FALSE(parse_rights("l ").has_value());
  for (store::RightBits bits = 0; bits <= store::kAllRights; ++bits) {
    // "c" and "d" are ties: what they add is all that reading back may add.
    const store::RightBits read = *parse_rights(rights_text(bits));
    REQUIRE((read & bits) == bits);
  }
}

TEST_CASE("acl: each flag is behind its right") {
  CHECK(changeable(store::kMayKeepSeen) == store::kSeen);
  CHECK(changeable(store::kMayDeleteMessages) == store::kDeleted);
  CHECK((changeable(store::kMayWrite) & store::kSystemFlags) ==
        (store::kAnswered | store::kFlagged | store::kDraft));
  CHECK(changeable(store::kAllRights) == ~store::FlagBits{0});
  CHECK(changeable(store::kMayInsert | store::kMayExpunge | store::kMayRead) == 0);
}

TEST_CASE("acl: an owner grants, changes, lists and takes away") {
  House house;
  Client anna = house.anna();
  anna.talk(
      "C: a MYRIGHTS INBOX\n"
      "S: * MYRIGHTS \"INBOX\" lrswipkxtecda\n"
      "S: a OK ...\n"
      "C: b SETACL INBOX bert@example.org lr\n"
      "S: b OK ...\n"
      "C: c SETACL INBOX bert@example.org +swd\n"
      "S: c OK ...\n"
      "C: d SETACL INBOX anyone p\n"
      "S: d OK ...\n"
      "C: e GETACL INBOX\n"
      "S: * ACL \"INBOX\" \"anna@example.org\" lrswipkxtecda \"anyone\" p \"bert@example.org\" "
      "lrswted\n"
      "S: e OK ...\n"
      "C: f SETACL INBOX bert@example.org -d\n"
      "S: f OK ...\n"
      "C: g DELETEACL INBOX anyone\n"
      "S: g OK ...\n"
      "C: h GETACL INBOX\n"
      "S: * ACL \"INBOX\" \"anna@example.org\" lrswipkxtecda \"bert@example.org\" lrsw\n"
      "S: h OK ...\n"
      "C: i LISTRIGHTS INBOX bert@example.org\n"
      "S: * LISTRIGHTS \"INBOX\" \"bert@example.org\" \"\" l r s w i p k x t e c d a\n"
      "S: i OK ...\n"
      "C: j LISTRIGHTS INBOX anna@example.org\n"
      "S: * LISTRIGHTS \"INBOX\" \"anna@example.org\" lrswipkxtecda\n"
      "S: j OK ...\n");
}

TEST_CASE("acl: what cannot be granted is refused with its reason") {
  House house;
  Client anna = house.anna();
  anna.talk(
      "C: a SETACL INBOX -bert@example.org lr\n"
      "S: a NO [CANNOT] ...\n"
      "C: b SETACL INBOX nobody@example.org lr\n"
      "S: b NO [NONEXISTENT] ...\n"
      "C: c SETACL INBOX anna@example.org l\n"
      "S: c NO [CANNOT] ...\n"
      "C: d SETACL INBOX bert@example.org lrQ\n"
      "S: d BAD ...\n"
      "C: e SETACL Nowhere bert@example.org lr\n"
      "S: e NO [NONEXISTENT] ...\n"
      "C: f SETACL INBOX bert@example.org\n"
      "S: f BAD ...\n");
}

TEST_CASE("acl: the shared namespace shows what may be seen and nothing else") {
  House house;
  Client anna = house.anna();
  Client bert(house.rig, house.bert, "bert@example.org");
  bert.talk(
      "C: a NAMESPACE\n"
      "S: * NAMESPACE ((\"\" \"/\")) NIL ((\"Shared/\" \"/\"))\n"
      "S: a OK ...\n"
      "C: b LIST \"\" Shared*\n"
      "S: b OK ...\n");
  anna.talk(
      "C: a CREATE Work\nS: a OK ...\n"
      "C: b SETACL Work bert@example.org lr\nS: b OK ...\n"
      "C: c CREATE Work/2026\nS: c OK ...\n"
      "C: d SETACL Sent bert@example.org r\nS: d OK ...\n");
  bert.talk(
      "C: c LIST \"\" Shared*\n"
      "S: * LIST (\\HasChildren \\Noselect) \"/\" \"Shared\"\n"
      "S: * LIST (\\HasChildren \\Noselect) \"/\" \"Shared/anna\"\n"
      "S: * LIST (\\HasChildren) \"/\" \"Shared/anna/Work\"\n"
      "S: * LIST (\\HasNoChildren) \"/\" \"Shared/anna/Work/2026\"\n"
      "S: c OK ...\n"
      "C: d LIST \"\" Shared/anna/% RETURN (MYRIGHTS)\n"
      "S: * LIST (\\HasChildren) \"/\" \"Shared/anna/Work\"\n"
      "S: * MYRIGHTS \"Shared/anna/Work\" lr\n"
      "S: d OK ...\n"
      // Without "l" a folder is in no list, and yet its rights hold.
      "C: e STATUS Shared/anna/Sent (MESSAGES)\n"
      "S: * STATUS \"Shared/anna/Sent\" (MESSAGES 0)\n"
      "S: e OK ...\n"
      "C: f STATUS Shared/anna/INBOX (MESSAGES)\n"
      "S: f NO [NONEXISTENT] ...\n"
      "C: g SELECT Shared/nobody/INBOX\n"
      "S: g NO [NONEXISTENT] ...\n"
      "C: h CREATE Shared\n"
      "S: h NO [CANNOT] ...\n");
  // Those of the owner stay where they are.
  anna.talk(
      "C: z LIST \"\" Shared*\n"
      "S: z OK ...\n");
}

TEST_CASE("acl: each command needs its right") {
  House house;
  house.rig.deliver(std::string(kMail));
  house.rig.deliver(std::string(kMail));
  Client anna = house.anna();
  Client bert(house.rig, house.bert, "bert@example.org");
  anna.talk("C: a SETACL INBOX bert@example.org l\nS: a OK ...\n");
  bert.talk(
      "C: a SELECT Shared/anna/INBOX\nS: a NO [NOPERM] ...\n"
      "C: b APPEND Shared/anna/INBOX {3}\nS: + ...\nC: abc\nS: b NO [NOPERM] ...\n"
      "C: c DELETE Shared/anna/INBOX\nS: c NO [NOPERM] ...\n"
      "C: d CREATE Shared/anna/INBOX/x\nS: d NO [NOPERM] ...\n"
      "C: e GETACL Shared/anna/INBOX\nS: e NO [NOPERM] ...\n"
      "C: f RENAME Shared/anna/INBOX Shared/anna/y\nS: f NO [NOPERM] ...\n"
      "C: g GETQUOTAROOT Shared/anna/INBOX\nS: g NO [NOPERM] ...\n"
      "C: h SUBSCRIBE Shared/anna/INBOX\nS: h OK ...\n");
  anna.talk("C: b SETACL INBOX bert@example.org lr\nS: b OK ...\n");
  bert.talk(
      "C: i SELECT Shared/anna/INBOX\n"
      "S* * OK [PERMANENTFLAGS ()] ...\n"
      "S* i OK [READ-ONLY] ...\n"
      "C: j STORE 1 +FLAGS (\\Seen)\nS: j NO [READ-ONLY] ...\n"
      "C: k FETCH 1 BODY[TEXT]\nS: * 1 FETCH (BODY[TEXT] {6}\nS: body\nS: )\nS: k OK ...\n"
      "C: l COPY 1 INBOX\nS: l OK ...\n"
      "C: m MOVE 1 INBOX\nS: m NO [READ-ONLY] ...\n");
  anna.talk("C: c SETACL INBOX bert@example.org lrsw\nS: c OK ...\n");
  bert.talk(
      "C: n SELECT Shared/anna/INBOX\n"
      "S* * OK [PERMANENTFLAGS (\\Answered \\Flagged \\Seen \\Draft \\*)] ...\n"
      "S* n OK [READ-WRITE] ...\n"
      "C: o STORE 1 +FLAGS (\\Deleted)\nS: o NO [NOPERM] ...\n"
      "C: p STORE 1 +FLAGS (\\Deleted \\Flagged)\nS: * 1 FETCH (FLAGS (\\Flagged...))\nS: p OK ...\n"
      "C: q EXPUNGE\nS: q NO [NOPERM] ...\n"
      "C: r MOVE 1 INBOX\nS: r NO [NOPERM] ...\n"
      "C: s COPY 1 Shared/anna/INBOX\nS: s NO [NOPERM] ...\n");
  anna.talk("C: d SETACL INBOX bert@example.org lrte\nS: d OK ...\n");
  bert.talk(
      "C: t STORE 1 FLAGS (\\Deleted \\Answered)\n"
      "S: * 1 FETCH (FLAGS (\\Flagged \\Deleted...))\n"
      "S: t OK ...\n"
      "C: u EXPUNGE\nS: * 1 EXPUNGE\nS: u OK ...\n"
      "C: v MOVE 1 INBOX\nS: * OK [COPYUID ...\nS: * 1 EXPUNGE\nS: v OK ...\n");
  // The right to read goes, and with it the session that had it open.
  anna.talk("C: e SETACL INBOX bert@example.org l\nS: e OK ...\n");
  bert.talk("C: w NOOP\nS: * BYE [NOPERM] ...\n");
}

TEST_CASE("acl: what is inserted carries the flags that may be set") {
  House house;
  Client anna = house.anna();
  Client bert(house.rig, house.bert, "bert@example.org");
  anna.talk("C: a SETACL INBOX bert@example.org lris\nS: a OK ...\n");
  bert.talk(
      "C: a APPEND Shared/anna/INBOX (\\Seen \\Flagged $Work) {3}\n"
      "S: + ...\nC: abc\nS: a OK [APPENDUID ...\n"
      "C: b SELECT Shared/anna/INBOX\nS* b OK [READ-WRITE] ...\n"
      "C: c FETCH 1 FLAGS\nS: * 1 FETCH (FLAGS (\\Seen...))\nS: c OK ...\n");
  anna.talk(
      "C: b SELECT INBOX\nS* b OK ...\n"
      "C: c FETCH 1 FLAGS\nS: * 1 FETCH (FLAGS (...))\nS: c OK ...\n"
      "C: d SEARCH OR SEEN FLAGGED\nS: * SEARCH\nS: d OK ...\n");
}

TEST_CASE("acl: everybody reads for themselves") {
  House house;
  house.people.grants = {{house.bert, house.rig.mailbox}};
  house.rig.deliver(std::string(kMail));
  house.rig.deliver(std::string(kMail));
  Client anna = house.anna();
  Client bert(house.rig, house.bert, "bert@example.org");
  anna.talk("C: a SELECT INBOX\nS* a OK [READ-WRITE] ...\n");
  bert.talk(
      "C: a SELECT Shared/anna/INBOX\n"
      "S* a OK [READ-WRITE] ...\n"
      "C: b FETCH 1 BODY[TEXT]\n"
      "S: * 1 FETCH (BODY[TEXT] {6}\nS: body\nS: )\n"
      "S: * 1 FETCH (UID 1 FLAGS (\\Seen...))\n"
      "S: b OK ...\n"
      "C: c SEARCH UNSEEN\nS: * SEARCH 2\nS: c OK ...\n"
      "C: d STATUS Shared/anna/INBOX (UNSEEN)\n"
      "S: * STATUS \"Shared/anna/INBOX\" (UNSEEN 1)\n"
      "S: d OK ...\n"
      "C: e STORE 1 +FLAGS (\\Answered)\nS: * 1 FETCH (FLAGS (\\Answered \\Seen...))\nS: e OK ...\n");
  // The owner hears of the flag that is everybody's, and not of who has read what.
  anna.talk(
      "C: b NOOP\n"
      "S: * 1 FETCH (UID 1 FLAGS (\\Answered...))\n"
      "S: b OK ...\n"
      "C: c SEARCH SEEN\nS: * SEARCH\nS: c OK ...\n"
      "C: d STATUS INBOX (UNSEEN)\nS: * STATUS \"INBOX\" (UNSEEN 2)\nS: d OK ...\n"
      "C: e STORE 2 +FLAGS (\\Seen)\nS: * 2 FETCH (FLAGS (\\Seen...))\nS: e OK ...\n");
  bert.talk(
      "C: f UID FETCH 1:* (FLAGS)\n"
      "S* * 2 FETCH (UID 2 FLAGS ())\n"
      "S* f OK ...\n");
}

TEST_CASE("acl: full access is all rights, also to a mailbox that nobody has opened yet") {
  House house;
  house.people.grants = {{house.bert, house.info}, {house.bert, house.far}};
  Client bert(house.rig, house.bert, "bert@example.org");
  bert.talk(
      "C: a LIST \"\" Shared/%\n"
      "S: * LIST (\\HasChildren \\Noselect) \"/\" \"Shared/info\"\n"
      "S: * LIST (\\HasChildren \\Noselect) \"/\" \"Shared/sales@example.net\"\n"
      "S: a OK ...\n"
      "C: b MYRIGHTS Shared/info/INBOX\n"
      "S: * MYRIGHTS \"Shared/info/INBOX\" lrswipkxtecda\n"
      "S: b OK ...\n"
      "C: c CREATE Shared/info/Cases/42\nS: c OK ...\n"
      "C: d RENAME Shared/info/Cases/42 Shared/info/Done\nS: d OK ...\n"
      "C: e RENAME Shared/info/Done Done\nS: e NO [CANNOT] ...\n"
      "C: f DELETE Shared/info/Done\nS: f OK ...\n"
      "C: g LSUB \"\" Shared/info/I*\nS: * LSUB () \"/\" \"Shared/info/INBOX\"\nS: g OK ...\n"
      "C: h UNSUBSCRIBE Shared/info/INBOX\nS: h NO [CANNOT] ...\n");
  house.people.grants.clear();
  bert.talk("C: i SELECT Shared/info/INBOX\nS: i NO [NONEXISTENT] ...\n");
}

TEST_CASE("acl: who opens another's mailbox works in it as in their own") {
  House house;
  house.people.grants = {{house.bert, house.rig.mailbox}};
  house.rig.deliver(std::string(kMail));
  Client bert(house.rig, house.bert, "bert@example.org", house.rig.mailbox);
  bert.talk(
      "C: a NAMESPACE\nS: * NAMESPACE ((\"\" \"/\")) NIL NIL\nS: a OK ...\n"
      "C: b SELECT INBOX\nS* b OK [READ-WRITE] ...\n"
      "C: c STORE 1 +FLAGS (\\Seen)\nS: * 1 FETCH (FLAGS (\\Seen...))\nS: c OK ...\n"
      "C: d CREATE Mine\nS: d OK ...\n"
      "C: e MYRIGHTS Mine\nS: * MYRIGHTS \"Mine\" lrswipkxtecda\nS: e OK ...\n");
  Client anna = house.anna();
  anna.talk("C: a STATUS INBOX (UNSEEN)\nS: * STATUS \"INBOX\" (UNSEEN 1)\nS: a OK ...\n");
  house.people.grants.clear();
  bert.talk("C: f NOOP\nS: * BYE [NOPERM] ...\n");
}

TEST_CASE("acl: the quota is the owner's") {
  House house;
  house.people.grants = {{house.bert, house.info}};
  house.rig.services->rules = [&](const Guid& mailbox) {
    return MailboxRules{.storage_bytes_max = mailbox == house.info ? 2048U : store::kUnlimited};
  };
  Client bert(house.rig, house.bert, "bert@example.org");
  bert.talk(
      "C: a GETQUOTAROOT Shared/info/INBOX\n"
      "S: * QUOTAROOT \"Shared/info/INBOX\" \"Shared/info\"\n"
      "S: * QUOTA \"Shared/info\" (STORAGE 0 2)\n"
      "S: a OK ...\n"
      "C: b GETQUOTA Shared/info\nS: * QUOTA \"Shared/info\" (STORAGE 0 2)\nS: b OK ...\n"
      "C: d GETQUOTA Shared/info/INBOX\nS: d NO [NONEXISTENT] ...\n"
      "C: c GETQUOTAROOT INBOX\nS: * QUOTAROOT \"INBOX\"\nS: c OK ...\n");
}

TEST_CASE("acl: watchers of a shared folder hear of new mail") {
  House house;
  house.people.grants = {{house.bert, house.rig.mailbox}};
  Client bert(house.rig, house.bert, "bert@example.org");
  bert.talk(
      "C: a SELECT Shared/anna/INBOX\nS* a OK [READ-WRITE] ...\n"
      "C: b IDLE\nS: + ...\n");
  house.rig.deliver(std::string(kMail));
  bert.talk("S: * 1 EXISTS\nS* * 1 RECENT\nC: DONE\nS* b OK ...\n");
}

TEST_CASE("acl: what may not be looked up answers as what is not there") {
  House house;
  Client anna = house.anna();
  Client bert(house.rig, house.bert, "bert@example.org");
  anna.talk(
      "C: a SETACL INBOX bert@example.org lr\nS: a OK ...\n"
      "C: b SETACL Sent bert@example.org r\nS: b OK ...\n");
  house.rig.deliver(std::string(kMail), "Sent");
  bert.talk(
      "C: z SELECT Shared/anna/Sent\nS* z OK ...\n"
      "C: y ESEARCH ALL\n"
      "S: * ESEARCH (TAG \"y\" MAILBOX \"Shared/anna/Sent\" UIDVALIDITY ...) UID ALL 1\n"
      "S: y OK ...\n"
      "C: x UNSELECT\nS: x OK ...\n"
      "C: a APPEND Shared/anna/Sent {3}\nS: + ...\nC: abc\nS: a NO [TRYCREATE] ...\n"
      "C: b APPEND Shared/anna/None {3}\nS: + ...\nC: abc\nS: b NO [TRYCREATE] ...\n"
      "C: c CREATE Shared/anna/Sent/x\nS: c NO [NOPERM] ...\n"
      "C: d CREATE Shared/anna/None/x\nS: d NO [NOPERM] ...\n"
      "C: e UNSUBSCRIBE Shared/anna/Sent\nS: e OK ...\n"
      "C: f UNSUBSCRIBE Shared/anna/None\nS: f OK ...\n"
      "C: g UNSUBSCRIBE Shared/anna/INBOX\nS: g NO [CANNOT] ...\n");
}

TEST_CASE("acl: a session whose full access was taken away sees nothing more") {
  House house;
  house.people.grants = {{house.bert, house.rig.mailbox}};
  Client bert(house.rig, house.bert, "bert@example.org", house.rig.mailbox);
  bert.talk("C: a LIST \"\" INBOX\nS: * LIST (...) \"/\" \"INBOX\"\nS: a OK ...\n");
  house.people.grants.clear();
  bert.talk(
      "C: b LIST \"\" *\nS: b OK ...\n"
      "C: c LSUB \"\" *\nS: c OK ...\n"
      "C: d NOTIFY SET STATUS (personal (MessageNew MessageExpunge MailboxName))\nS: d OK ...\n"
      "C: e CREATE x\nS: e NO [NOPERM] ...\n");
}

TEST_CASE("acl: a mailbox that nobody may read over IMAP is not there, whatever was granted") {
  House house;
  house.people.grants = {{house.bert, house.info}};
  house.rig.deliver(std::string(kMail));
  Client anna = house.anna();
  anna.talk("C: a SETACL INBOX bert@example.org lrs\nS: a OK ...\n");
  Client bert(house.rig, house.bert, "bert@example.org");
  bert.talk(
      "C: a SELECT Shared/anna/INBOX\nS* a OK ...\n"
      "C: b STATUS Shared/info/INBOX (MESSAGES)\nS: * STATUS ...\nS: b OK ...\n");
  house.people.closed = {house.info};
  bert.talk(
      "C: c STATUS Shared/info/INBOX (MESSAGES)\nS: c NO [NONEXISTENT] ...\n"
      "C: d LIST \"\" Shared/%\n"
      "S: * LIST (\\HasChildren \\Noselect) \"/\" \"Shared/anna\"\nS: d OK ...\n"
      "C: e NOOP\nS: e OK ...\n");
  house.people.closed = {house.rig.mailbox};
  bert.talk("C: f NOOP\nS: * BYE [NOPERM] ...\n");
  anna.talk("C: b SELECT INBOX\nS* b OK ...\n");
}
