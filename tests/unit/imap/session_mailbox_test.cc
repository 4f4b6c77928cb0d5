#include <catch2/catch.hpp>

#include "tests/unit/imap/session_rig.h"

namespace hauspost::imap::test {

TEST_CASE("imap list: default folders with their uses") {
  Rig rig;
  Client c(rig);
  c.talk(R"(
    C: 1 LIST "" ""
    S: * LIST (\Noselect) "/" ""
    S: 1 OK LIST completed
    C: 2 LIST "" "*"
    S: * LIST (\HasNoChildren) "/" "INBOX"
    S: * LIST (\HasNoChildren \Archive) "/" "Archive"
    S: * LIST (\HasNoChildren \Drafts) "/" "Drafts"
    S: * LIST (\HasNoChildren \Junk) "/" "Junk"
    S: * LIST (\HasNoChildren \Sent) "/" "Sent"
    S: * LIST (\HasNoChildren \Trash) "/" "Trash"
    S: 2 OK LIST completed
    C: 3 LIST "" "inbox"
    S: * LIST (\HasNoChildren) "/" "INBOX"
    S: 3 OK LIST completed
    C: 4 LIST "" "a&b*"
    S: 4 OK LIST completed)");
}

TEST_CASE("imap list: the account start of a desktop client") {
  Rig rig;
  Client c(rig);
  c.talk(R"(
    C: 1 list (subscribed) "" "*" return (special-use)
    S: * LIST (\HasNoChildren \Subscribed) "/" "INBOX"
    S: * LIST (\HasNoChildren \Archive \Subscribed) "/" "Archive"
    S* 1 OK LIST completed
    C: 2 unsubscribe Archive
    S: 2 OK UNSUBSCRIBE completed
    C: 3 list (subscribed) "" "A*" return (special-use)
    S: 3 OK LIST completed
    C: 4 list (special-use) "" "A*" return (subscribed)
    S: * LIST (\HasNoChildren \Archive) "/" "Archive"
    S: 4 OK LIST completed)");
}

TEST_CASE("imap list: extended forms") {
  Rig rig;
  Client c(rig);
  c.talk(R"(
    C: 1 CREATE a/b/c
    S: 1 OK [MAILBOXID (...)] CREATE completed
    C: 2 SUBSCRIBE a/b/c
    S: 2 OK SUBSCRIBE completed
    C: 3 LIST "" ("a" "a/%") RETURN (CHILDREN)
    S: * LIST (\HasChildren) "/" "a"
    S: * LIST (\HasChildren) "/" "a/b"
    S: 3 OK LIST completed
    C: 4 LIST (SUBSCRIBED RECURSIVEMATCH) "" "a*"
    S: * LIST (\HasChildren...) "/" "a" ("CHILDINFO" ("SUBSCRIBED"))
    S: * LIST (\HasChildren...) "/" "a/b" ("CHILDINFO" ("SUBSCRIBED"))
    S: * LIST (\HasNoChildren \Subscribed) "/" "a/b/c"
    S: 4 OK LIST completed
    C: 5 LIST "" INBOX RETURN (STATUS (MESSAGES UIDNEXT))
    S: * LIST (\HasNoChildren) "/" "INBOX"
    S: * STATUS "INBOX" (MESSAGES 0 UIDNEXT 1)
    S: 5 OK LIST completed
    C: 6 LIST (RECURSIVEMATCH) "" "*"
    S: 6 BAD ...
    C: 7 LIST "a/" "%"
    S: * LIST (\HasChildren) "/" "a/b"
    S: 7 OK LIST completed)");
}

TEST_CASE("imap lsub: a parent that is not subscribed stands for its children") {
  Rig rig;
  Client c(rig);
  c.talk(R"(
    C: 1 CREATE x/y
    S: 1 OK ...
    C: 2 UNSUBSCRIBE x
    S: 2 OK ...
    C: 3 SUBSCRIBE x/y
    S: 3 OK ...
    C: 4 LSUB "" "x*"
    S: * LSUB () "/" "x/y"
    S: 4 OK LSUB completed
    C: 5 LSUB "" "x%"
    S: * LSUB (\Noselect) "/" "x"
    S: 5 OK LSUB completed)");
}

TEST_CASE("imap create, delete and rename") {
  Rig rig;
  Client c(rig);
  c.talk(R"(
    C: 1 CREATE inbox
    S: 1 NO [ALREADYEXISTS] ...
    C: 2 CREATE "Entw&APw-rfe/"
    S: 2 OK [MAILBOXID (...)] CREATE completed
    C: 3 CREATE "Entw&APw-rfe"
    S: 3 NO [ALREADYEXISTS] ...
    C: 4 LIST "" "E*"
    S: * LIST (\HasNoChildren) "/" "Entw&APw-rfe"
    S: 4 OK LIST completed
    C: 5 RENAME "Entw&APw-rfe" "a/b"
    S: 5 OK RENAME completed
    C: 6 DELETE a
    S: 6 NO [HASCHILDREN] ...
    C: 7 RENAME a a/b/c
    S: 7 NO ...
    C: 8 DELETE a/b
    S: 8 OK DELETE completed
    C: 9 DELETE a/b
    S: 9 NO [NONEXISTENT] ...
    C: 10 DELETE INBOX
    S: 10 NO [CANNOT] ...
    C: 11 RENAME nothing else
    S: 11 NO [NONEXISTENT] ...
    C: 12 RENAME a Sent
    S: 12 NO [ALREADYEXISTS] ...
    C: 13 CREATE ""
    S: 13 NO [CANNOT] ...
    C: 14 CREATE "a//b"
    S: 14 NO [CANNOT] ...
    C: 15 SUBSCRIBE nothing
    S: 15 NO [NONEXISTENT] ...
    C: 16 UNSUBSCRIBE nothing
    S: 16 OK UNSUBSCRIBE completed)");
}

TEST_CASE("imap create: special uses") {
  Rig rig;
  Client c(rig);
  c.talk(R"(
    C: 1 CREATE Sent2 (USE (\Sent))
    S: 1 NO [USEATTR] ...
    C: 2 DELETE Archive
    S: 2 OK ...
    C: 3 CREATE Keep (USE (\Archive))
    S: 3 OK ...
    C: 4 LIST (SPECIAL-USE) "" "K*"
    S: * LIST (\HasNoChildren \Archive) "/" "Keep"
    S: 4 OK ...)");
}

TEST_CASE("imap rename: INBOX gives its messages away and stays") {
  Rig rig;
  rig.fill(2);
  Client c(rig);
  c.talk(R"(
    C: 1 RENAME INBOX old
    S: 1 OK RENAME completed
    C: 2 STATUS INBOX (MESSAGES)
    S: * STATUS "INBOX" (MESSAGES 0)
    S: 2 OK ...
    C: 3 STATUS old (MESSAGES UNSEEN)
    S: * STATUS "old" (MESSAGES 2 UNSEEN 2)
    S: 3 OK ...)");
}

TEST_CASE("imap select: what opening tells") {
  Rig rig;
  rig.fill(3);
  Client c(rig);
  c.talk(R"(
    C: 1 SELECT INBOX
    S: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft)
    S: * OK [PERMANENTFLAGS (\Answered \Flagged \Deleted \Seen \Draft \*)] ...
    S: * 3 EXISTS
    S: * 3 RECENT
    S: * OK [UNSEEN 1] ...
    S: * OK [UIDVALIDITY ...] ...
    S: * OK [UIDNEXT 4] ...
    S: * OK [HIGHESTMODSEQ ...] ...
    S: * OK [MAILBOXID (...)] ...
    S: 1 OK [READ-WRITE] SELECT completed
    C: 2 STORE 1:2 +FLAGS.SILENT (\Seen)
    S: 2 OK STORE completed
    C: 3 EXAMINE INBOX
    S: * OK [CLOSED] ...
    S: * FLAGS ...
    S: * OK [PERMANENTFLAGS ()] ...
    S: * 3 EXISTS
    S: * 0 RECENT
    S: * OK [UNSEEN 3] ...
    S* 3 OK [READ-ONLY] EXAMINE completed
    C: 4 STORE 1 +FLAGS (\Seen)
    S: 4 NO [READ-ONLY] ...
    C: 5 EXPUNGE
    S: 5 NO [READ-ONLY] ...
    C: 6 MOVE 1 Trash
    S: 6 NO [READ-ONLY] ...
    C: 7 UNSELECT
    S: 7 OK UNSELECT completed
    C: 8 CHECK
    S: 8 BAD No mailbox selected)");
}

