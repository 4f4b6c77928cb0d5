// SORT and THREAD (RFC 5256, RFC 5957, RFC 5267).
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/unit/imap/session_rig.h"

namespace hauspost::imap::test {
namespace {

std::string mail(std::string_view from, std::string_view subject, int day, std::string_view more) {
  return fmt::format(
      "From: {}\r\nTo: anna@example.org\r\nSubject: {}\r\nDate: {} Nov 2026 10:00:00 +0100\r\n{}"
      "\r\nbody\r\n",
      from, subject, day, more);
}

// Five messages whose orders by any key differ.
void fill_for_sorting(Rig& rig) {
  rig.deliver(mail("Zoe <adam@example.org>", "pears", 5, ""));
  rig.deliver(mail("Bob <carl@example.org>", "Re: Apples", 1, "Cc: zoe@example.org\r\n"));
  rig.deliver(mail("bert@example.org", "=?utf-8?q?=C3=84pfel?=", 4,
                   "X-Long: " + std::string(200, 'x') + "\r\n"));
  rig.deliver(
      mail("=?utf-8?q?=C3=84nne?= <dora@example.org>", "apples", 3, "Cc: alf@example.org\r\n"));
  rig.deliver("To: x@example.org\r\n\r\nno subject, no date\r\n");
}

}  // namespace

TEST_CASE("imap sort: by each key, and by several") {
  Rig rig;
  fill_for_sorting(rig);
  Client c(rig);
  c.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...
    C: A282 SORT (SUBJECT) UTF-8 ALL
    S: * SORT 5 2 4 3 1
    S: A282 OK SORT completed
    C: A283 SORT (SUBJECT REVERSE DATE) UTF-8 ALL
    S: * SORT 5 4 2 3 1
    S: A283 OK SORT completed
    C: A284 SORT (SUBJECT) US-ASCII TEXT "not in mailbox"
    S: * SORT
    S: A284 OK SORT completed
    C: 2 UID SORT (FROM) UTF-8 1:4
    S: * SORT 1 3 2 4
    S: 2 OK ...
    C: 3 SORT (DISPLAYFROM) UTF-8 1:4
    S: * SORT 4 3 2 1
    S: 3 OK ...
    C: 4 SORT (CC) UTF-8 ALL
    S: * SORT 1 3 5 4 2
    S: 4 OK ...
    C: 5 SORT (DATE) UTF-8 1:4
    S: * SORT 2 4 3 1
    S: 5 OK ...
    -- Without a date the day of arrival counts: 21 November.
    C: 6 SORT (REVERSE DATE) UTF-8 ALL
    S: * SORT 5 1 3 4 2
    S: 6 OK ...
    C: 7 SORT (REVERSE SIZE) US-ASCII ALL
    S: * SORT 3 ...
    S: 7 OK ...
    C: 8 SORT (REVERSE ARRIVAL) US-ASCII ALL
    S: * SORT 1 2 3 4 5
    S: 8 OK ...
    C: 9 SORT (TO DISPLAYTO) US-ASCII ALL
    S: * SORT 1 2 3 4 5
    S: 9 OK ...)");
}

TEST_CASE("imap sort: what is no SORT") {
  Rig rig;
  rig.fill(1);
  Client c(rig);
  c.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...
    C: 2 SORT () UTF-8 ALL
    S: 2 BAD list is empty
    C: 3 SORT (COLOUR) UTF-8 ALL
    S: 3 BAD unknown sort criterion
    C: 4 SORT (REVERSE) UTF-8 ALL
    S: 4 BAD ...
    C: 5 SORT (DATE) KOI8-Z ALL
    S: 5 NO [BADCHARSET (UTF-8 US-ASCII ...)] ...
    C: 6 SORT (DATE) ALL
    S: 6 NO [BADCHARSET ...
    C: 7 SORT RETURN (SAVE) (DATE) UTF-8 ALL
    S: 7 BAD unknown sort result option
    C: 8 THREAD SIDEWAYS UTF-8 ALL
    S: 8 BAD unknown threading algorithm)");
}

TEST_CASE("imap sort: ESORT answers in the order of the sort") {
  Rig rig;
  fill_for_sorting(rig);
  Client c(rig);
  c.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...
    C: E01 UID SORT RETURN () (REVERSE DATE) UTF-8 UNDELETED
    S: * ESEARCH (TAG "E01") UID ALL 5,1,3:4,2
    S: E01 OK SORT completed
    C: E02 SORT RETURN (MIN MAX COUNT) (SUBJECT) UTF-8 ALL
    S: * ESEARCH (TAG "E02") MIN 5 MAX 1 COUNT 5
    S: E02 OK ...
    C: E03 SORT RETURN (MIN ALL COUNT) (SUBJECT) UTF-8 FLAGGED
    S: * ESEARCH (TAG "E03") COUNT 0
    S: E03 OK ...
    -- RFC 7162 sections 3.1.9 and 3.1.10: message n came with change n.
    C: a SORT (SUBJECT) UTF-8 MODSEQ 2
    S: * SORT 5 2 4 3 (MODSEQ 5)
    S: a OK SORT completed
    C: b SORT RETURN (ALL) (REVERSE ARRIVAL) UTF-8 MODSEQ 3
    S: * ESEARCH (TAG "b") ALL 3:5 MODSEQ 5
    S: b OK ...
    C: c SORT RETURN (MIN) (SUBJECT) UTF-8 MODSEQ 1 1:4
    S: * ESEARCH (TAG "c") MIN 2 MODSEQ 2
    S: c OK ...)");
}

