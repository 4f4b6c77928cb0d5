// NOTIFY (RFC 5465).
#include <catch2/catch.hpp>

#include "tests/unit/imap/session_rig.h"

namespace hauspost::imap::test {
namespace {

constexpr std::string_view kEventNames =
    "(MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange MailboxMetadataChange "
    "ServerMetadataChange)";

void append(Client& c, std::string_view folder, std::string_view flags = "") {
  const std::string answer = c.ask("APPEND " + std::string(folder) + " (" + std::string(flags) +
                                   ") {15+}\r\nSubject: a\r\n\r\nx");
  INFO(answer);
  REQUIRE(answer.find(" OK ") != std::string::npos);
}

}  // namespace

TEST_CASE("imap notify: what may stand together", "[notify]") {
  Rig rig;
  rig.limits.bad_commands_max = 100;
  Client c(rig);
  struct Row {
    const char* command;
    const char* answer;
  };
  const Row rows[] = {
      {"NOTIFY SET (personal (MessageNew))", "BAD"},
      {"NOTIFY SET (personal (MessageExpunge))", "BAD"},
      {"NOTIFY SET (personal (FlagChange))", "BAD"},
      {"NOTIFY SET (personal (MessageNew FlagChange))", "BAD"},
      {"NOTIFY SET (selected (MailboxName))", "BAD"},
      {"NOTIFY SET (selected NONE) (selected-delayed NONE)", "BAD"},
      {"NOTIFY SET (selected)", "BAD"},
      {"NOTIFY SET (nonsense (MailboxName))", "BAD"},
      {"NOTIFY SET (subtree-one INBOX (MailboxName))", "BAD"},
      {"NOTIFY SET (personal ())", "BAD"},
      {"NOTIFY SET", "BAD"},
      {"NOTIFY SET STATUS", "BAD"},
      {"NOTIFY", "BAD"},
      {"NOTIFY NONE (personal (MailboxName))", "BAD"},
      {"NOTIFY SET (selected (MessageNew () MessageExpunge))", "BAD"},
      {"NOTIFY SET (SELECTED-delayed (messagenew (uid body.peek[header.fields (subject)]<0.10>) "
       "MESSAGEEXPUNGE flagchange)) (personal NONE)",
       "OK"},
      {"NOTIFY SET (mailboxes NONE (SubscriptionChange)) (subtree (Lists \"Misc\") (MailboxName))",
       "OK"},
      {"NOTIFY SET (subscribed (MessageNew MessageExpunge MessageNew))", "OK"},
      {"NOTIFY SET (personal (ServerMetadataChange MailboxMetadataChange))", "OK"},
      {"NOTIFY NONE", "OK"},
  };
  for (const Row& row : rows) {
    const std::string answer = c.ask(row.command);
    INFO(row.command << ": " << answer);
    CHECK(answer.find(std::string(" ") + row.answer + " ") != std::string::npos);
  }
}

TEST_CASE("imap notify: events that are not known are named", "[notify]") {
  Rig rig;
  Client c(rig);
  const std::string refused = "NO [BADEVENT " + std::string(kEventNames) + "] ...";
  c.talk("C: a NOTIFY SET (selected (MessageNew MessageExpunge AnnotationChange))\nS: a " +
         refused + "\nC: b NOTIFY SET (personal (MailboxName FutureEvent))\nS: b " + refused);
}

TEST_CASE("imap notify: STATUS of what is watched", "[notify]") {
  Rig rig;
  Client c(rig);
  for (const char* name : {"Lists/Lemonade", "Lists/Im2000", "Misc"})
    c.ask(std::string("CREATE ") + name);
  rig.deliver("Subject: a\r\n\r\nx\r\n", "Lists/Lemonade");
  c.talk(R"(
    C: a NOTIFY SET STATUS (subtree Lists (MessageNew MessageExpunge))
    S: * STATUS "Lists" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY ...)
    S: * STATUS "Lists/Im2000" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY ...)
    S: * STATUS "Lists/Lemonade" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY ...)
    S: a OK NOTIFY completed
    C: b NOTIFY SET STATUS (mailboxes (Nope "Lists/Lemonade") (MessageNew MessageExpunge FlagChange))
    S: * STATUS "Lists/Lemonade" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY ... UNSEEN 1 HIGHESTMODSEQ ...)
    S: b OK ...
    -- None for the selected mailbox, none without message events, none unless asked for.
    C: c SELECT Lists/Lemonade
    S* c OK ...
)"
      "    C: d NOTIFY SET STATUS (selected (MessageNew MessageExpunge)) "
      R"((mailboxes (Misc Lists/Lemonade) (MessageNew MessageExpunge))
    S: * STATUS "Misc" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY ...)
    S: d OK ...
    C: e NOTIFY SET STATUS (personal (MailboxName SubscriptionChange))
    S: e OK ...
    C: f NOTIFY SET (personal (MessageNew MessageExpunge))
    S: f OK ...)");
}

