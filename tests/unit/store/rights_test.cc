// What others than the owner may do, and that everybody keeps a \Seen of their own.
#include "base/signal.h"
#include "fixture.h"
#include "store/schema.h"

using namespace hauspost;
using namespace hauspost::store;
using namespace hauspost::store::test;

namespace {

const Guid kCarl = *Guid::parse("cccccccc-2222-4222-8333-444455556666");

Actor by(const Guid& user) { return {.session = {}, .user = user, .device = {}}; }

template <class T>
T must(Result<T> result) {
  if (!result) FAIL(result.error().text);
  return *std::move(result);
}
void must(const Result<>& result) {
  if (!result) FAIL(result.error().text);
}

// UIDs that `identity` sees as seen.
std::vector<std::uint32_t> seen(const Database& database, FolderId folder, const Guid& identity) {
  Snapshot snapshot = database.snapshot();
  snapshot.view_as(identity);
  std::vector<std::uint32_t> uids;
  std::uint32_t messages = 0;
  snapshot.for_each_message(folder, {1, UINT32_MAX}, [&](const Message& message) {
    ++messages;
    if ((message.flags & kSeen) != 0) uids.push_back(message.uid.value);
    return true;
  });
  CHECK(snapshot.folder(folder)->unseen == messages - uids.size());
  return uids;
}
using Uids = std::vector<std::uint32_t>;

FlagsChanged flag(Database& database, const Guid& user, FolderId folder, UidSet uids, FlagMode mode,
                  FlagBits flags, FlagBits may_change = ~FlagBits{0}) {
  return must(wait_for(database.change_flags(by(user), folder,
                                             {.uids = std::move(uids),
                                              .mode = mode,
                                              .flags = flags,
                                              .keywords = {},
                                              .unchanged_since = {},
                                              .may_change = may_change})));
}

}  // namespace

TEST_CASE("rights: what is granted is read back, changed and taken away", "[rights]") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId inbox = db.folder("INBOX");
  CHECK(db->snapshot().rights(inbox).empty());
  must(wait_for(db->set_rights({}, inbox, kBert, kMayLookUp | kMayRead)));
  must(wait_for(db->set_rights({}, inbox, Guid{}, kMayLookUp)));
  CHECK(db->snapshot().rights_of(inbox, kBert) == (kMayLookUp | kMayRead));
  CHECK(db->snapshot().rights_of(inbox, kCarl) == kMayLookUp);
  CHECK(db->snapshot().granted_to(kCarl) == std::vector{db.mailbox});
  CHECK(db->snapshot().granted_to(kAnna).empty());
  must(wait_for(db->set_rights({}, inbox, Guid{}, 0)));
  CHECK(db->snapshot().granted_to(kCarl).empty());
  const auto rights = db->snapshot().rights(inbox);
  REQUIRE(rights.size() == 1);
  CHECK(rights.front().identity == kBert);
  require_whole(*db);
}

TEST_CASE("rights: the owner has them all and none else exist", "[rights]") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId inbox = db.folder("INBOX");
  CHECK(wait_for(db->set_rights({}, inbox, kAnna, kMayRead)).error().code == ErrorCode::kInvalid);
  CHECK(wait_for(db->set_rights({}, inbox, kBert, 1U << 20)).error().code == ErrorCode::kInvalid);
  CHECK(wait_for(db->set_rights({}, FolderId(99), kBert, kMayRead)).error().code ==
        ErrorCode::kNotFound);
}

TEST_CASE("rights: a new child has what its parent has, and renaming keeps them", "[rights]") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId work = must(wait_for(db->create_folder({}, db.mailbox, "Work", {})));
  must(wait_for(db->set_rights({}, work, kBert, kMayLookUp | kMayInsert)));
  const FolderId deep = must(wait_for(db->create_folder({}, db.mailbox, "Work/a/b", {})));
  CHECK(db->snapshot().rights_of(deep, kBert) == (kMayLookUp | kMayInsert));
  must(wait_for(db->rename_folder({}, deep, "Elsewhere")));
  CHECK(db->snapshot().rights_of(deep, kBert) == (kMayLookUp | kMayInsert));
  must(wait_for(db->delete_folder({}, deep)));
  require_whole(*db);
}