TEST_CASE("imap thread: by subject and by references") {
  Rig rig;
  rig.deliver(mail("a@b", "One", 1, "Message-ID: <1@x>\r\n"));
  rig.deliver(mail("a@b", "Two", 2, "Message-ID: <2@x>\r\n"));
  rig.deliver(mail("a@b", "Re: One", 4, "Message-ID: <3@x>\r\nIn-Reply-To: <1@x>\r\n"));
  rig.deliver(mail("a@b", "one (fwd)", 3, "Message-ID: <4@x>\r\nReferences: <1@x>\r\n <3@x>\r\n"));
  rig.deliver(mail("a@b", "Three", 5, "Message-ID: <5@x>\r\nReferences: <0@x> <2@x>\r\n"));
  Client c(rig);
  c.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...
    C: A283 THREAD ORDEREDSUBJECT UTF-8 ALL
    S: * THREAD (1 (4)(3))(2)(5)
    S: A283 OK THREAD completed
    C: A284 THREAD ORDEREDSUBJECT US-ASCII TEXT "gewp"
    S: * THREAD
    S: A284 OK THREAD completed
    C: A285 THREAD REFERENCES UTF-8 ALL
    S: * THREAD (1 3 4)(2 5)
    S: A285 OK THREAD completed
    C: A286 THREAD REFERENCES UTF-8 TEXT "gewp"
    S: * THREAD
    S: A286 OK THREAD completed
    C: 2 STORE 1 +FLAGS.SILENT (\Deleted)
    S: 2 OK ...
    C: 3 EXPUNGE
    S: * 1 EXPUNGE
    S: 3 OK ...
    C: 4 UID THREAD REFERENCES UTF-8 ALL
    S: * THREAD (2 5)(3 4)
    S: 4 OK ...
    C: 5 THREAD REFERENCES UTF-8 ALL
    S: * THREAD (1 4)(2 3)
    S: 5 OK ...
    C: 6 UID THREAD ORDEREDSUBJECT UTF-8 SUBJECT one
    S: * THREAD (4 3)
    S: 6 OK ...)");
}

TEST_CASE("imap thread: what does not fit into memory is refused") {
  Rig rig;
  rig.limits.thread_bytes_max = 500;
  rig.deliver(mail("a@b", "One", 1, "Message-ID: <1@x>\r\n"));
  const std::string long_id = std::string(900, 'i') + "@x";
  rig.deliver(mail("a@b", "Re: " + std::string(900, 's'), 2, "References: <" + long_id + ">\r\n"));
  Client c(rig);
  c.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...
    C: 2 THREAD REFERENCES UTF-8 ALL
    S: 2 NO [LIMIT] Too much to thread at once
    C: 3 THREAD ORDEREDSUBJECT UTF-8 ALL
    S: 3 NO [LIMIT] Too much to thread at once
    C: 4 THREAD REFERENCES UTF-8 1
    S: * THREAD (1)
    S: 4 OK ...
    C: 5 THREAD ORDEREDSUBJECT UTF-8 1
    S: * THREAD (1)
    S: 5 OK ...)");
}

TEST_CASE("imap sort: texts are compared by their beginning") {
  Rig rig;
  const std::string same(2000, 's');
  rig.deliver(mail("a@b", same + "b", 1, ""));
  rig.deliver(mail("a@b", same + "a", 2, ""));
  Client c(rig);
  c.talk(R"(
    C: 1 SELECT INBOX
    S* 1 OK ...
    C: 2 SORT (SUBJECT) UTF-8 ALL
    S: * SORT 1 2
    S: 2 OK ...)");
}

TEST_CASE("imap sort and thread: a large folder in many slices") {
  Rig rig;
  Client c(rig);
  std::string append = "1 APPEND Archive";
  for (int i = 0; i < 900; ++i) {
    const std::string text =
        fmt::format("Subject: n{:03}\r\nMessage-ID: <{}@x>\r\nReferences: <{}@x>\r\n\r\n",
                    i * 7 % 900, i, i - i % 3);
    append += fmt::format(" {{{}+}}\r\n{}", text.size(), text);
  }
  c.send(append + "\r\n");
  c.talk(R"(
    S: 1 OK ...
    C: 2 SELECT Archive
    S* 2 OK ...)");
  std::string by_subject = "* SORT";
  std::vector<int> position(900);
  for (int i = 0; i < 900; ++i) position[static_cast<std::size_t>(i * 7 % 900)] = i + 1;
  for (const int number : position) by_subject += fmt::format(" {}", number);
  CHECK(c.ask("SORT (SUBJECT) UTF-8 ALL") == by_subject + "\r\nq1 OK SORT completed\r\n");
  std::string by_reference = "* THREAD ";
  for (int i = 1; i <= 900; i += 3) by_reference += fmt::format("({} ({})({}))", i, i + 1, i + 2);
  CHECK(c.ask("THREAD REFERENCES UTF-8 ALL") == by_reference + "\r\nq2 OK THREAD completed\r\n");
}

}  // namespace hauspost::imap::test
