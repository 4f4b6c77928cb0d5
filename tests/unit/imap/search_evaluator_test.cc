#include "protocols/imap/search_evaluator.h"

#include "tests/unit/imap/fetch_store.h"
#include "tests/unit/imap/grammar_test.h"

namespace hauspost::imap {
namespace {

constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kNow = 20'000 * kDay;

std::string message(std::string_view header, std::string_view body) {
  return std::string(header) + "\r\n" + std::string(body);
}

// Runs one SEARCH in slices of `slice` messages; gives "1 3 4".
std::string found(const FetchStore& store, std::string_view keys, std::size_t slice = 1000,
                  store::UidSet recent = {}) {
  const auto request = parse_as<SearchRequest>("SEARCH " + std::string(keys));
  const std::vector<std::uint32_t> uids = store.uids();
  SearchEvaluator search(request.key, {store.folder(), uids, &recent, kNow});
  std::size_t steps = 0;
  while (search.step(store.snapshot(), slice)) REQUIRE(++steps <= uids.size());
  CHECK(search.unreadable() == 0);
  std::string out;
  for (const SearchHit& hit : search.hits()) {
    CHECK(uids[hit.sequence - 1] == hit.uid.value);
    if (!out.empty()) out += ' ';
    out += std::to_string(hit.sequence);
  }
  return out;
}

// Five messages with UIDs 1, 2, 4, 5, 6.
struct Mailbox {
  Mailbox() {
    store.append(message("From: Ann <ann@a.test>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
                         "Date: Mon, 1 Jan 2024 23:30:00 -0800\r\nTo: bob@b.test\r\n",
                         "one\r\n"),
                 store::kSeen, {"Work"}, 100 * kDay + 5);
    store.append(message("From: Bob <bob@b.test>\r\nTo: \"Ann, A.\" <ann@a.test>\r\n"
                         "Cc: carl@c.test\r\nX-Spam: \r\n",
                         "Strasse two\r\n"),
                 store::kSeen | store::kFlagged, {}, 101 * kDay);
    const store::Uid gone = store.append("gone");
    store.append(message("Subject: three\r\nBcc: dora@d.test\r\n"
                         "Content-Type: text/plain; charset=iso-8859-1\r\n",
                         "Stra\xdf"
                         "e three\r\n"),
                 store::kDeleted | store::kAnswered, {"work", "$Later"}, kNow - 10);
    store.append(message("Subject: three\r\nDate: 3 Jan 2024 00:00:00 +0000\r\n",
                         std::string(500, 'z') + "\r\n"),
                 store::kDraft, {}, -5);
    store.append(message("Date: nonsense\r\n", "five\r\n"), 0, {}, kNow - 1000);
    store.expunge(gone);
  }
  FetchStore store;
};

}  // namespace

TEST_CASE("imap search: every key") {
  Mailbox mailbox;
  REQUIRE(mailbox.store.uids() == std::vector<std::uint32_t>{1, 2, 4, 5, 6});
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"ALL", "1 2 3 4 5"},
      {"SEEN", "1 2"},
      {"UNSEEN", "3 4 5"},
      {"FLAGGED", "2"},
      {"UNFLAGGED UNDELETED", "1 4 5"},
      {"ANSWERED DELETED", "3"},
      {"UNANSWERED UNDRAFT", "1 2 5"},
      {"DRAFT", "4"},
      {"KEYWORD WORK", "1 3"},
      {"UNKEYWORD work", "2 4 5"},
      {"KEYWORD nobody", ""},
      {"UNKEYWORD nobody", "1 2 3 4 5"},
      {"KEYWORD $later", "3"},
      {"RECENT", "2 3"},
      {"NEW", "3"},
      {"OLD", "1 4 5"},
      {"2:3", "2 3"},
      {"*", "5"},
      {"9:*", "5"},
      {"UID 3:5", "3 4"},
      {"UID *:1", "1 2 3 4 5"},
      {"UID 3", ""},
      {"UID 7:9", ""},
      {"1:4 UID 2,6", "2"},
      {"OR 1 UID 6", "1 5"},
      {"NOT 1:3", "4 5"},
      {"BEFORE 12-Apr-1970", "1 4"},
      {"ON 11-Apr-1970", "1"},
      {"SINCE 12-Apr-1970", "2 3 5"},
      {"ON 31-Dec-1969", "4"},
      {"SENTON 1-Jan-2024", "1"},
      {"SENTSINCE 2-Jan-2024", "4"},
      {"SENTBEFORE 1-Feb-2024", "1 4"},
      {"NOT SENTBEFORE 1-Feb-2024", "2 3 5"},
      {"LARGER 400", "4"},
      {"SMALLER 30", "5"},
      {"YOUNGER 100", "3"},
      {"OLDER 1000", "1 2 4 5"},
      {"OLDER 1001", "1 2 4"},
      {"FROM ann", "1"},
      {"FROM \"ANN@A\"", "1"},
      {"TO \"Ann, A.\"", "2"},
      {"CC carl", "2"},
      {"BCC dora", "3"},
      {"SUBJECT \"grüsse\"", "1"},
      {"CHARSET UTF-8 SUBJECT \"GRÜßE\"", "1"},
      {"SUBJECT THREE", "3 4"},
      {"HEADER X-Spam \"\"", "2"},
      {"HEADER X-Spam x", ""},
      {"HEADER To test", "1 2"},
      {"HEADER Date nonsense", "5"},
      {"BODY STRASSE", "2 3"},
      {"BODY three", "3"},
      {"BODY ann", ""},
      {"TEXT three", "3 4"},
      {"TEXT ann", "1 2"},
      {"TEXT \"\"", "1 2 3 4 5"},
      {"NOT BODY o", "3 4 5"},
      {"OR BODY one OR FLAGGED NOT (UNDRAFT ALL)", "1 2 4"},
      {"(OR SEEN DRAFT) NOT KEYWORD work", "2 4"},
      {"MODSEQ 1", "1 2 3 4 5"},
      {"MODSEQ 9223372036854775807", ""},
  };
  for (const auto& [keys, want] : cases) {
    INFO(keys);
    CHECK(found(mailbox.store, keys, 1000, {{2, 4}}) == want);
    CHECK(found(mailbox.store, keys, 1, {{2, 4}}) == want);
    CHECK(found(mailbox.store, keys, 2, {{2, 4}}) == want);
  }
}

