#include "base/signal.h"
#include "fixture.h"
#include "store/compaction.h"

using namespace hauspost;
using namespace hauspost::store;
using namespace hauspost::store::test;

namespace {

ErrorCode code_of(const auto& result) {
  REQUIRE_FALSE(result.has_value());
  return result.error().code;
}

std::vector<std::uint32_t> numbers(const std::vector<Uid>& uids) {
  std::vector<std::uint32_t> out;
  for (const Uid uid : uids) out.push_back(uid.value);
  return out;
}

using Numbers = std::vector<std::uint32_t>;

}  // namespace

TEST_CASE("database: a new mailbox has its default folders, subscribed") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const Snapshot snapshot = db->snapshot();
  const auto folders = snapshot.folders(db.mailbox);
  std::vector<std::string> names;
  for (const Folder& entry : folders) {
    names.push_back(entry.path);
    CHECK(entry.subscribed);
    CHECK(entry.uid_next == Uid(1));
    CHECK(entry.uid_validity != 0);
    CHECK(entry.special_use != SpecialUse::kNone);
  }
  CHECK(names == std::vector<std::string>{"INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash"});
  CHECK(snapshot.mailbox(kAnna)->label == "anna@example.org");
  CHECK_FALSE(snapshot.mailbox(kBert).has_value());
  // Opening it again changes nothing.
  CHECK(*wait_for(db->open_mailbox({}, kAnna, "other")) == db.mailbox);
  CHECK(db->snapshot().folders(db.mailbox).size() == 6);
  CHECK(code_of(wait_for(db->open_mailbox({}, Guid(), ""))) == ErrorCode::kInvalid);
}

