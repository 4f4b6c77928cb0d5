// OBJECTID, SAVEDATE, PREVIEW, REPLACE, CATENATE, UTF8=ACCEPT, PARTIAL, SEARCHRES, UIDONLY.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/unit/imap/session_rig.h"

namespace hauspost::imap::test {
namespace {

// What stands between `before` and `after` in `text`.
std::string between(const std::string& text, std::string_view before, std::string_view after) {
  const std::size_t begin = text.find(before);
  REQUIRE(begin != std::string::npos);
  const std::size_t end = text.find(after, begin + before.size());
  REQUIRE(end != std::string::npos);
  return text.substr(begin + before.size(), end - begin - before.size());
}

}  // namespace

TEST_CASE("imap objectid: mailboxes keep theirs when they are renamed") {
  Rig rig;
  Client c(rig);
  const std::string id = between(c.ask("CREATE foo"), "OK [MAILBOXID (", ")] CREATE completed");
  CHECK(id.starts_with("F"));
  const std::string other = between(c.ask("CREATE bar"), "OK [MAILBOXID (", ")]");
  CHECK(other != id);
  CHECK(c.ask("CREATE foo").find("NO [ALREADYEXISTS]") != std::string::npos);
  CHECK(between(c.ask("STATUS foo (MAILBOXID)"), "(MAILBOXID (", "))") == id);
  c.ask("RENAME foo renamed");
  CHECK(between(c.ask("STATUS renamed (MESSAGES MAILBOXID)"), "MAILBOXID (", "))") == id);
  CHECK(between(c.ask("SELECT renamed"), "* OK [MAILBOXID (", ")]") == id);
  CHECK(between(c.ask("LIST \"\" bar RETURN (STATUS (MAILBOXID))"), "MAILBOXID (", "))") == other);
  c.ask("DELETE bar");
  CHECK(between(c.ask("CREATE bar"), "OK [MAILBOXID (", ")]") != other);
}

TEST_CASE("imap objectid: one content has one id, wherever it lies") {
  Rig rig;
  rig.fill(2);
  Client c(rig);
  c.ask("SELECT INBOX");
  const std::string first =
      between(c.ask("FETCH 1 (EMAILID THREADID)"), "(EMAILID (", ") THREADID NIL)");
  CHECK(first.starts_with("M"));
  CHECK(first.size() == 33);
  CHECK(between(c.ask("FETCH 2 EMAILID"), "(EMAILID (", "))") != first);
  c.ask("MOVE 1 Archive");
  c.ask("SELECT Archive");
  CHECK(between(c.ask("FETCH 1 EMAILID"), "(EMAILID (", "))") == first);
  CHECK(c.ask("SEARCH EMAILID " + first).starts_with("* SEARCH 1\r\n"));
  CHECK(c.ask("SEARCH NOT EMAILID " + first).starts_with("* SEARCH\r\n"));
  CHECK(c.ask("SEARCH EMAILID M00").starts_with("* SEARCH\r\n"));
  CHECK(c.ask("SEARCH THREADID T64b478a75b7ea9").starts_with("* SEARCH\r\n"));
  CHECK(c.ask("SEARCH EMAILID \"x\"").find("BAD object id expected") != std::string::npos);
}

TEST_CASE("imap savedate: when a message came into its folder") {
  Rig rig;
  Client c(rig);
  c.send("1 APPEND INBOX \"17-Jul-1996 02:44:25 -0700\" {3+}\r\nA:b\r\n");
  c.talk(R"(
    S: 1 OK ...
    C: 2 SELECT INBOX
    S* 2 OK ...
    C: 3 FETCH 1 (INTERNALDATE)
    S: * 1 FETCH (INTERNALDATE "17-Jul-1996 09:44:25 +0000")
    S: 3 OK ...
    C: A101 FETCH 1 (SAVEDATE)
    S: * 1 FETCH (SAVEDATE "...-20... +0000")
    S: A101 OK FETCH completed
    C: A102 SEARCH SAVEDSINCE 1-Jan-2020
    S: * SEARCH 1
    S: A102 OK ...
    C: A103 SEARCH SAVEDBEFORE 1-Jan-2020
    S: * SEARCH
    S: A103 OK ...
    C: A104 SEARCH SAVEDON 17-Jul-1996
    S: * SEARCH
    S: A104 OK ...
    C: A105 SEARCH SAVEDATESUPPORTED
    S: * SEARCH 1
    S: A105 OK ...)");
}

TEST_CASE("imap preview: the first words, or an empty string") {
  Rig rig;
  rig.deliver("Subject: a\r\n\r\n> quoted\r\nPreview\r\n text!\r\n");
  rig.deliver("Content-Type: application/pgp-encrypted\r\n\r\nxxx\r\n");
  rig.deliver(
      "Content-Type: text/plain; charset=utf-8\r\n\r\nGr\xc3\xbc\xc3\x9f"
      "e\r\n");
  Client c(rig);
  c.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...
    C: A1 FETCH 1 (PREVIEW)
    S: * 1 FETCH (PREVIEW "Preview text!")
    S: A1 OK FETCH completed
    C: A2 FETCH 1:2 (PREVIEW (LAZY) RFC822.SIZE)
    S: * 1 FETCH (PREVIEW "Preview text!" RFC822.SIZE ...)
    S: * 2 FETCH (PREVIEW "" RFC822.SIZE ...)
    S: A2 OK ...
    C: A3 FETCH 3 PREVIEW
    S: * 3 FETCH (PREVIEW {7}
    S: Grü...e)
    S: A3 OK ...
    C: A4 FETCH 1 (PREVIEW (EAGER))
    S: A4 BAD ...
    -- A preview is not reading.
    C: A5 SEARCH SEEN
    S: * SEARCH
    S: A5 OK ...)");
}