TEST_CASE("imap search: an empty folder") {
  FetchStore store;
  CHECK(found(store, "ALL").empty());
  CHECK(found(store, "*").empty());
  CHECK(found(store, "UID 1:*").empty());
}

TEST_CASE("imap search: messages that come and go between slices") {
  Mailbox mailbox;
  const auto request = parse_as<SearchRequest>("SEARCH NOT DRAFT");
  const std::vector<std::uint32_t> uids = mailbox.store.uids();
  SearchEvaluator search(request.key, {mailbox.store.folder(), uids, nullptr, kNow});
  REQUIRE(search.step(mailbox.store.snapshot(), 1));
  mailbox.store.expunge(store::Uid(2));
  mailbox.store.append("new, and not in the session's view");
  while (search.step(mailbox.store.snapshot(), 1)) {
  }
  std::vector<std::uint32_t> sequences;
  for (const SearchHit& hit : search.hits()) sequences.push_back(hit.sequence);
  CHECK(sequences == std::vector<std::uint32_t>{1, 3, 5});
}

TEST_CASE("imap search: large bodies end a slice early") {
  FetchStore store;
  for (int i = 0; i < 3; ++i) store.append("\r\n" + std::string(1'100'000, 'a'));
  const std::vector<std::uint32_t> uids = store.uids();
  const auto run = [&](std::string_view keys) {
    const auto request = parse_as<SearchRequest>("SEARCH " + std::string(keys));
    SearchEvaluator search(request.key, {store.folder(), uids, nullptr, kNow});
    std::size_t steps = 1;
    while (search.step(store.snapshot(), 100)) ++steps;
    CHECK(search.hits().size() == 3);
    return steps;
  };
  CHECK(run("BODY aa") >= 3);
  CHECK(run("NOT SUBJECT aa") == 1);
  // A cheap key decides first, so that no body is read.
  CHECK(run("OR BODY aa ALL") == 1);
}

}  // namespace hauspost::imap