TEST_CASE("imap select: a failed one leaves nothing selected") {
  Rig rig;
  Client c(rig);
  c.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...
    C: 2 SELECT nothing
    S: * OK [CLOSED] ...
    S: 2 NO [NONEXISTENT] ...
    C: 3 CHECK
    S: 3 BAD No mailbox selected)");
}

TEST_CASE("imap close removes deleted messages without a word, unselect does not") {
  Rig rig;
  rig.fill(3);
  Client c(rig);
  c.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...
    C: 2 STORE 2 +FLAGS.SILENT (\Deleted)
    S: 2 OK ...
    C: 3 UNSELECT
    S: 3 OK UNSELECT completed
    C: 4 STATUS INBOX (MESSAGES DELETED)
    S: * STATUS "INBOX" (MESSAGES 3 DELETED 1)
    S: 4 OK ...
    C: 5 SELECT INBOX
    S* 5 OK ...
    C: 6 CLOSE
    S: 6 OK CLOSE completed
    C: 7 STATUS INBOX (MESSAGES UIDNEXT)
    S: * STATUS "INBOX" (MESSAGES 2 UIDNEXT 4)
    S: 7 OK ...)");
}

TEST_CASE("imap status: every item") {
  Rig rig;
  rig.fill(2);
  Client c(rig);
  c.talk(R"(
    C: 1 STATUS INBOX (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)
    S: * STATUS "INBOX" (MESSAGES 2 RECENT 2 UIDNEXT 3 UIDVALIDITY ... UNSEEN 2)
    S: 1 OK STATUS completed
    C: 3 STATUS INBOX (DELETED SIZE HIGHESTMODSEQ APPENDLIMIT)
    S: * STATUS "INBOX" (DELETED 0 SIZE 102 HIGHESTMODSEQ 2 APPENDLIMIT 52428800)
    S: 3 OK STATUS completed
    C: 2 STATUS nothing (MESSAGES)
    S: 2 NO [NONEXISTENT] ...)");
}

}  // namespace hauspost::imap::test