TEST_CASE("imap notify: the selected mailbox, at once", "[notify]") {
  Rig rig;
  rig.fill(3);
  Client c(rig);
  Client other(rig);
  other.ask("SELECT INBOX");
  c.ask("SELECT INBOX");
  append(other, "INBOX");
  c.talk(R"(
    -- SET implies a NOOP.
    C: a NOTIFY SET (selected (MessageNew (UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)]) MessageExpunge))
    S: * 4 EXISTS
    S: * ... RECENT
    S: * 4 FETCH (UID 4 FLAGS (...) BODY[HEADER.FIELDS (SUBJECT)] {14}
    S: Subject: a
    S: 
    S: )
    S: a OK NOTIFY completed)");
  append(other, "INBOX", "\\Flagged");
  c.talk(R"(
    S: * 5 EXISTS
    S: * ... RECENT
    S: * 5 FETCH (UID 5 FLAGS (\Flagged...) BODY[HEADER.FIELDS (SUBJECT)] {14}
    S: Subject: a
    S: 
    S: ))");
  // FlagChange was not asked for, expunges come at once.
  other.ask("UID STORE 2 +FLAGS (\\Deleted)");
  other.ask("UID EXPUNGE 2");
  c.talk(R"(
    S: * 2 EXPUNGE
    S- 
    C: b NOTIFY SET (selected (MessageNew MessageExpunge FlagChange))
    S: b OK ...)");
  other.ask("UID STORE 3 +FLAGS (\\Answered)");
  c.talk(R"(
    S: * 2 FETCH (UID 3 FLAGS (\Answered...))
    S- )");
  // What the client did itself brings no FETCH.
  c.ask("NOTIFY SET (selected (MessageNew (UID) MessageExpunge))");
  c.send("d APPEND INBOX {15+}\r\nSubject: a\r\n\r\nx\r\n");
  c.talk(R"(
    S: * 5 EXISTS
    S: * ... RECENT
    S: d OK ...
    S- )");
}

TEST_CASE("imap notify: expunges wait with SELECTED-DELAYED", "[notify]") {
  Rig rig;
  rig.fill(3);
  Client c(rig);
  Client other(rig);
  c.ask("SELECT INBOX");
  other.ask("SELECT INBOX");
  c.ask("NOTIFY SET (selected-delayed (MessageNew (UID) MessageExpunge FlagChange))");
  other.ask("STORE 2 +FLAGS (\\Flagged)");
  c.talk(R"(S: * 2 FETCH (UID 2 FLAGS (\Flagged...)))");
  other.ask("STORE 3 +FLAGS.SILENT (\\Deleted)");
  c.talk(R"(S: * 3 FETCH (UID 3 FLAGS (\Deleted...)))");
  other.ask("EXPUNGE");
  append(other, "INBOX");
  c.talk(R"(
    S: * 4 EXISTS
    S: * ... RECENT
    S: * 4 FETCH (UID 4)
    S- 
    C: a FETCH 3 (UID)
    S: a OK [EXPUNGEISSUED] ...
    S- 
    C: b NOOP
    S: * 3 EXPUNGE
    S: b OK NOOP completed)");
}