TEST_CASE("imap replace: one message for another") {
  Rig rig;
  rig.fill(4);
  Client c(rig);
  c.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...
    C: A003 REPLACE 4 INBOX (\Seen \Draft) {5}
    S: + OK)");
  c.send("A: b\n\r\n");
  c.talk(R"(
    S: * OK [APPENDUID ... 5] ...
    S: * 4 EXPUNGE
    S: * 4 EXISTS
    S: * ... RECENT
    S: A003 OK REPLACE completed
    C: 2 FETCH 4 (UID FLAGS)
    S: * 4 FETCH (UID 5 FLAGS (\Seen \Draft \Recent))
    S: 2 OK ...)");
  c.send("A004 UID REPLACE 5 Drafts {3+}\r\nA:c\r\n");
  c.talk(R"(
    S: * OK [APPENDUID ... 1] ...
    S: * 4 EXPUNGE
    S: A004 OK REPLACE completed)");
  c.send("3 UID REPLACE 5 Drafts {3+}\r\nA:c\r\n");
  c.talk("S: 3 NO [NONEXISTENT] ...");
  c.send("4 REPLACE 9 Drafts {3+}\r\nA:c\r\n");
  c.talk("S: 4 BAD No such message");
  c.send("5 REPLACE 1 nowhere {3+}\r\nA:c\r\n");
  c.talk("S: 5 NO [TRYCREATE] ...");
  c.send("6 REPLACE 1:2 Drafts {3+}\r\nA:c\r\n");
  c.talk("S: 6 BAD one message expected");
  // The mailbox name may come as a literal, too.
  c.send("7 UID REPLACE 1 {6+}\r\nDrafts {3+}\r\nA:d\r\n");
  c.talk(R"(
    S: * OK [APPENDUID ... 2] ...
    S: * 1 EXPUNGE
    S: 7 OK ...
    C: 8 REPLACE 1 INBOX {60000000}
    S: 8 NO [TOOBIG] ...
    C: 9 EXAMINE INBOX
    S* 9 OK ...)");
  c.send("10 REPLACE 1 INBOX {3+}\r\nA:c\r\n");
  c.talk("S: 10 NO [READ-ONLY] ...");
}