TEST_CASE("database: append gives rising UIDs and the bytes back") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId inbox = db.folder("inbox");
  CHECK(numbers(db.append(inbox, {"first", "second"})) == Numbers{1, 2});
  CHECK(numbers(db.append(inbox, {std::string(100'000, 'x')}, kSeen)) == Numbers{3});
  CHECK(db.text_of(inbox, Uid(1)) == "first");
  CHECK(db.text_of(inbox, Uid(2)) == "second");
  CHECK(db.text_of(inbox, Uid(3)) == std::string(100'000, 'x'));
  const Snapshot snapshot = db->snapshot();
  const auto found = snapshot.folder(inbox);
  CHECK(found->messages == 3);
  CHECK(found->unseen == 2);
  CHECK(found->bytes == 5 + 6 + 100'000);
  CHECK(found->uid_next == Uid(4));
  const auto body = snapshot.body(snapshot.message(inbox, Uid(2))->body);
  CHECK(body->summary == "summary of 6");
  CHECK_FALSE(snapshot.message(inbox, Uid(4)).has_value());
  CHECK(code_of(snapshot.body(BodyId(999))) == ErrorCode::kNotFound);
  require_whole(*db);
}

TEST_CASE("database: append is all or none") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId inbox = db.folder("INBOX");
  const std::string before = describe(*db);
  NewMessage bad = message_of("bad");
  SECTION("annotation too long") { bad.annotation.resize(kAnnotationMax + 1, 'a'); }
  SECTION("keyword bits given as flags") { bad.flags = 1 << kFirstKeywordBit; }
  SECTION("keyword with a space") { bad.keywords = {"a b"}; }
  SECTION("empty keyword") { bad.keywords = {""}; }
  std::vector<NewMessage> both{message_of("good"), bad};
  CHECK(code_of(wait_for(db->append({}, inbox, both))) == ErrorCode::kInvalid);
  CHECK(code_of(wait_for(db->append({}, FolderId(999), {message_of("x")}))) ==
        ErrorCode::kNotFound);
  CHECK(describe(*db) == before);
  CHECK(wait_for(db->append({}, inbox, {}))->uids.empty());
}

TEST_CASE("database: keywords are kept once a folder, without regard to case") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId inbox = db.folder("INBOX");
  NewMessage message = message_of("x");
  message.keywords = {"$Forwarded", "Work", "$forwarded"};
  REQUIRE(wait_for(db->append({}, inbox, {message, message})).has_value());
  CHECK(db->snapshot().folder(inbox)->keywords == std::vector<std::string>{"$Forwarded", "Work"});
  CHECK(db->snapshot().message(inbox, Uid(2))->flags == (1ULL << 8 | 1ULL << 9));

  FlagChange change;
  change.uids = {{1, 1}};
  for (int i = 0; i < 53; ++i) change.keywords.push_back("k" + std::to_string(i));
  CHECK(wait_for(db->change_flags({}, inbox, change))->changed == UidSet{{1, 1}});
  CHECK(db->snapshot().folder(inbox)->keywords.size() == kKeywordsMax);
  change.keywords = {"one-too-many"};
  CHECK(code_of(wait_for(db->change_flags({}, inbox, change))) == ErrorCode::kExhausted);
  // A folder without room takes the message all the same, without the keyword.
  const FolderId other = db.folder("Sent");
  message.keywords = {"elsewhere"};
  REQUIRE(wait_for(db->append({}, other, {message})).has_value());
  REQUIRE(wait_for(db->copy({}, other, {{1, 1}}, inbox)).has_value());
  CHECK(db->snapshot().message(inbox, Uid(3))->flags == 0);
  require_whole(*db);
}

TEST_CASE("database: folders: names that are refused") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  std::string deep = "a";
  for (std::size_t i = 0; i < kFolderDepthMax; ++i) deep += "/a";
  for (const std::string& path : {std::string(), std::string("/a"), std::string("a/"),
                                  std::string("a//b"), std::string("a\nb"), std::string("a\x7f"),
                                  std::string("\xff"), std::string(256, 'a'), deep}) {
    CAPTURE(path);
    CHECK(code_of(wait_for(db->create_folder({}, db.mailbox, path, SpecialUse::kNone))) ==
          ErrorCode::kInvalid);
    CHECK(code_of(wait_for(db->rename_folder({}, db.folder("Sent"), path))) == ErrorCode::kInvalid);
  }
  for (const std::string path : {"INBOX", "inbox", "Sent"}) {
    CHECK(code_of(wait_for(db->create_folder({}, db.mailbox, path, SpecialUse::kNone))) ==
          ErrorCode::kExists);
  }
  CHECK(code_of(wait_for(db->create_folder({}, MailboxId(99), "a", SpecialUse::kNone))) ==
        ErrorCode::kNotFound);
}

TEST_CASE("database: folders: create makes missing parents, order keeps children behind them") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const auto made = wait_for(db->create_folder({}, db.mailbox, "a/b/c", SpecialUse::kAll));
  REQUIRE(made.has_value());
  REQUIRE(wait_for(db->create_folder({}, db.mailbox, "a.x", SpecialUse::kNone)).has_value());
  REQUIRE(wait_for(db->create_folder({}, db.mailbox, "inbox/sub", SpecialUse::kNone)).has_value());
  std::vector<std::string> names;
  for (const Folder& entry : db->snapshot().folders(db.mailbox)) names.push_back(entry.path);
  CHECK(names == std::vector<std::string>{"INBOX", "Archive", "Drafts", "INBOX/sub", "Junk", "Sent",
                                          "Trash", "a", "a/b", "a/b/c", "a.x"});
  const auto deepest = db->snapshot().find_folder(db.mailbox, "a/b/c");
  CHECK(deepest->id == *made);
  CHECK(deepest->special_use == SpecialUse::kAll);
  CHECK(deepest->path == "a/b/c");
  CHECK_FALSE(deepest->has_children);
  CHECK(db->snapshot().find_folder(db.mailbox, "a/b")->has_children);
  CHECK_FALSE(db->snapshot().find_folder(db.mailbox, "a/c").has_value());
}

TEST_CASE("database: folders: delete") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  REQUIRE(wait_for(db->create_folder({}, db.mailbox, "a/b", SpecialUse::kNone)).has_value());
  const Folder b = *db->snapshot().find_folder(db.mailbox, "a/b");
  db.append(b.id, {"one", "two"});
  CHECK(code_of(wait_for(db->delete_folder({}, db.folder("INBOX")))) == ErrorCode::kInvalid);
  CHECK(code_of(wait_for(db->delete_folder({}, db.folder("a")))) == ErrorCode::kInvalid);
  CHECK(code_of(wait_for(db->delete_folder({}, FolderId(999)))) == ErrorCode::kNotFound);
  REQUIRE(wait_for(db->delete_folder({}, b.id)).has_value());
  CHECK_FALSE(db->snapshot().folder(b.id).has_value());
  CHECK(db->statistics().messages == 0);
  CHECK(db->statistics().live_body_bytes == 0);
  CHECK(db->statistics().dead_body_bytes > 0);
  // The name again is another folder: its UIDVALIDITY has risen.
  REQUIRE(wait_for(db->create_folder({}, db.mailbox, "a/b", SpecialUse::kNone)).has_value());
  CHECK(db->snapshot().find_folder(db.mailbox, "a/b")->uid_validity > b.uid_validity);
  require_whole(*db);
}

TEST_CASE("database: folders: rename") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  REQUIRE(wait_for(db->create_folder({}, db.mailbox, "a/b/c", SpecialUse::kNone)).has_value());
  const FolderId a = db.folder("a");
  const FolderId c = db.folder("a/b/c");
  CHECK(code_of(wait_for(db->rename_folder({}, a, "Sent"))) == ErrorCode::kExists);
  CHECK(code_of(wait_for(db->rename_folder({}, a, "a/b/d"))) == ErrorCode::kInvalid);
  CHECK(code_of(wait_for(db->rename_folder({}, a, "a/x"))) == ErrorCode::kInvalid);
  CHECK(code_of(wait_for(db->rename_folder({}, FolderId(99), "x"))) == ErrorCode::kNotFound);
  std::string deep = "x";
  for (std::size_t i = 1; i < kFolderDepthMax - 1; ++i) deep += "/x";
  CHECK(code_of(wait_for(db->rename_folder({}, a, deep))) == ErrorCode::kInvalid);
  REQUIRE(wait_for(db->rename_folder({}, a, "new/parent/a2")).has_value());
  CHECK(db->snapshot().folder(c)->path == "new/parent/a2/b/c");
  CHECK(db->snapshot().find_folder(db.mailbox, "new/parent")->has_children);
  CHECK_FALSE(db->snapshot().find_folder(db.mailbox, "a").has_value());
  require_whole(*db);
}

TEST_CASE("database: folders: renaming INBOX moves its messages and keeps it") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId inbox = db.folder("INBOX");
  db.append(inbox, {"one", "two", "three"}, kFlagged);
  REQUIRE(
      wait_for(db->create_folder({}, db.mailbox, "INBOX/child", SpecialUse::kNone)).has_value());
  REQUIRE(wait_for(db->rename_folder({}, inbox, "old/mail")).has_value());
  CHECK(db->snapshot().folder(inbox)->path == "INBOX");
  CHECK(db->snapshot().folder(inbox)->messages == 0);
  CHECK(db->snapshot().folder(inbox)->uid_next == Uid(4));
  const FolderId mail = db.folder("old/mail");
  CHECK(db->snapshot().uids(mail) == Numbers{1, 2, 3});
  CHECK(db.text_of(mail, Uid(3)) == "three");
  CHECK(db->snapshot().message(mail, Uid(3))->flags == kFlagged);
  CHECK(db->snapshot().find_folder(db.mailbox, "INBOX/child").has_value());
  require_whole(*db);
}