TEST_CASE("imap notify: NONE, and silence about the selected mailbox", "[notify]") {
  Rig rig;
  rig.fill(3);
  Client c(rig);
  Client other(rig);
  c.ask("SELECT INBOX");
  other.ask("SELECT INBOX");
  for (const char* command :
       {"NOTIFY NONE", "NOTIFY SET (personal (MessageNew MessageExpunge FlagChange MailboxName))",
        "NOTIFY SET (selected NONE)"}) {
    INFO(command);
    Client quiet(rig);
    quiet.ask("SELECT INBOX");
    quiet.ask(command);
    append(other, "INBOX");
    other.ask("STORE 1 -FLAGS (\\Seen)");
    other.ask("STORE 2 +FLAGS (\\Deleted)");
    other.ask("EXPUNGE");
    CHECK(quiet.quiet());
    CHECK(quiet.ask("NOOP").find("* ") == std::string::npos);
    // UIDs may come from elsewhere; its own changes are told with all the rest.
    CHECK(quiet.ask("UID FETCH 1:* (UID)").find(" EXPUNGE\r\n") == std::string::npos);
    append(quiet, "Drafts");
    quiet.send("x APPEND INBOX {15+}\r\nSubject: a\r\n\r\nx\r\n");
    quiet.talk("S: * 5 EXISTS\nS* x OK ...");
    const std::string news = quiet.ask("EXPUNGE");
    INFO(news);
    other.ask("STORE 1 +FLAGS (\\Deleted)");
    other.ask("EXPUNGE");
  }
}

TEST_CASE("imap notify: other mailboxes", "[notify]") {
  Rig rig;
  rig.fill(2);
  Client c(rig);
  Client other(rig);
  c.ask("CREATE Lists/Lemonade");
  other.ask("SELECT INBOX");
  c.ask("NOTIFY SET (subtree Lists (MessageNew MessageExpunge))");
  append(other, "Lists/Lemonade");
  c.talk(R"(S: * STATUS "Lists/Lemonade" (MESSAGES 1 UIDNEXT 2))");
  append(other, "Drafts");
  CHECK(c.quiet());
  c.ask("NOTIFY SET (personal (MessageNew MessageExpunge))");
  other.ask("MOVE 1 Archive");
  c.talk(R"(
    S: * STATUS "INBOX" (MESSAGES 1 UIDNEXT 3)
    S: * STATUS "Archive" (MESSAGES 1 UIDNEXT 2)
    S- )");
  other.ask("STORE 1 +FLAGS (\\Seen)");
  CHECK(c.quiet());
  c.ask("NOTIFY SET (personal (MessageNew MessageExpunge FlagChange))");
  other.ask("STORE 1 +FLAGS (\\Answered)");
  c.talk(R"(S: * STATUS "INBOX" (UIDVALIDITY ... UNSEEN 0 HIGHESTMODSEQ ...))");
  // What it does itself is no news to it.
  append(c, "Sent");
  c.ask("CREATE Fresh");
  CHECK(c.ask("NOOP").find("* ") == std::string::npos);
  CHECK(c.quiet());
  c.ask("ENABLE CONDSTORE");
  append(other, "Sent");
  c.talk(R"(S: * STATUS "Sent" (MESSAGES 2 UIDNEXT 3 UNSEEN 2 HIGHESTMODSEQ ...))");
}

TEST_CASE("imap notify: groups add up, and the selected mailbox is apart", "[notify]") {
  Rig rig;
  Client c(rig);
  Client other(rig);
  c.ask(
      "NOTIFY SET (mailboxes INBOX (MessageNew MessageExpunge)) "
      "(selected-delayed (MessageNew MessageExpunge FlagChange)) (personal (MailboxName))");
  append(other, "INBOX");
  c.talk(R"(S: * STATUS "INBOX" (MESSAGES 1 UIDNEXT 2))");
  c.ask("SELECT INBOX");
  append(other, "INBOX");
  c.talk(R"(
    S: * 2 EXISTS
    S: * ... RECENT
    S- )");
  other.ask("RENAME Junk Spam");
  c.talk(R"(S: * LIST (\HasNoChildren \Junk \Subscribed) "/" "Spam" ("OLDNAME" ("Junk")))");
  c.ask("UNSELECT");
  append(other, "INBOX");
  c.talk(R"(S: * STATUS "INBOX" (MESSAGES 3 UIDNEXT 4))");
}

TEST_CASE("imap notify: names of mailboxes", "[notify]") {
  Rig rig;
  Client c(rig);
  Client other(rig);
  c.ask("NOTIFY SET (personal (MailboxName))");
  other.ask("CREATE Lists/New");
  c.talk(R"(
    S: * LIST (\HasChildren) "/" "Lists"
    S: * LIST (\HasNoChildren) "/" "Lists/New")");
  other.ask("RENAME Lists Groups");
  c.talk(R"(
    S: * LIST (\HasChildren) "/" "Groups" ("OLDNAME" ("Lists"))
    S: * LIST (\HasNoChildren) "/" "Groups/New" ("OLDNAME" ("Lists/New")))");
  other.ask("DELETE Groups/New");
  c.talk(R"(
    S: * LIST (\NonExistent) "/" "Groups/New"
    S- )");
  other.ask("SUBSCRIBE Groups");
  CHECK(c.quiet());
  c.ask("CREATE Own");
  c.ask("RENAME Own Mine");
  CHECK(c.quiet());
  other.ask("RENAME Mine \"B&AOQ-r\"");
  c.talk(R"(S: * LIST (\HasNoChildren) "/" "B&AOQ-r" ("OLDNAME" ("Mine")))");
}