TEST_CASE("seen: everybody has their own, the owner's stays with the message", "[rights]") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId inbox = db.folder("INBOX");
  db.append(inbox, {"one", "two", "three", "four"}, 0);
  must(wait_for(db->open_mailbox({}, kBert, "bert@example.org")));
  const FlagsChanged changed = flag(*db, kBert, inbox, {{1, 2}}, FlagMode::kAdd, kSeen | kFlagged);
  CHECK(changed.changed.count() == 2);
  CHECK(seen(*db, inbox, kBert) == Uids{1, 2});
  CHECK(seen(*db, inbox, kAnna) == Uids{});
  CHECK(seen(*db, inbox, kCarl) == Uids{});
  CHECK(db->snapshot().message(inbox, Uid(1))->flags == kFlagged);
  flag(*db, kAnna, inbox, {{2, 3}}, FlagMode::kAdd, kSeen);
  CHECK(seen(*db, inbox, kAnna) == Uids{2, 3});
  CHECK(seen(*db, inbox, kBert) == Uids{1, 2});
  // Replacing takes one's own away and nobody else's.
  flag(*db, kBert, inbox, {{2, 2}}, FlagMode::kReplace, kAnswered);
  CHECK(seen(*db, inbox, kAnna) == Uids{2, 3});
  CHECK(seen(*db, inbox, kBert) == Uids{1});
  CHECK(db->snapshot().message(inbox, Uid(2))->flags == (kSeen | kAnswered));
  require_whole(*db);
}

TEST_CASE("seen: a change raises the mod-sequence, none does not", "[rights]") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId inbox = db.folder("INBOX");
  db.append(inbox, {"one", "two"}, 0);
  const ModSeq before = db->snapshot().folder(inbox)->highest_modseq;
  CHECK(flag(*db, kBert, inbox, {{1, 1}}, FlagMode::kRemove, kSeen).changed.empty());
  CHECK(db->snapshot().folder(inbox)->highest_modseq == before);
  flag(*db, kBert, inbox, {{1, 1}}, FlagMode::kAdd, kSeen);
  const ModSeq after = db->snapshot().folder(inbox)->highest_modseq;
  CHECK(after > before);
  CHECK(db->snapshot().message(inbox, Uid(1))->modseq == after);
  CHECK(db->snapshot().message(inbox, Uid(2))->modseq < after);
  const auto late = must(wait_for(db->change_flags(by(kBert), inbox,
                                                   {.uids = {{1, 2}},
                                                    .mode = FlagMode::kRemove,
                                                    .flags = kSeen,
                                                    .keywords = {},
                                                    .unchanged_since = before})));
  CHECK(late.modified.contains(1));
  CHECK(seen(*db, inbox, kBert) == Uids{1});
}

TEST_CASE("rights: flags without the right to them stay as they are", "[rights]") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId inbox = db.folder("INBOX");
  db.append(inbox, {"one"}, kFlagged);
  flag(*db, kBert, inbox, {{1, 1}}, FlagMode::kReplace, kSeen | kDeleted | kAnswered, kSeen);
  CHECK(seen(*db, inbox, kBert) == Uids{1});
  CHECK(db->snapshot().message(inbox, Uid(1))->flags == kFlagged);
  const auto named = must(wait_for(db->change_flags(by(kBert), inbox,
                                                    {.uids = {{1, 1}},
                                                     .mode = FlagMode::kAdd,
                                                     .flags = kDeleted,
                                                     .keywords = {"$Work"},
                                                     .unchanged_since = {},
                                                     .may_change = kDeleted})));
  CHECK(named.changed.contains(1));
  CHECK(db->snapshot().message(inbox, Uid(1))->flags == (kFlagged | kDeleted));
  CHECK(db->snapshot().folder(inbox)->keywords.empty());
}

TEST_CASE("seen: copies carry it, within a mailbox everybody's", "[rights]") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId inbox = db.folder("INBOX");
  const FolderId archive = db.folder("Archive");
  const MailboxId bert = must(wait_for(db->open_mailbox({}, kBert, "bert@example.org")));
  const FolderId berts = db->snapshot().find_folder(bert, "INBOX")->id;
  db.append(inbox, {"one", "two", "three"}, 0);
  flag(*db, kBert, inbox, {{1, 2}}, FlagMode::kAdd, kSeen);
  flag(*db, kCarl, inbox, {{2, 3}}, FlagMode::kAdd, kSeen);
  flag(*db, kAnna, inbox, {{3, 3}}, FlagMode::kAdd, kSeen);
  must(wait_for(db->move(by(kBert), inbox, {{1, 3}}, archive)));
  CHECK(seen(*db, archive, kBert) == Uids{1, 2});
  CHECK(seen(*db, archive, kCarl) == Uids{2, 3});
  CHECK(seen(*db, archive, kAnna) == Uids{3});
  // Into one's own mailbox: what one sees oneself.
  must(wait_for(db->copy(by(kBert), archive, {{1, 3}}, berts)));
  CHECK(seen(*db, berts, kBert) == Uids{1, 2});
  CHECK(seen(*db, berts, kAnna) == Uids{});
  // And out of it, where the right to keep it is wanting.
  must(wait_for(db->copy(by(kBert), berts, {{1, 3}}, inbox, ~kSeen)));
  CHECK(seen(*db, inbox, kBert) == Uids{});
  must(wait_for(db->copy(by(kBert), berts, {{1, 3}}, inbox)));
  CHECK(seen(*db, inbox, kBert) == Uids{7, 8});
  CHECK(seen(*db, inbox, kAnna) == Uids{});
  require_whole(*db);
}