TEST_CASE("database: subscribing is kept") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId sent = db.folder("Sent");
  REQUIRE(wait_for(db->set_subscribed({}, sent, false)).has_value());
  CHECK_FALSE(db->snapshot().folder(sent)->subscribed);
  REQUIRE(wait_for(db->set_subscribed({}, sent, true)).has_value());
  CHECK(db->snapshot().folder(sent)->subscribed);
  CHECK(code_of(wait_for(db->set_subscribed({}, FolderId(99), true))) == ErrorCode::kNotFound);
}

TEST_CASE("database: a mailbox is deleted with all it holds") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  db.append(db.folder("INBOX"), {"one", "two"});
  REQUIRE(wait_for(db->open_mailbox({}, kBert, "bert@example.org")).has_value());
  REQUIRE(wait_for(db->delete_mailbox({}, kAnna)).has_value());
  CHECK(code_of(wait_for(db->delete_mailbox({}, kAnna))) == ErrorCode::kNotFound);
  CHECK(db->snapshot().mailboxes().size() == 1);
  CHECK(db->snapshot().folders(db.mailbox).empty());
  CHECK(db->statistics().messages == 0);
  require_whole(*db);
  const auto again = wait_for(db->open_mailbox({}, kAnna, "anna@example.org"));
  CHECK(*again != db.mailbox);
}

