// The grammar of NOTIFY (RFC 5465 section 8), ESEARCH (RFC 7377 section 3) and of the metadata
// commands (RFC 5464 section 5).
#include <fmt/format.h>

#include "tests/unit/imap/grammar_test.h"

namespace hauspost::imap {

namespace {

using Filter = MailboxFilter::Kind;

}  // namespace

TEST_CASE("imap grammar: NOTIFY SET") {
  const auto notify = parse_as<NotifyRequest>(
      "NOTIFY SET STATUS (selected (MessageNew (UID BODY.PEEK[HEADER.FIELDS (FROM)]<0.5>) "
      "MessageExpunge FlagChange)) (subtree (\"a b\" inbox) NONE) (mailboxes {4+}\r\nL&-x "
      "(MailboxName ServerMetadataChange))");
  CHECK(notify.status);
  REQUIRE(notify.groups.size() == 3);
  CHECK(notify.groups[0].filter.kind == Filter::kSelected);
  CHECK(notify.groups[0].events == kMessageEvents);
  REQUIRE(notify.groups[0].items.size() == 2);
  CHECK(notify.groups[0].items[0].attribute == FetchAttribute::kUid);
  CHECK(notify.groups[0].items[1].peek);
  CHECK(notify.groups[0].items[1].partial == Partial{0, 5});
  CHECK(notify.groups[1].filter.kind == Filter::kSubtree);
  CHECK(notify.groups[1].filter.paths == std::vector<std::string>{"a b", "INBOX"});
  CHECK(notify.groups[1].events == 0);
  CHECK(notify.groups[2].filter.paths == std::vector<std::string>{"L&x"});
  CHECK(notify.groups[2].events == (kMailboxName | kServerMetadataChange));
  CHECK(parse_as<NotifyRequest>("notify none").groups.empty());
}

TEST_CASE("imap grammar: NOTIFY that is none") {
  for (const char* line :
       {"NOTIFY SET (personal (MailboxName)", "NOTIFY SET personal (MailboxName)",
        "NOTIFY SET (personal MailboxName)", "NOTIFY SET(personal (MailboxName))",
        "NOTIFY SET (subtree (MailboxName))", "NOTIFY SET (mailboxes () (MailboxName))",
        "NOTIFY SET (personal (MailboxName)) ", "NOTIFY SET STATUS(personal NONE)",
        "NOTIFY SET (personal (MailboxName (UID)))", "NOTIFY SET (selected (MessageNew (FAST)))"}) {
    INFO(line);
    const ParseError error = parse_error(line);
    CHECK_FALSE(error.no);
  }
  CHECK(parse_error("NOTIFY SET (personal (AnnotationChange))").code.starts_with("BADEVENT ("));
  CHECK(parse_error("NOTIFY SET (subtree &bad (MailboxName))").code == "CANNOT");
  Limits limits;
  limits.list_elements_max = 3;
  const std::string group = " (personal NONE)";
  CHECK(parse_error("NOTIFY SET" + group + group + group + group, limits).text ==
        "list is too long");
  // Mailboxes are counted over all groups.
  const std::string two = " (mailboxes (a b) (MailboxName))";
  CHECK(parse_error("NOTIFY SET" + two + two, limits).text == "too many mailboxes are named");
  CHECK(parse_error("ESEARCH IN (mailboxes (a b) subtree (c d)) ALL", limits).text ==
        "too many mailboxes are named");
}

TEST_CASE("imap grammar: ESEARCH") {
  const auto search = parse_as<MultiSearchRequest>(
      "ESEARCH IN (mailboxes (a \"b\") subtree-one c personal) RETURN (COUNT) OR SEEN UID 1:2");
  REQUIRE(search.sources.size() == 3);
  CHECK(search.sources[0].paths == std::vector<std::string>{"a", "b"});
  CHECK(search.sources[1].kind == Filter::kSubtreeOne);
  CHECK(search.sources[2].kind == Filter::kPersonal);
  CHECK(search.search.uid);
  CHECK(search.search.extended->count);
  CHECK_FALSE(search.search.extended->all);
  const auto plain = parse_as<MultiSearchRequest>("ESEARCH SUBJECT IN");
  CHECK(plain.sources.empty());
  CHECK(plain.search.extended->all);
  for (const char* line : {"ESEARCH", "ESEARCH IN ALL", "ESEARCH IN (selected)",
                           "ESEARCH IN (selected (x 1)) ALL", "ESEARCH IN (mailboxes) ALL",
                           "ESEARCH RETURN (COUNT) IN (selected) ALL", "UID ESEARCH ALL"}) {
    INFO(line);
    CHECK_FALSE(parse_error(line).text.empty());
  }
}

TEST_CASE("imap grammar: metadata commands") {
  const auto get = parse_as<GetMetadataRequest>(
      "GETMETADATA (DEPTH infinity MAXSIZE 7) \"\" (/private \"/shared/a b\")");
  CHECK(get.mailbox.empty());
  CHECK(get.depth == MetadataDepth::kAll);
  CHECK(get.max_size == 7U);
  CHECK(get.entries == std::vector<std::string>{"/private", "/shared/a b"});
  const auto set = parse_as<SetMetadataRequest>(
      "SETMETADATA inbox (/shared/a NIL /private/b \"\" /private/c {2+}\r\nxy /private/d "
      "~{2+}\r\n\x01\x02)");
  CHECK(set.mailbox == "INBOX");
  REQUIRE(set.entries.size() == 4);
  CHECK_FALSE(set.entries[0].second.has_value());
  CHECK(set.entries[1].second == "");
  CHECK(set.entries[2].second == "xy");
  CHECK(set.entries[3].second == "\x01\x02");
  for (const char* line : {"GETMETADATA INBOX", "GETMETADATA (DEPTH 2) INBOX /private",
                           "GETMETADATA (SIZE 1) a /private", "GETMETADATA () INBOX /private",
                           "GETMETADATA INBOX /private /shared", "SETMETADATA INBOX /private/a NIL",
                           "SETMETADATA INBOX (/private/a)", "SETMETADATA INBOX (/private/a x)",
                           "SETMETADATA INBOX (/private/a NILS)"}) {
    INFO(line);
    CHECK_FALSE(parse_error(line).text.empty());
  }
}

}  // namespace hauspost::imap