TEST_CASE("imap notify: subscriptions", "[notify]") {
  Rig rig;
  Client c(rig);
  Client other(rig);
  c.ask("CREATE Other");
  c.ask(
      "NOTIFY SET (mailboxes (Other Sent) (SubscriptionChange)) "
      "(subscribed (MessageNew MessageExpunge))");
  append(other, "Other");
  CHECK(c.quiet());
  other.ask("SUBSCRIBE Other");
  c.talk(R"(S: * LIST (\HasNoChildren \Subscribed) "/" "Other")");
  append(other, "Other");
  c.talk(R"(S: * STATUS "Other" (MESSAGES 2 UIDNEXT 3))");
  other.ask("UNSUBSCRIBE Sent");
  c.talk(R"(S: * LIST (\HasNoChildren \Sent) "/" "Sent")");
  other.ask("UNSUBSCRIBE Sent");
  other.ask("UNSUBSCRIBE Drafts");
  CHECK(c.quiet());
}

TEST_CASE("imap notify: metadata, without ENABLE", "[notify]") {
  Rig rig;
  Client c(rig);
  Client other(rig);
  c.ask("NOTIFY SET (mailboxes Sent (MailboxMetadataChange)) (personal (ServerMetadataChange))");
  other.ask("SETMETADATA Sent (/private/comment \"hello\")");
  c.talk(R"(S: * METADATA "Sent" /private/comment)");
  other.ask("SETMETADATA INBOX (/private/comment \"hello\")");
  other.ask("SETMETADATA \"\" (/private/comment \"hello\")");
  c.talk(R"(
    S: * METADATA "" /private/comment
    S- )");
}

TEST_CASE("imap notify: IDLE tells the same", "[notify]") {
  Rig rig;
  rig.fill(2);
  Client c(rig);
  Client other(rig);
  c.ask("SELECT INBOX");
  other.ask("SELECT INBOX");
  c.ask(
      "NOTIFY SET (selected-delayed (MessageNew MessageExpunge)) "
      "(mailboxes Sent (MessageNew MessageExpunge))");
  c.talk(R"(
    C: a IDLE
    S: + idling)");
  other.ask("STORE 1 +FLAGS (\\Deleted)");
  append(other, "Sent");
  c.talk(R"(S: * STATUS "Sent" (MESSAGES 1 UIDNEXT 2))");
  other.ask("EXPUNGE");
  c.talk(R"(
    S: * 1 EXPUNGE
    S- 
    C: DONE
    S: a OK ...)");
}

TEST_CASE("imap notify: VANISHED and UIDFETCH where they were enabled", "[notify]") {
  Rig rig;
  rig.fill(4);
  Client c(rig);
  Client other(rig);
  other.ask("SELECT INBOX");
  c.ask("ENABLE QRESYNC UIDONLY");
  c.ask("SELECT INBOX");
  c.ask("NOTIFY SET (selected (MessageNew (FLAGS) MessageExpunge))");
  other.ask("STORE 2:3 +FLAGS.SILENT (\\Deleted)");
  other.ask("EXPUNGE");
  c.talk("S: * VANISHED 2:3");
  append(other, "INBOX");
  c.talk(R"(
    S: * 3 EXISTS
    S* * 5 UIDFETCH (FLAGS (...))
    S- )");
}

TEST_CASE("imap notify: a mailbox that goes while it is selected ends the session", "[notify]") {
  Rig rig;
  Client c(rig);
  Client other(rig);
  c.ask("CREATE gone");
  c.ask("SELECT gone");
  c.ask("NOTIFY SET (selected (MessageNew MessageExpunge))");
  other.ask("DELETE gone");
  c.talk("S: * BYE The selected mailbox was deleted");
  CHECK(c.end() == SessionEnd::kInOrder);
}

}  // namespace hauspost::imap::test