TEST_CASE("database: one delivered body serves all recipients") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  Delivery delivery;
  delivery.id = numbered_guid(1);
  delivery.body = body_of(std::string(10'000, 'm'));
  delivery.internal_date_s = 1'700'000'000;
  for (std::uint64_t i = 0; i < 10; ++i) delivery.targets.push_back({numbered_guid(100 + i), "l"});
  delivery.targets.push_back({kAnna, "anna", "Junk", kFlagged});
  delivery.targets.push_back({kBert, "bert", "no/such/folder"});
  const auto delivered = wait_for(db->deliver({}, delivery));
  REQUIRE(delivered.has_value());
  REQUIRE(delivered->size() == 12);
  for (const Delivered& one : *delivered) {
    CHECK_FALSE(one.duplicate);
    CHECK(one.uid == Uid(1));
    CHECK(db.text_of(one.folder, one.uid).size() == 10'000);
  }
  CHECK(delivered->at(10).folder == db.folder("Junk"));
  CHECK(db->snapshot().message(db.folder("Junk"), Uid(1))->flags == kFlagged);
  CHECK(db->snapshot().folder(delivered->at(11).folder)->path == "INBOX");
  CHECK(db->statistics().live_body_bytes < 11'000);
  CHECK(db->statistics().messages == 12);
  require_whole(*db);
}

TEST_CASE("database: a delivery arrives once however often it is tried") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  Delivery delivery;
  delivery.id = numbered_guid(7);
  delivery.body = body_of("once");
  delivery.targets = {{kAnna, "anna"}};
  CHECK_FALSE(wait_for(db->deliver({}, delivery))->front().duplicate);
  delivery.targets = {{kAnna, "anna"}, {kBert, "bert"}, {kBert, "bert"}};
  const auto again = wait_for(db->deliver({}, delivery));
  REQUIRE(again.has_value());
  CHECK(again->at(0).duplicate);
  CHECK(again->at(0).uid == Uid(0));
  CHECK_FALSE(again->at(1).duplicate);
  CHECK(again->at(2).duplicate);
  CHECK(db->snapshot().folder(db.folder("INBOX"))->messages == 1);
  delivery.id = Guid();
  CHECK(code_of(wait_for(db->deliver({}, delivery))) == ErrorCode::kInvalid);
  require_whole(*db);
}

TEST_CASE("database: flags") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId inbox = db.folder("INBOX");
  std::vector<std::string> texts(100, "text");
  db.append(inbox, texts);
  FlagChange change;
  change.uids = {{10, 90}, {95, 200}};
  change.flags = kSeen | kDeleted;
  auto changed = wait_for(db->change_flags({}, inbox, change));
  CHECK(changed->changed == UidSet{{10, 90}, {95, 100}});
  CHECK(changed->modified.empty());
  CHECK(db->snapshot().folder(inbox)->unseen == 13);
  CHECK(db->snapshot().folder(inbox)->deleted == 87);
  const ModSeq modseq = db->snapshot().message(inbox, Uid(10))->modseq;
  CHECK(db->snapshot().folder(inbox)->highest_modseq == modseq);
  // Nothing differs: nothing changes, not even the MODSEQ.
  CHECK(wait_for(db->change_flags({}, inbox, change))->changed.empty());
  CHECK(db->snapshot().folder(inbox)->highest_modseq == modseq);

  change.mode = FlagMode::kRemove;
  change.uids = {{1, 50}};
  change.flags = kDeleted;
  change.keywords = {"never-seen"};
  CHECK(wait_for(db->change_flags({}, inbox, change))->changed == UidSet{{10, 50}});
  CHECK(db->snapshot().folder(inbox)->keywords.empty());

  change.mode = FlagMode::kReplace;
  change.uids = {{1, 11}};
  change.flags = kFlagged;
  change.keywords = {"todo"};
  change.unchanged_since = modseq;
  changed = wait_for(db->change_flags({}, inbox, change));
  CHECK(changed->changed == UidSet{{1, 9}});
  CHECK(changed->modified == UidSet{{10, 11}});
  CHECK(db->snapshot().message(inbox, Uid(1))->flags == (kFlagged | 1 << 8));
  std::vector<std::uint32_t> seen;
  db->snapshot().for_each_changed(inbox, modseq, [&](const Message& message) {
    seen.push_back(message.uid.value);
    return message.uid.value < 20;
  });
  CHECK(seen.front() == 1);
  CHECK(seen.back() == 20);
  CHECK(seen.size() == 20);
  change.flags = 1 << 8;
  CHECK(code_of(wait_for(db->change_flags({}, inbox, change))) == ErrorCode::kInvalid);
  CHECK(code_of(wait_for(db->change_flags({}, FolderId(99), {}))) == ErrorCode::kNotFound);
  require_whole(*db);
}

TEST_CASE("database: expunge") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId inbox = db.folder("INBOX");
  db.append(inbox, std::vector<std::string>(200, "text"));
  const ModSeq before = db->snapshot().folder(inbox)->highest_modseq;
  FlagChange change;
  change.uids = {{50, 150}};
  change.flags = kDeleted;
  REQUIRE(wait_for(db->change_flags({}, inbox, change)).has_value());
  CHECK(*wait_for(db->expunge({}, inbox, {{1, 60}}, true)) == UidSet{{50, 60}});
  CHECK(*wait_for(db->expunge({}, inbox, {{1, 3}, {61, UINT32_MAX}}, false)) ==
        UidSet{{1, 3}, {61, 200}});
  CHECK(wait_for(db->expunge({}, inbox, {{100, 120}}, false))->empty());
  CHECK(db->snapshot().uids(inbox).size() == 46);
  CHECK(*db->snapshot().expunged_since(inbox, before) == UidSet{{1, 3}, {50, 200}});
  CHECK(
      db->snapshot().expunged_since(inbox, db->snapshot().folder(inbox)->highest_modseq)->empty());
  CHECK_FALSE(db->snapshot().expunged_since(inbox, ModSeq(0)).has_value());
  CHECK_FALSE(db->snapshot().expunged_since(FolderId(99), before).has_value());
  CHECK(db.append(inbox, {"next"}).front() == Uid(201));
  require_whole(*db);
}

