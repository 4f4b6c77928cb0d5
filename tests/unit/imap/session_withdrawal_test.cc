// Extensions that an administrator switched off, and those withdrawn from devices that break them.
#include <catch2/catch.hpp>

#include "tests/unit/imap/session_rig.h"

namespace hauspost::imap::test {
namespace {

// A rig whose sessions obey `rules` and remember who broke what.
struct Withholding {
  Withholding() {
    rig.services.emplace(Services{.database = *rig.database,
                                  .clock = rig.clock,
                                  .limits = rig.limits,
                                  .rules = [this](const Guid&) { return rules; },
                                  .withdrawals = &withdrawals});
  }
  std::int64_t now_s() const {
    return std::chrono::duration_cast<std::chrono::seconds>(rig.clock.wall.time_since_epoch())
        .count();
  }

  Withdrawals withdrawals;
  MailboxRules rules;
  Rig rig;
};

bool offers(Client& client, std::string_view name) {
  const std::string all = client.ask("CAPABILITY");
  return all.find(' ' + std::string(name) + ' ') != std::string::npos;
}

}  // namespace

TEST_CASE("imap off-switch: what is off is neither announced nor understood", "[withdrawal]") {
  Withholding w;
  w.rig.fill(2);
  w.rules.without = {Extension::kMove, Extension::kCondstore, Extension::kCompress,
                     Extension::kUidPlus, Extension::kChildren};
  Client c(w.rig);
  CHECK(offers(c, "UNSELECT"));
  for (const std::string_view name :
       {"MOVE", "CONDSTORE", "QRESYNC", "COMPRESS=DEFLATE", "UIDPLUS", "CHILDREN", "IMAP4rev2"})
    CHECK_FALSE(offers(c, name));
  c.talk(R"(
    C: 1 ENABLE QRESYNC IMAP4rev2 UTF8=ACCEPT
    S: * ENABLED UTF8=ACCEPT
    S: 1 OK ENABLE completed
    C: 2 SELECT INBOX (CONDSTORE)
    S: 2 BAD ...
    C: 3 SELECT INBOX
    S: * FLAGS ...
    S: * OK [PERMANENTFLAGS ...
    S: * 2 EXISTS
    S: * 2 RECENT
    S: * OK [UNSEEN 1] ...
    S: * OK [UIDVALIDITY ...
    S: * OK [UIDNEXT 3] ...
    S: * OK [MAILBOXID ...
    S: 3 OK [READ-WRITE] SELECT completed
    C: 4 MOVE 1 Trash
    S: 4 BAD unknown command
    C: 5 UID MOVE 1 "&nonsense"
    S: 5 BAD unknown command
    C: 6 COMPRESS DEFLATE
    S: 6 BAD unknown command
    C: 7 UID EXPUNGE 1
    S: 7 BAD unknown command
    C: 8 FETCH 1 (FLAGS MODSEQ)
    S: 8 BAD ...
    C: 9 COPY 1 Trash
    S: 9 OK COPY completed
    C: 10 STATUS INBOX (HIGHESTMODSEQ)
    S: 10 BAD ...
    C: 11 LIST "" Trash
    S: * LIST (\Trash) "/" "Trash"
    S: 11 OK LIST completed
    C: 12 EXPUNGE
    S: 12 OK EXPUNGE completed)");
}

TEST_CASE("imap off-switch: it holds from the next session on", "[withdrawal]") {
  Withholding w;
  Client c(w.rig);
  w.rules.without = {Extension::kIdle};
  CHECK(offers(c, "IDLE"));
  Client next(w.rig);
  CHECK_FALSE(offers(next, "IDLE"));
  CHECK(next.ask("IDLE").find("BAD unknown command") != std::string::npos);
}

TEST_CASE("imap off-switch: LITERAL- where LITERAL+ is off, and then nothing", "[withdrawal]") {
  Withholding w;
  w.rules.without = {Extension::kLiteralPlus};
  Client c(w.rig);
  CHECK(offers(c, "LITERAL-"));
  CHECK(offers(c, "IMAP4rev2"));
  c.send("1 STATUS {5+}\r\nINBOX (MESSAGES)\r\n");
  c.talk(R"(
    S: * STATUS "INBOX" (MESSAGES 0)
    S: 1 OK STATUS completed)");
  c.send("2 APPEND INBOX {4097+}\r\n" + std::string(4097, 'x') + "\r\n3 NOOP\r\n");
  c.talk(R"(
    S: 2 NO [TOOBIG] ...
    S: 3 OK NOOP completed)");
  w.rules.without.add(Extension::kLiteralMinus);
  Client none(w.rig);
  CHECK_FALSE(offers(none, "LITERAL-"));
  none.send("1 STATUS {5+}\r\nINBOX (MESSAGES)\r\n2 STATUS {5}\r\n");
  none.talk(R"(
    S: 1 BAD [TOOBIG] ...
    S: + OK
    C: INBOX (MESSAGES)
    S: * STATUS "INBOX" (MESSAGES 0)
    S: 2 OK STATUS completed)");
}

TEST_CASE("imap withdrawal: numbers after UIDONLY, twice", "[withdrawal]") {
  Withholding w;
  w.rig.fill(1);
  constexpr std::string_view kSession = R"(
    C: 1 ID ("name" "Broken Mail" "version" "1.0")
    S* 1 OK ...
    C: 2 ENABLE UIDONLY
    S: * ENABLED UIDONLY
    S: 2 OK ENABLE completed
    C: 3 SELECT INBOX
    S* 3 OK ...
    C: 4 FETCH 1 FLAGS
    S: 4 BAD [UIDREQUIRED] ...)";
  {
    Client c(w.rig);
    c.talk(kSession);
    CHECK(w.withdrawals.list(w.now_s()).empty());
  }
  {
    Client c(w.rig);
    c.talk(kSession);
  }
  const auto list = w.withdrawals.list(w.now_s());
  REQUIRE(list.size() == 1);
  CHECK(list[0].extension == Extension::kUidOnly);
  CHECK(list[0].device.id == "Broken Mail 1.0");
  CHECK(list[0].device.user == "anna@example.org");
  CHECK(list[0].until_s == w.now_s() + 24 * 3600);
  Client c(w.rig);
  CHECK(offers(c, "UIDONLY"));  // nobody knows yet who this is
  c.talk(R"(
    C: 1 ID ("name" "Broken Mail" "version" "1.0")
    S* 1 OK ...
    C: 2 ENABLE UIDONLY CONDSTORE
    S: * ENABLED CONDSTORE
    S: 2 OK ENABLE completed)");
  CHECK_FALSE(offers(c, "UIDONLY"));
  // Another program of the same user is not concerned.
  c.ask("ID (\"name\" \"Good Mail\" \"version\" \"1.0\")");
  CHECK(offers(c, "UIDONLY"));
  // A day later it may try again.
  w.rig.clock.wall += std::chrono::hours(25);
  c.ask("ID (\"name\" \"Broken Mail\" \"version\" \"1.0\")");
  CHECK(offers(c, "UIDONLY"));
}

TEST_CASE("imap withdrawal: garbage where deflate data should be", "[withdrawal]") {
  Withholding w;
  {
    Client c(w.rig);
    c.ask("ID (\"name\" \"Plain\")");
    c.talk(R"(
      C: 1 COMPRESS DEFLATE
      S: 1 OK DEFLATE active)");
    c.send("2 NOOP\r\nthis is not deflated at all\r\n");
    CHECK(c.end() == SessionEnd::kBroken);
  }
  Client c(w.rig);
  CHECK(offers(c, "COMPRESS=DEFLATE"));
  c.ask("ID (\"name\" \"Plain\")");
  CHECK_FALSE(offers(c, "COMPRESS=DEFLATE"));
  CHECK(c.ask("COMPRESS DEFLATE").find("BAD unknown command") != std::string::npos);
  REQUIRE(w.withdrawals.lift(w.rig.mailbox, std::nullopt, w.now_s()).size() == 1);
  c.ask("ID (\"name\" \"Plain\")");
  CHECK(offers(c, "COMPRESS=DEFLATE"));
}

TEST_CASE("imap withdrawal: QRESYNC used wrongly, whoever does not say his name", "[withdrawal]") {
  Withholding w;
  {
    Client c(w.rig);
    c.talk(R"(
      C: 1 SELECT INBOX (QRESYNC (1 2 3:*))
      S: 1 BAD ...
      C: 2 SELECT INBOX (QRESYNC (1 2))
      S: 2 BAD QRESYNC is not enabled)");
  }
  Client c(w.rig);
  CHECK_FALSE(offers(c, "QRESYNC"));
  CHECK(offers(c, "CONDSTORE"));
  CHECK(w.withdrawals.list(w.now_s()).at(0).cause == "used QRESYNC without enabling it");
}

TEST_CASE("imap withdrawal: Outlook is never offered UIDONLY", "[withdrawal]") {
  Withholding w;
  Client c(w.rig);
  CHECK(offers(c, "UIDONLY"));
  c.ask("ID (\"name\" \"Microsoft Outlook\" \"version\" \"16.0\")");
  CHECK_FALSE(offers(c, "UIDONLY"));
  CHECK(c.ask("ENABLE UIDONLY").starts_with("* ENABLED\r\n"));
}

TEST_CASE("imap withdrawal: the list is bounded, told of and lifted by extension", "[withdrawal]") {
  Withdrawals withdrawals;
  int changes = 0;
  withdrawals.set_on_change([&] { ++changes; });
  const Guid one = Guid::random();
  const Device device{one, "anna@example.org", "X 1", "192.0.2.1"};
  const Device other{Guid::random(), "bob@example.org", "", "192.0.2.2"};
  CHECK_FALSE(withdrawals.note_fault(device, Extension::kQresync, "first", 1000));
  // A fault of long ago does not count.
  CHECK_FALSE(withdrawals.note_fault(device, Extension::kQresync, "second", 1001 + 24 * 3600));
  CHECK(withdrawals.note_fault(device, Extension::kQresync, "third", 90'000));
  CHECK_FALSE(withdrawals.note_fault(device, Extension::kQresync, "fourth", 90'001));
  CHECK(withdrawals.note_fault(other, Extension::kCompress, "x", 90'002));
  CHECK(changes == 2);
  CHECK(withdrawals.of(device, 90'001) == Extensions{Extension::kQresync});
  CHECK(withdrawals.of({one, "", "X 2", "192.0.2.1"}, 90'001).empty());
  CHECK(withdrawals.of({other.mailbox, "", "", "192.0.2.2"}, 90'003) ==
        Extensions{Extension::kCompress});
  CHECK(withdrawals.of({other.mailbox, "", "", "192.0.2.3"}, 90'003).empty());
  REQUIRE(withdrawals.list(90'003).size() == 2);
  CHECK(withdrawals.list(90'003)[0].device.user == "bob@example.org");
  CHECK(withdrawals.lift(std::nullopt, Extension::kUidOnly, 90'003).empty());
  CHECK(withdrawals.lift(std::nullopt, Extension::kQresync, 90'003).size() == 1);
  CHECK(withdrawals.list(90'003).size() == 1);
  CHECK(changes == 3);
  Withdrawals restored;
  restored.restore(withdrawals.list(90'003)[0]);
  CHECK(restored.of(other, 90'003) == Extensions{Extension::kCompress});
  CHECK(restored.list(90'002 + 24 * 3600).empty());
  for (std::size_t i = 0; i < Withdrawals::kEntriesMax + 10; ++i)
    restored.note_fault({Guid::random(), "", "", ""}, Extension::kCompress, "x", 90'004);
  CHECK(restored.list(90'005).size() == Withdrawals::kEntriesMax);
}

}  // namespace hauspost::imap::test