TEST_CASE("imap catenate: a message of literals and parts of others") {
  Rig rig;
  Client c(rig);
  const std::string draft =
      "Subject: draft\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
      "--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
      "--b\r\nContent-Type: application/zip\r\n\r\nPK\r\n--b--\r\n";
  c.send(fmt::format("1 APPEND Drafts {{{}+}}\r\n{}\r\n", draft.size(), draft));
  c.talk("S: 1 OK [APPENDUID ... 1] ...");
  const std::string validity = between(c.ask("STATUS Drafts (UIDVALIDITY)"), "UIDVALIDITY ", ")");
  c.send(
      fmt::format("A003 APPEND Drafts (\\Seen \\Draft $MDNSent) CATENATE "
                  "(URL \"/Drafts;UIDVALIDITY={}/;UID=1/;section=HEADER\" TEXT {{7}}\r\n",
                  validity));
  c.talk("S: + OK");
  c.send(
      fmt::format("\r\n--b\r\n URL \"/Drafts;UIDVALIDITY={0}/;UID=1/;section=1.MIME\" "
                  "URL \"/Drafts/;UID=1/;section=1\" TEXT {{9+}}\r\n\r\n--b--\r\n)\r\n",
                  validity));
  c.talk(R"(
    S: A003 OK [APPENDUID ... 2] APPEND completed
    C: 2 SELECT Drafts
    S* 2 OK ...
    C: 3 FETCH 2 (FLAGS BODY.PEEK[])
    S: * 2 FETCH (FLAGS (\Seen \Draft $MDNSent \Recent) BODY[] {...}
    S* Subject: draft
    S: Content-Type: multipart/mixed; boundary=b
    S:
    S:
    S: --b
    S: Content-Type: text/plain
    S:
    S: hello
    S: --b--
    S: )
    S: 3 OK ...)");
  // Relative to the selected mailbox, and a part of a part; \Seen stays off.
  c.talk(R"(
    C: 4 APPEND Drafts CATENATE (URL ";UID=1/;PARTIAL=9.5" URL "/Drafts/;UID=1/;SECTION=2")
    S: * 3 EXISTS
    S: * 3 RECENT
    S: 4 OK [APPENDUID ... 3] ...
    C: 5 FETCH 3 BODY.PEEK[]
    S: * 3 FETCH (BODY[] {7}
    S: draftPK)
    S: 5 OK ...
    C: 6 FETCH 1 FLAGS
    S: * 1 FETCH (FLAGS (\Recent))
    S: 6 OK ...)");
}

TEST_CASE("imap catenate: a bad URL is named and nothing is appended") {
  Rig rig;
  rig.fill(1);
  Client c(rig);
  const char* const urls[] = {
      "/INBOX;UIDVALIDITY=785799047/;UID=1",
      "/INBOX/;UID=2",
      "/INBOX/;UID=1/;section=1.5.9",
      "/INBOX/;UID=1/;section=NONSENSE",
      "/nowhere/;UID=1",
      "/INBOX/;UID=0",
      "/INBOX",
      "imap://mail.example.org/INBOX/;UID=1",
      "/INBOX/;UID=1;URLAUTH=anonymous:internal:00",
      ";UID=1",
      "/INBOX/;UID=1/;PARTIAL=x",
  };
  for (const char* const url : urls) {
    const std::string answer = c.ask(fmt::format("APPEND INBOX CATENATE (URL \"{}\")", url));
    INFO(answer);
    CHECK(answer.find(fmt::format(" NO [BADURL {}] ", url)) != std::string::npos);
  }
  CHECK(c.ask("STATUS INBOX (MESSAGES)").starts_with("* STATUS \"INBOX\" (MESSAGES 1)"));
  CHECK(c.ask("APPEND INBOX CATENATE ()").find("BAD list is empty") != std::string::npos);
  CHECK(c.ask("APPEND INBOX CATENATE (URL \"/INBOX/;UID=1/;PARTIAL=999\")")
            .find("NO [CANNOT] empty message") != std::string::npos);
}

TEST_CASE("imap catenate: the whole is bounded as one message is") {
  Rig rig;
  rig.limits.message_bytes_max = 100;
  rig.fill(1);
  Client c(rig);
  const std::string one = " URL \"/INBOX/;UID=1\"";
  CHECK(c.ask("APPEND INBOX CATENATE (URL \"/INBOX/;UID=1\")").find("OK [APPENDUID") !=
        std::string::npos);
  CHECK(c.ask("APPEND INBOX CATENATE (TEXT {4+}\r\nx: y" + one + one + ")").find("NO [TOOBIG]") !=
        std::string::npos);
}