TEST_CASE("database: a folder emptied message by message leaves no chunk behind") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId inbox = db.folder("INBOX");
  db.append(inbox, std::vector<std::string>(130, "text"));
  for (std::uint32_t uid = 1; uid <= 130; uid += 1) {
    if (uid % 13 == 0) continue;
    REQUIRE(wait_for(db->expunge({}, inbox, {{uid, uid}}, false))->count() == 1);
  }
  CHECK(db->snapshot().uids(inbox) == Numbers{13, 26, 39, 52, 65, 78, 91, 104, 117, 130});
  require_whole(*db);
}

TEST_CASE("database: copy and move share bodies") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId inbox = db.folder("INBOX");
  const FolderId trash = db.folder("Trash");
  NewMessage message = message_of("annotated", kSeen);
  message.keywords = {"blue", "green"};
  message.annotation = "note";
  REQUIRE(wait_for(db->append({}, inbox, {message_of("plain"), message})).has_value());
  message.keywords = {"red"};
  REQUIRE(wait_for(db->append({}, trash, {message})).has_value());
  const auto copied = wait_for(db->copy({}, inbox, {{2, 100}}, trash));
  REQUIRE(copied.has_value());
  CHECK(numbers(copied->from) == Numbers{2});
  CHECK(numbers(copied->to) == Numbers{2});
  CHECK(copied->uid_validity == db->snapshot().folder(trash)->uid_validity);
  CHECK(db->snapshot().folder(trash)->keywords == std::vector<std::string>{"red", "blue", "green"});
  CHECK(db->snapshot().message(trash, Uid(2))->flags == (kSeen | 1 << 9 | 1 << 10));
  CHECK(db->snapshot().annotation(trash, Uid(2)) == "note");
  CHECK(db->snapshot().message(trash, Uid(2))->body == db->snapshot().message(inbox, Uid(2))->body);

  const auto moved = wait_for(db->move({}, inbox, {{1, 2}}, trash));
  CHECK(numbers(moved->to) == Numbers{3, 4});
  CHECK(db->snapshot().uids(inbox).empty());
  CHECK(db.text_of(trash, Uid(3)) == "plain");
  const auto within = wait_for(db->move({}, trash, {{1, 1}}, trash));
  CHECK(numbers(within->to) == Numbers{5});
  CHECK(db->snapshot().uids(trash) == Numbers{2, 3, 4, 5});
  CHECK(wait_for(db->copy({}, inbox, {{1, 9}}, trash))->from.empty());
  CHECK(code_of(wait_for(db->copy({}, inbox, {{1, 9}}, FolderId(99)))) == ErrorCode::kNotFound);
  CHECK(code_of(wait_for(db->move({}, FolderId(99), {{1, 9}}, inbox))) == ErrorCode::kNotFound);
  require_whole(*db);
}