TEST_CASE("seen: what is appended by somebody else is seen by them alone", "[rights]") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId inbox = db.folder("INBOX");
  std::vector<NewMessage> messages;
  messages.push_back(message_of("one", kSeen | kFlagged));
  messages.push_back(message_of("two", 0));
  must(wait_for(db->append(by(kBert), inbox, std::move(messages))));
  CHECK(seen(*db, inbox, kBert) == Uids{1});
  CHECK(seen(*db, inbox, kAnna) == Uids{});
  CHECK(db->snapshot().message(inbox, Uid(1))->flags == kFlagged);
  require_whole(*db);
}

TEST_CASE("seen: many messages across blocks, counted and forgotten with them", "[rights]") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId inbox = db.folder("INBOX");
  constexpr std::uint32_t kCount = 2 * kSeenBlockUids;
  std::vector<std::string> texts(kCount, "m");
  db.append(inbox, texts, 0);
  flag(*db, kBert, inbox, {{2000, 2100}}, FlagMode::kAdd, kSeen);
  flag(*db, kCarl, inbox, {{1, kCount}}, FlagMode::kAdd, kSeen);
  CHECK(seen(*db, inbox, kBert).size() == 101);
  CHECK(seen(*db, inbox, kCarl).size() == kCount);
  must(wait_for(db->expunge({}, inbox, {{2040, 2060}}, false)));
  CHECK(seen(*db, inbox, kBert).size() == 80);
  CHECK(seen(*db, inbox, kCarl).size() == kCount - 21);
  require_whole(*db);
  flag(*db, kBert, inbox, {{1, kCount}}, FlagMode::kRemove, kSeen);
  CHECK(seen(*db, inbox, kBert).empty());
  // A gap in the middle of what is marked at once.
  flag(*db, kBert, inbox, {{1, kCount}}, FlagMode::kAdd, kSeen);
  CHECK(seen(*db, inbox, kBert).size() == kCount - 21);
  require_whole(*db);
}

TEST_CASE("rights: they go with the mailbox of who had them", "[rights]") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId inbox = db.folder("INBOX");
  must(wait_for(db->open_mailbox({}, kBert, "bert@example.org")));
  db.append(inbox, {"one"}, 0);
  must(wait_for(db->set_rights({}, inbox, kBert, kMayRead)));
  flag(*db, kBert, inbox, {{1, 1}}, FlagMode::kAdd, kSeen);
  must(wait_for(db->delete_mailbox({}, kBert)));
  CHECK(db->snapshot().rights(inbox).empty());
  CHECK(seen(*db, inbox, kBert).empty());
  require_whole(*db);
}

TEST_CASE("rights: the log alone gives them back", "[rights]") {
  TempFolder folder;
  const OpenOptions options = small_options(folder.path());
  std::string before;
  {
    OpenDatabase db(options);
    const FolderId inbox = db.folder("INBOX");
    db.append(inbox, {"one", "two"}, 0);
    must(wait_for(db->set_rights({}, inbox, kBert, kMayRead | kMayLookUp)));
    flag(*db, kBert, inbox, {{2, 2}}, FlagMode::kAdd, kSeen);
    before = describe(*db);
    CHECK(before.contains("unseen 1: 1"));
    db.database->close();
  }
  std::filesystem::remove(folder.path() + "/index.mdb");
  std::filesystem::remove(folder.path() + "/checkpoint");
  OpenDatabase db(options);
  CHECK(describe(*db) == before);
  require_whole(*db);
}

TEST_CASE("seen: watchers learn whose flag it was", "[rights]") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId inbox = db.folder("INBOX");
  db.append(inbox, {"one"}, 0);
  asio::io_context io;
  Signal signal;
  FolderWatch watch(*db, inbox, io.get_executor(), signal);
  flag(*db, kBert, inbox, {{1, 1}}, FlagMode::kAdd, kSeen | kFlagged);
  const auto events = watch.take().events;
  REQUIRE(events.size() == 2);
  CHECK(events[0].identity.is_nil());
  CHECK(events[1].identity == kBert);
  CHECK(events[1].kind == FolderEvent::Kind::kFlags);
}