TEST_CASE("imap catenate: a command names a bounded number of messages") {
  Rig rig;
  rig.limits.catenate_urls_max = 3;
  rig.fill(1);
  Client c(rig);
  const std::string one = "URL \"/INBOX/;UID=1\"";
  const std::string two = "CATENATE (" + one + " " + one + ")";
  CHECK(c.ask("APPEND INBOX " + two + " " + two).find("NO [LIMIT] Too many URLs") !=
        std::string::npos);
  CHECK(c.ask("STATUS INBOX (MESSAGES)").starts_with("* STATUS \"INBOX\" (MESSAGES 1)"));
  CHECK(c.ask("APPEND INBOX " + two + " CATENATE (" + one + ")").find("OK [APPENDUID") !=
        std::string::npos);
}

TEST_CASE("imap utf8: names and strings once it is enabled") {
  Rig rig;
  Client c(rig);
  c.talk(R"(
    C: 1 CREATE &AOQ-pfel
    S: 1 OK ...
    C: 2 LIST "" "&AOQ-*"
    S: * LIST (\HasNoChildren) "/" "&AOQ-pfel"
    S: 2 OK ...
    C: 3 ENABLE UTF8=ACCEPT
    S: * ENABLED UTF8=ACCEPT
    S: 3 OK ...
    C: 4 LIST "" "ä*"
    S: * LIST (\HasNoChildren) "/" "äpfel"
    S: 4 OK ...
    C: 5 STATUS "äpfel" (MESSAGES)
    S: * STATUS "äpfel" (MESSAGES 0)
    S: 5 OK ...
    C: 6 CREATE "A&B"
    S: 6 OK ...
    C: 7 LSUB "" "A&*"
    S: 7 OK ...
    C: 8 LIST "" "A&B"
    S: * LIST (\HasNoChildren) "/" "A&B"
    S: 8 OK ...
    C: 9 SELECT "äpfel"
    S* 9 OK ...
    C: 10 SEARCH CHARSET UTF-8 TEXT "ä"
    S: 10 BAD CHARSET after ENABLE UTF8=ACCEPT
    C: 11 SEARCH TEXT "ä"
    S: * SEARCH
    S: 11 OK ...)");
  c.send("12 SELECT \"\xff\"\r\n");
  c.talk("S: 12 BAD quoted string is not UTF-8");
  c.send("13 CREATE \"a\xc2\x85\"\r\n");
  c.talk("S: 13 NO [CANNOT] ...");
  c.send("14 APPEND \"\xc3\xa4pfel\" UTF8 (~{16+}\r\nSubject: \xc3\xa4\r\n\r\nx)\r\n");
  c.talk("S: * 1 EXISTS");
  c.talk("S: * 1 RECENT");
  c.talk("S: 14 OK [APPENDUID ... 1] ...");
}

TEST_CASE("imap utf8: its literal is refused before it is enabled") {
  Rig rig;
  Client c(rig);
  c.send("1 APPEND INBOX UTF8 (~{3+}\r\nA:b)\r\n");
  c.talk("S: 1 BAD UTF8=ACCEPT is not enabled");
}