TEST_CASE("database: annotations") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId inbox = db.folder("INBOX");
  db.append(inbox, {"a", "b"});
  REQUIRE(wait_for(db->annotate({}, inbox, Uid(1), std::string(kAnnotationMax, 'n'))).has_value());
  CHECK(db->snapshot().annotation(inbox, Uid(1)).size() == kAnnotationMax);
  CHECK(db->snapshot().annotation(inbox, Uid(2)).empty());
  CHECK(code_of(wait_for(db->annotate({}, inbox, Uid(3), "x"))) == ErrorCode::kNotFound);
  CHECK(code_of(wait_for(db->annotate({}, inbox, Uid(1), std::string(kAnnotationMax + 1, 'n')))) ==
        ErrorCode::kInvalid);
  REQUIRE(wait_for(db->annotate({}, inbox, Uid(1), "")).has_value());
  CHECK(db->snapshot().annotation(inbox, Uid(1)).empty());
  REQUIRE(wait_for(db->annotate({}, inbox, Uid(2), "gone with its message")).has_value());
  REQUIRE(wait_for(db->expunge({}, inbox, {{2, 2}}, false)).has_value());
  require_whole(*db);
}

TEST_CASE("database: a snapshot does not see later changes, bodies outlive it") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId inbox = db.folder("INBOX");
  db.append(inbox, {"kept"});
  std::optional<Body> body;
  {
    const Snapshot old = db->snapshot();
    db.append(inbox, {"new"});
    CHECK(old.uids(inbox) == Numbers{1});
    CHECK(db->snapshot().uids(inbox) == Numbers{1, 2});
    body = *old.body(old.message(inbox, Uid(1))->body);
  }
  REQUIRE(wait_for(db->expunge({}, inbox, {{1, 1}}, false)).has_value());
  db->close();
  CHECK(body->bytes == "kept");
}

TEST_CASE("database: watchers hear of changes to their folder") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId inbox = db.folder("INBOX");
  asio::io_context io;
  Signal signal;
  Actor actor;
  actor.session = numbered_guid(5);
  {
    FolderWatch watch(*db, inbox, io.get_executor(), signal);
    REQUIRE(wait_for(db->append(actor, inbox, {message_of("a"), message_of("b")})).has_value());
    db.append(db.folder("Sent"), {"not told"});
    REQUIRE(wait_for(db->move(actor, inbox, {{1, 1}}, db.folder("Sent"))).has_value());
    io.run();
    CHECK(signal.take());
    const auto taken = watch.take();
    REQUIRE(taken.events.size() == 2);
    CHECK(taken.events[0].kind == FolderEvent::Kind::kAppended);
    CHECK(taken.events[0].uids == UidSet{{1, 2}});
    CHECK(taken.events[0].session == actor.session);
    CHECK(taken.events[0].modseq == db->snapshot().message(inbox, Uid(2))->modseq);
    CHECK(taken.events[1].kind == FolderEvent::Kind::kExpunged);
    CHECK(taken.events[1].uids == UidSet{{1, 1}});
    CHECK_FALSE(taken.overflowed);
    CHECK(watch.take().events.empty());

    std::vector<NewMessage> one{message_of("x")};
    for (std::size_t i = 0; i <= FolderWatch::kEventsMax; ++i)
      REQUIRE(wait_for(db->append({}, inbox, one)).has_value());
    CHECK(watch.take().overflowed);
  }
  db.append(inbox, {"nobody listens"});
  io.restart();
  io.run();
}

TEST_CASE("database: recent is claimed once") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId inbox = db.folder("INBOX");
  CHECK(db->claim_recent(inbox, Uid(1)) == Uid(1));
  db.append(inbox, {"a", "b"});
  CHECK(db->claim_recent(inbox, Uid(3)) == Uid(1));
  CHECK(db->claim_recent(inbox, Uid(3)) == Uid(3));
  db.append(inbox, {"c"});
  CHECK(db->claim_recent(inbox, Uid(3)) == Uid(3));  // looked before it arrived
  CHECK(db->claim_recent(inbox, Uid(4)) == Uid(3));
}

