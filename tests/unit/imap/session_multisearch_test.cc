// MULTISEARCH (RFC 7377).
#include <catch2/catch.hpp>

#include "tests/unit/imap/session_rig.h"

namespace hauspost::imap::test {
namespace {

// folder1 has UIDs 1 to 3, of which 2 is seen; folder2 is empty; folder2/banana has one; folder2/
// banana/split has two; INBOX has one.
void fill_folders(Rig& rig, Client& c) {
  for (const char* name : {"folder1", "folder2", "folder2/banana", "folder2/banana/split"})
    c.ask(std::string("CREATE ") + name);
  for (int i = 0; i < 3; ++i) rig.deliver("Subject: chocolate\r\n\r\nx\r\n", "folder1");
  rig.deliver("Subject: chocolate\r\n\r\nx\r\n", "folder2/banana");
  rig.deliver("Subject: chocolate\r\n\r\nx\r\n", "folder2/banana/split");
  rig.deliver("Subject: vanilla\r\n\r\nx\r\n", "folder2/banana/split");
  rig.deliver("Subject: vanilla\r\n\r\nx\r\n", "INBOX");
  c.ask("SELECT folder1");
  c.ask("STORE 2 +FLAGS (\\Seen)");
  c.ask("UNSELECT");
}

}  // namespace

TEST_CASE("imap multisearch: every mailbox answers for itself", "[multisearch]") {
  Rig rig;
  Client c(rig);
  fill_folders(rig, c);
  c.talk(R"(
    C: tag1 ESEARCH IN (mailboxes "folder1" subtree "folder2") unseen
    S: * ESEARCH (TAG "tag1" MAILBOX "folder1" UIDVALIDITY ...) UID ALL 1,3
    S: * ESEARCH (TAG "tag1" MAILBOX "folder2/banana" UIDVALIDITY ...) UID ALL 1
    S: * ESEARCH (TAG "tag1" MAILBOX "folder2/banana/split" UIDVALIDITY ...) UID ALL 1:2
    S: tag1 OK ESEARCH completed
    C: tag2 ESEARCH IN (mailboxes "folder1" subtree-one "folder2") subject "chocolate"
    S: * ESEARCH (TAG "tag2" MAILBOX "folder1" UIDVALIDITY ...) UID ALL 1:3
    S: * ESEARCH (TAG "tag2" MAILBOX "folder2/banana" UIDVALIDITY ...) UID ALL 1
    S: tag2 OK ESEARCH completed
    C: tag3 ESEARCH IN (personal) RETURN (MIN MAX COUNT) CHARSET UTF-8 SUBJECT vanilla
    S: * ESEARCH (TAG "tag3" MAILBOX "INBOX" UIDVALIDITY ...) UID MIN 1 MAX 1 COUNT 1
    S: * ESEARCH (TAG "tag3" MAILBOX "folder2/banana/split" UIDVALIDITY ...) UID MIN 2 MAX 2 COUNT 1
    S: tag3 OK ESEARCH completed
    -- Named twice, searched once; not there, not searched.
    C: tag4 ESEARCH IN (mailboxes (folder1 folder1 nowhere) inboxes) RETURN (COUNT) SEEN
    S: * ESEARCH (TAG "tag4" MAILBOX "folder1" UIDVALIDITY ...) UID COUNT 1
    S: tag4 OK ESEARCH completed
    C: tag5 ESEARCH IN (personal) DELETED
    S: tag5 OK ESEARCH completed)");
}

TEST_CASE("imap multisearch: the selected mailbox", "[multisearch]") {
  Rig rig;
  Client c(rig);
  fill_folders(rig, c);
  c.talk(R"(
    C: a ESEARCH ALL
    S: a BAD No mailbox selected
    C: b ESEARCH IN (selected) ALL
    S: b BAD No mailbox selected
    C: c SELECT folder1
    S* c OK ...
    C: d ESEARCH RETURN (ALL) 2:3 UNSEEN
    S: * ESEARCH (TAG "d" MAILBOX "folder1" UIDVALIDITY ...) UID ALL 3
    S: d OK ...
    C: e ESEARCH IN (selected) RETURN (SAVE) SEEN
    S: e OK ...
    C: f UID FETCH $ (UID)
    S: * 2 FETCH (UID 2)
    S: f OK ...
    C: g ESEARCH IN (selected mailboxes INBOX) SUBJECT vanilla
    S: * ESEARCH (TAG "g" MAILBOX "INBOX" UIDVALIDITY ...) UID ALL 1
    S: g OK ...
    C: h ESEARCH IN (selected mailboxes INBOX) 1:2
    S: h BAD ...
    C: i ESEARCH IN (mailboxes INBOX) UID $
    S: i BAD ...
    C: j ESEARCH IN (mailboxes INBOX) RETURN (SAVE) ALL
    S: j BAD ...
    C: k ESEARCH IN (selected-delayed) ALL
    S: k BAD ...
    C: l ESEARCH IN () ALL
    S: l BAD ...
    C: m ESEARCH IN (nonsense) ALL
    S: m BAD ...)");
}

TEST_CASE("imap multisearch: subscribed mailboxes, mod-sequences and parts", "[multisearch]") {
  Rig rig;
  Client c(rig);
  fill_folders(rig, c);
  c.talk(R"(
    C: a SUBSCRIBE folder1
    S: a OK ...
    C: b ESEARCH IN (subscribed) SUBJECT chocolate
    S: * ESEARCH (TAG "b" MAILBOX "folder1" UIDVALIDITY ...) UID ALL 1:3
    S: b OK ...
    C: c ESEARCH IN (subscribed) RETURN (PARTIAL -1:-2) SUBJECT chocolate
    S: * ESEARCH (TAG "c" MAILBOX "folder1" UIDVALIDITY ...) UID PARTIAL (-1:-2 2:3)
    S: c OK ...
    C: d ESEARCH IN (subtree folder2) MODSEQ 1
    S: * ESEARCH (TAG "d" MAILBOX "folder2/banana" UIDVALIDITY ...) UID ALL 1 MODSEQ ...
    S: * ESEARCH (TAG "d" MAILBOX "folder2/banana/split" UIDVALIDITY ...) UID ALL 1:2 MODSEQ ...
    S: d OK ...)");
}

}  // namespace hauspost::imap::test
