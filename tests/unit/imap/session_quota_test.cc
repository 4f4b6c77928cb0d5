// QUOTA (RFC 9208), APPENDLIMIT (RFC 7889) and accounts that go.
#include <catch2/catch.hpp>

#include "tests/unit/imap/session_rig.h"

namespace hauspost::imap::test {

namespace {

// Rules that a test changes while a client is there.
std::shared_ptr<MailboxRules> set_rules(Rig& rig) {
  auto rules = std::make_shared<MailboxRules>();
  rig.services.emplace(Services{
      .database = *rig.database,
      .clock = rig.clock,
      .limits = rig.limits,
      .rules = [rules](const Guid&) { return *rules; },
  });
  return rules;
}

}  // namespace

TEST_CASE("imap quota: no quota, no root", "[quota]") {
  Rig rig;
  Client c(rig);
  c.talk(R"(
    C: 1 GETQUOTAROOT inbox
    S: * QUOTAROOT "INBOX"
    S: 1 OK GETQUOTAROOT completed
    C: 2 GETQUOTA ""
    S: 2 NO [NONEXISTENT] No such quota root
    C: 3 GETQUOTAROOT nowhere
    S: 3 NO [NONEXISTENT] No such mailbox
    C: 4 GETQUOTA
    S: 4 BAD ...)");
}

TEST_CASE("imap quota: usage and limit in units of 1024 octets", "[quota]") {
  Rig rig;
  const auto rules = set_rules(rig);
  rules->storage_bytes_max = 5000;
  rig.deliver(std::string(1025, 'x'));
  Client c(rig);
  c.talk(R"(
    C: 1 GETQUOTAROOT INBOX
    S: * QUOTAROOT "INBOX" ""
    S: * QUOTA "" (STORAGE 2 4)
    S: 1 OK GETQUOTAROOT completed
    C: 2 GETQUOTA ""
    S: * QUOTA "" (STORAGE 2 4)
    S: 2 OK GETQUOTA completed
    C: 3 GETQUOTA other
    S: 3 NO [NONEXISTENT] No such quota root
    C: 4 SETQUOTA "" (STORAGE 512)
    S: 4 NO [NOPERM] Quotas are the administrator's to set
    C: 5 SETQUOTA "" (STORAGE)
    S: 5 BAD ...)");
  rules->storage_bytes_max = 10'240;
  c.talk(R"(
    C: 6 GETQUOTA ""
    S: * QUOTA "" (STORAGE 2 10)
    S: 6 OK GETQUOTA completed)");
}

TEST_CASE("imap status: what an expunge would free", "[quota]") {
  Rig rig;
  rig.deliver(std::string(100, 'x'));
  rig.deliver(std::string(50, 'x'));
  Client c(rig);
  c.talk(R"(
    C: 1 STATUS INBOX (DELETED-STORAGE)
    S: * STATUS "INBOX" (DELETED-STORAGE 0)
    S: 1 OK STATUS completed
    C: 2 SELECT INBOX
    S* 2 OK ...
    C: 3 STORE 2 +FLAGS.SILENT (\Deleted)
    S: 3 OK STORE completed
    C: 4 STATUS INBOX (DELETED DELETED-STORAGE)
    S: * STATUS "INBOX" (DELETED 1 DELETED-STORAGE 50)
    S: 4 OK STATUS completed)");
}

TEST_CASE("imap append: a limit of one's own, from the next command on", "[quota]") {
  Rig rig;
  const auto rules = set_rules(rig);
  rules->message_bytes_max = 10;
  Client c(rig);
  c.talk(R"(
    C: 1 STATUS INBOX (APPENDLIMIT)
    S: * STATUS "INBOX" (APPENDLIMIT 10)
    S: 1 OK STATUS completed
    C: 2 APPEND INBOX {11}
    S: 2 NO [TOOBIG] ...)");
  rules->message_bytes_max = 11;
  c.talk(R"(
    C: 3 APPEND INBOX {11}
    S: + OK
    C: Subject: xx
    S: 3 OK ...)");
}

TEST_CASE("imap session: ends when its account is taken away", "[quota]") {
  Rig rig;
  const auto rules = set_rules(rig);
  Client c(rig);
  c.talk(R"(
    C: 1 NOOP
    S: 1 OK NOOP completed)");
  rules->gone = true;
  c.talk(R"(
    C: 2 NOOP
    S: * BYE [UNAVAILABLE] The account was taken away)");
  CHECK(c.end() == SessionEnd::kInOrder);
}

}  // namespace hauspost::imap::test