TEST_CASE("database: open refuses what it must") {
  TempFolder folder;
  const std::string path = folder.path() + "/db";
  OpenOptions options = small_options(path);
  options.create = false;
  CHECK(code_of(Database::open(options, test_platform())) == ErrorCode::kNotFound);
  options.create = true;
  {
    OpenDatabase db(options);
    const auto second = Database::open(options, test_platform());
    CHECK(code_of(second) == ErrorCode::kUnavailable);
    CHECK(second.error().text.find(std::to_string(::getpid())) != std::string::npos);
  }
  OpenOptions other = options;
  other.guid = kBert;
  CHECK(code_of(Database::open(other, test_platform())) == ErrorCode::kInvalid);
  options.epoch = 5;
  {
    OpenDatabase db(options);
  }
  options.epoch = 4;
  CHECK(code_of(Database::open(options, test_platform())) == ErrorCode::kInvalid);
  options.epoch = 5;
  options.guid = Guid();
  CHECK(OpenDatabase(options)->guid() == kDatabaseGuid);
}

TEST_CASE("database: a full index refuses changes and stays whole") {
  TempFolder folder;
  OpenOptions options = small_options(folder.path());
  options.index_bytes_max = 2 << 20;
  options.checkpoint_interval = std::chrono::hours(1);
  std::string before;
  {
    OpenDatabase db(options);
    const FolderId inbox = db.folder("INBOX");
    std::uint32_t appended = 0;
    while (appended < 10'000) {
      before = describe(*db);
      const auto outcome = wait_for(db->append({}, inbox, {message_of("one more")}));
      if (!outcome) {
        CHECK(code_of(outcome) == ErrorCode::kExhausted);
        break;
      }
      ++appended;
    }
    REQUIRE(appended < 10'000);
    CHECK(describe(*db) == before);
    require_whole(*db);
    // Most of it is pages of earlier states: a new file has room again.
    CompactOptions shrink;
    shrink.always_shrink = true;
    Progress progress;
    REQUIRE(db->compact(shrink, progress)->index_shrunk);
    CHECK(describe(*db) == before);
    db.append(inbox, {"one more after all"});
    require_whole(*db);
    before = describe(*db);
  }
  options.index_bytes_max = 64 << 20;
  OpenDatabase db(options);
  CHECK(describe(*db) == before);
  db.append(db.folder("INBOX"), {"now it fits"});
  require_whole(*db);
}

TEST_CASE("database: a big folder is deleted in steps") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const auto big = wait_for(db->create_folder({}, db.mailbox, "big", SpecialUse::kNone));
  REQUIRE(big.has_value());
  const std::vector<std::string> texts(1025, "one of many");
  for (int i = 0; i < 4; ++i) db.append(*big, texts);
  const std::uint64_t records = db->statistics().records;
  REQUIRE(wait_for(db->delete_folder({}, *big)).has_value());
  CHECK(db->statistics().records - records == 3);
  CHECK_FALSE(db->snapshot().folder(*big).has_value());
  CHECK(db->statistics().messages == 0);
  require_whole(*db);
}

TEST_CASE("database: many callers share a sync") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId inbox = db.folder("INBOX");
  const auto before = db->statistics();
  asio::io_context io;
  int done = 0;
  for (int i = 0; i < 500; ++i) {
    asio::co_spawn(io.get_executor(), db->append({}, inbox, {message_of("shared")}),
                   [&](const std::exception_ptr&, const Result<Appended>& outcome) {
                     CHECK(outcome.has_value());
                     ++done;
                   });
  }
  io.run();
  CHECK(done == 500);
  const auto after = db->statistics();
  CHECK(after.records - before.records == 500);
  CHECK(after.commits - before.commits < 250);
  CHECK(db->snapshot().folder(inbox)->messages == 500);
  require_whole(*db);
}

TEST_CASE("database: what is asked while closing is refused, not lost") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId inbox = db.folder("INBOX");
  db->close();
  CHECK(code_of(wait_for(db->append({}, inbox, {message_of("x")}))) == ErrorCode::kUnavailable);
}

TEST_CASE("database: tasks of a stopped io_context do not hold the database up") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId inbox = db.folder("INBOX");
  {
    asio::io_context io;
    bool resumed = false;
    asio::co_spawn(io.get_executor(), db->append({}, inbox, {message_of("left behind")}),
                   [&](const std::exception_ptr&, const Result<Appended>&) { resumed = true; });
    io.poll_one();
    io.stop();
    db->close();
    CHECK_FALSE(resumed);
  }
  CHECK(db->snapshot().folder(inbox)->messages == 1);
}