TEST_CASE("imap partial: some of what SEARCH and UID FETCH would give") {
  Rig rig;
  rig.fill(10);
  Client c(rig);
  c.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...
    C: A01 UID SEARCH RETURN (PARTIAL -1:-3) ALL
    S: * ESEARCH (TAG "A01") UID PARTIAL (-1:-3 8:10)
    S: A01 OK ...
    C: A02 UID SEARCH RETURN (PARTIAL 8:20 COUNT) ALL
    S: * ESEARCH (TAG "A02") UID PARTIAL (8:20 8:10) COUNT 10
    S: A02 OK ...
    C: A03 SEARCH RETURN (PARTIAL 3:2) ALL
    S: * ESEARCH (TAG "A03") PARTIAL (3:2 2:3)
    S: A03 OK ...
    C: A04 SEARCH RETURN (PARTIAL 24000:24500) ALL
    S: * ESEARCH (TAG "A04") PARTIAL (24000:24500 NIL)
    S: A04 OK ...
    C: A05 SEARCH RETURN (PARTIAL 1:2 ALL) ALL
    S: A05 BAD ...
    C: A06 SEARCH RETURN (PARTIAL 1:-2) ALL
    S: A06 BAD ...
    C: 10 UID FETCH 2:8 (UID) (PARTIAL -1:-2)
    S: * 7 FETCH (UID 7)
    S: * 8 FETCH (UID 8)
    S: 10 OK FETCH completed
    C: 11 UID FETCH 1:* (UID) (PARTIAL 1:3)
    S: * 1 FETCH (UID 1)
    S: * 2 FETCH (UID 2)
    S: * 3 FETCH (UID 3)
    S: 11 OK ...
    C: 12 UID FETCH 1,4,9 (UID) (PARTIAL 2:9)
    S: * 4 FETCH (UID 4)
    S: * 9 FETCH (UID 9)
    S: 12 OK ...
    C: 13 FETCH 1:* (UID) (PARTIAL 1:3)
    S: 13 BAD ...
    C: 14 UID STORE 9 +FLAGS.SILENT (\Seen)
    S: 14 OK ...
    C: 101 UID FETCH 1:10 (UID) (PARTIAL -1:-3 CHANGEDSINCE 10)
    S: * 9 FETCH (UID 9 MODSEQ (11))
    S: 101 OK ...)");
}

TEST_CASE("imap searchres: $ is what the last saved search found") {
  Rig rig;
  rig.fill(6);
  Client c(rig);
  c.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...
    C: 2 FETCH $ UID
    S: 2 OK FETCH completed
    C: A282 SEARCH RETURN (SAVE) 2:4
    S: A282 OK SEARCH completed
    C: A283 FETCH $ (UID)
    S: * 2 FETCH (UID 2)
    S: * 3 FETCH (UID 3)
    S: * 4 FETCH (UID 4)
    S: A283 OK FETCH completed
    C: A301 UID SEARCH UID $ NOT SUBJECT "message 3"
    S: * SEARCH 2 4
    S: A301 OK ...
    C: P283 SEARCH (OR $ 1,6)
    S: * SEARCH 1 2 3 4 6
    S: P283 OK ...
    C: 3 UID STORE $ +FLAGS.SILENT (\Deleted)
    S: 3 OK ...
    C: 4 UID EXPUNGE $
    S: * 4 EXPUNGE
    S: * 3 EXPUNGE
    S: * 2 EXPUNGE
    S: 4 OK ...
    C: 5 FETCH $ UID
    S: 5 OK FETCH completed
    C: C284 SEARCH RETURN (SAVE MIN) ALL
    S: * ESEARCH (TAG "C284") MIN 1
    S: C284 OK ...
    C: 6 UID FETCH $ UID
    S: * 1 FETCH (UID 1)
    S: 6 OK ...
    C: C285 SEARCH RETURN (MAX SAVE MIN) ALL
    S: * ESEARCH (TAG "C285") MIN 1 MAX 3
    S: C285 OK ...
    C: 7 UID SEARCH $
    S: * SEARCH 1 6
    S: 7 OK ...
    C: C286 SEARCH RETURN (MAX SAVE MIN COUNT) ALL
    S: * ESEARCH (TAG "C286") MIN 1 MAX 3 COUNT 3
    S: C286 OK ...
    C: 8 COPY $ Archive
    S: 8 OK [COPYUID ... 1,5:6 1:3] ...
    C: B283 SEARCH RETURN (SAVE) CHARSET KOI8-Z (OR $ 1,3000:3021) TEXT x
    S: B283 NO [BADCHARSET (UTF-8 US-ASCII ...)] ...
    C: 81 FETCH $ UID
    S: 81 OK FETCH completed
    C: 82 SEARCH RETURN (SAVE) 1
    S: 82 OK ...
    C: 9 SELECT INBOX
    S* 9 OK ...
    C: 10 FETCH $ UID
    S: 10 OK FETCH completed)");
}

TEST_CASE("imap uidonly: no sequence number either way") {
  Rig rig;
  rig.fill(3);
  Client c(rig);
  c.talk(R"(
    C: 1 ENABLE UIDONLY
    S: * ENABLED UIDONLY
    S: 1 OK ...
    C: 2 SELECT INBOX
    S: * FLAGS ...
    S: * OK [PERMANENTFLAGS ...
    S: * 3 EXISTS
    S: * 3 RECENT
    S: * OK [UIDVALIDITY ...
    S* 2 OK ...
    C: 3 FETCH 1 FLAGS
    S: 3 BAD [UIDREQUIRED] ...
    C: 4 STORE 1 +FLAGS (\Seen)
    S: 4 BAD [UIDREQUIRED] ...
    C: 5 UID SEARCH 1:2
    S: 5 BAD [UIDREQUIRED] ...
    C: 6 UID SEARCH UID 1:2
    S: * SEARCH 1 2
    S: 6 OK ...
    C: 7 UID FETCH 2:3 (FLAGS)
    S: * 2 UIDFETCH (UID 2 FLAGS (\Recent))
    S: * 3 UIDFETCH (UID 3 FLAGS (\Recent))
    S: 7 OK ...
    C: 8 UID STORE 2 +FLAGS (\Deleted)
    S: * 2 UIDFETCH (UID 2 FLAGS (\Deleted \Recent))
    S: 8 OK ...
    C: 9 EXPUNGE
    S: * VANISHED 2
    S: 9 OK EXPUNGE completed
    C: 10 UID SORT (ARRIVAL) UTF-8 ALL
    S: * SORT 1 3
    S: 10 OK ...)");
}

TEST_CASE("imap inprogress: who waits long hears of it, between whole responses") {
  Rig rig;
  Client c(rig);
  std::string append = "1 APPEND Archive";
  for (int i = 0; i < 900; ++i) append += " {1+}\r\nm";
  c.send(append + "\r\n");
  c.talk(R"(
    S: 1 OK ...
    C: 2 SELECT Archive
    S* 2 OK ...
    C: 3 SEARCH UNSEEN SEEN
    S: * SEARCH
    S: 3 OK ...)");
  rig.clock.step = std::chrono::seconds(11);
  c.talk(R"(
    C: 4 SEARCH SEEN
    S: * OK [INPROGRESS ("4" NIL NIL)] ...
    S: * SEARCH
    S: 4 OK SEARCH completed
    C: 5 SORT RETURN (COUNT) (SUBJECT) UTF-8 ALL
    S* * OK [INPROGRESS ("5" 400 900)] ...
    S* * ESEARCH (TAG "5") COUNT 900
    S: 5 OK SORT completed)");
  // A response that has begun is never interrupted.
  const std::string threads = c.ask("THREAD REFERENCES UTF-8 ALL");
  const std::size_t at = threads.find("* THREAD ");
  REQUIRE(at != std::string::npos);
  CHECK(threads.find("INPROGRESS", at) == std::string::npos);
  CHECK(threads.substr(0, at).find("INPROGRESS") != std::string::npos);
}

TEST_CASE("imap delete: a mailbox with children stays") {
  Rig rig;
  Client c(rig);
  c.talk(R"(
    C: 1 CREATE a/b
    S: 1 OK ...
    C: 2 DELETE a
    S: 2 NO [HASCHILDREN] ...
    C: 3 DELETE a/b
    S: 3 OK ...
    C: 4 DELETE a
    S: 4 OK ...)");
}

TEST_CASE("imap status: RECENT counts what no session has claimed") {
  Rig rig;
  rig.fill(2);
  Client c(rig);
  c.talk(R"(
    C: 1 STATUS INBOX (RECENT)
    S: * STATUS "INBOX" (RECENT 2)
    S: 1 OK ...
    C: 2 EXAMINE INBOX
    S* 2 OK ...
    C: 3 STATUS INBOX (RECENT)
    S: * STATUS "INBOX" (RECENT 2)
    S: 3 OK ...
    C: 4 SELECT INBOX
    S* 4 OK ...
    C: 5 STATUS INBOX (RECENT)
    S: * STATUS "INBOX" (RECENT 0)
    S: 5 OK ...)");
}

}  // namespace hauspost::imap::test
