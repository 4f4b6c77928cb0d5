// Metadata of folders and mailboxes, and those who watch a whole mailbox.
#include "store/metadata.h"

#include "base/signal.h"
#include "fixture.h"
#include "store/backup/merge_mailbox.h"
#include "store/mailbox_watch.h"
#include "store/progress.h"

using namespace hauspost;
using namespace hauspost::store;
using namespace hauspost::store::test;

namespace {

void set(OpenDatabase& db, FolderId folder, std::vector<MetadataChange> changes) {
  const auto done = wait_for(db->set_metadata({}, db.mailbox, folder, std::move(changes)));
  if (!done) FAIL(done.error().text);
}

std::string names(const Database& database, const MetadataPlace& place, std::string_view below) {
  std::string out;
  database.snapshot().for_each_metadata(place, below, [&](const MetadataEntry& entry) {
    out += entry.name + "=" + entry.value + " ";
  });
  return out;
}

}  // namespace

TEST_CASE("metadata: owners and places are apart", "[metadata]") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId inbox = db.folder("INBOX");
  set(db, inbox, {{Guid(), "/Comment", "all"}, {kAnna, "/comment", "anna"}});
  set(db, FolderId(), {{kAnna, "/comment", "of the mailbox"}});
  const Snapshot snapshot = db->snapshot();
  CHECK(snapshot.metadata({db.mailbox, inbox, {}}, "/comment")->value == "all");
  CHECK(snapshot.metadata({db.mailbox, inbox, {}}, "/comment")->name == "/Comment");
  CHECK(snapshot.metadata({db.mailbox, inbox, kAnna}, "/COMMENT")->value == "anna");
  CHECK_FALSE(snapshot.metadata({db.mailbox, inbox, kBert}, "/comment"));
  CHECK(snapshot.metadata({db.mailbox, FolderId(), kAnna}, "/comment")->value == "of the mailbox");
  CHECK_FALSE(snapshot.metadata({db.mailbox, FolderId(), Guid()}, "/comment"));
  require_whole(*db);
}

TEST_CASE("metadata: what lies below a name", "[metadata]") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId inbox = db.folder("INBOX");
  const MetadataPlace place{db.mailbox, inbox, kAnna};
  set(db, inbox,
      {{kAnna, "/a", "1"}, {kAnna, "/a/b", "2"}, {kAnna, "/a-b", "3"}, {kAnna, "/a/b/c", "4"}});
  CHECK(names(*db, place, "/a") == "/a=1 /a/b=2 /a/b/c=4 ");
  CHECK(names(*db, place, "/A/B") == "/a/b=2 /a/b/c=4 ");
  CHECK(names(*db, place, "") == "/a=1 /a-b=3 /a/b=2 /a/b/c=4 ");
  CHECK(names(*db, place, "/b").empty());
}

TEST_CASE("metadata: survives a restart and an index made anew", "[metadata]") {
  TempFolder folder;
  std::string before;
  {
    OpenDatabase db(small_options(folder.path()));
    set(db, db.folder("INBOX"), {{kAnna, "/a", "1"}, {Guid(), "/b", std::string("2\0", 2)}});
    set(db, FolderId(), {{kAnna, "/a", "1"}});
    set(db, db.folder("INBOX"), {{kAnna, "/a", std::nullopt}, {kAnna, "/c", ""}});
    before = describe(*db);
    CHECK(before.find("/c=\n") != std::string::npos);
  }
  {
    OpenDatabase db(small_options(folder.path()));
    CHECK(describe(*db) == before);
  }
  std::filesystem::remove(folder.path() + "/index.mdb");
  OpenDatabase db(small_options(folder.path()));
  CHECK(describe(*db) == before);
  require_whole(*db);
}

TEST_CASE("metadata: goes with its folder and its mailbox, stays when they are renamed",
          "[metadata]") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId sent = db.folder("Sent");
  set(db, sent, {{kAnna, "/a", "1"}});
  set(db, FolderId(), {{kAnna, "/a", "1"}});
  REQUIRE(wait_for(db->rename_folder({}, sent, "Gone/Out")));
  CHECK(names(*db, {db.mailbox, db.folder("Gone/Out"), kAnna}, "") == "/a=1 ");
  REQUIRE(wait_for(db->delete_folder({}, sent)));
  CHECK(names(*db, {db.mailbox, sent, kAnna}, "").empty());
  require_whole(*db);
  REQUIRE(wait_for(db->delete_mailbox({}, kAnna)));
  CHECK(names(*db, {db.mailbox, FolderId(), kAnna}, "").empty());
  require_whole(*db);
}

TEST_CASE("metadata: what is refused changes nothing", "[metadata]") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId inbox = db.folder("INBOX");
  const auto code = [&](FolderId to, std::vector<MetadataChange> changes) {
    const auto done = wait_for(db->set_metadata({}, db.mailbox, to, std::move(changes)));
    REQUIRE_FALSE(done.has_value());
    return done.error().code;
  };
  CHECK(code(FolderId(999), {{kAnna, "/a", "1"}}) == ErrorCode::kNotFound);
  CHECK(code(inbox, {{kAnna, "/a", "1"}, {kAnna, "a", "1"}}) == ErrorCode::kInvalid);
  CHECK(code(inbox, {{kAnna, "/a", std::string(kMetadataValueMax + 1, 'x')}}) ==
        ErrorCode::kInvalid);
  std::vector<MetadataChange> many;
  for (std::size_t i = 0; i <= kMetadataEntriesMax; ++i)
    many.push_back({kAnna, "/e" + std::to_string(i), "v"});
  CHECK(code(inbox, many) == ErrorCode::kExhausted);
  CHECK(names(*db, {db.mailbox, inbox, kAnna}, "").empty());
  many.pop_back();
  set(db, inbox, many);
  std::vector<MetadataChange> big;
  for (std::size_t i = 0; i <= kMetadataBytesMax / kMetadataValueMax; ++i)
    big.push_back({kBert, "/e" + std::to_string(i), std::string(kMetadataValueMax, 'x')});
  CHECK(code(inbox, big) == ErrorCode::kExhausted);
  for (const char* name :
       {"", "/", "a", "/a/", "//a", "/a//b", "/a*", "/%", "/a\x01", "/\x7f", "/\xc3\xa4"}) {
    CAPTURE(name);
    CHECK_FALSE(is_metadata_name(name));
  }
  CHECK(is_metadata_name("/a b/\"c\"/d.e"));
  CHECK(is_metadata_name("/" + std::string(kMetadataNameMax - 1, 'a')));
  CHECK_FALSE(is_metadata_name("/" + std::string(kMetadataNameMax, 'a')));
}

TEST_CASE("metadata: a merge brings what is not there", "[metadata]") {
  TempFolder from_folder;
  TempFolder to_folder;
  OpenDatabase from(small_options(from_folder.path()));
  OpenDatabase to(small_options(to_folder.path()));
  set(from, from.folder("INBOX"), {{kAnna, "/a", "old"}, {Guid(), "/b", "old"}});
  set(from, FolderId(), {{kAnna, "/server", "old"}});
  set(to, to.folder("INBOX"), {{kAnna, "/a", "new"}});
  MergeOptions options;
  options.from = options.to = kAnna;
  Progress progress;
  REQUIRE(merge_mailbox(*from, *to, options, progress));
  CHECK(names(*to, {to.mailbox, to.folder("INBOX"), kAnna}, "") == "/a=new ");
  CHECK(names(*to, {to.mailbox, to.folder("INBOX"), Guid()}, "") == "/b=old ");
  CHECK(names(*to, {to.mailbox, FolderId(), kAnna}, "") == "/server=old ");
}

TEST_CASE("metadata: a merge brings the mail even where there is no room for more", "[metadata]") {
  TempFolder from_folder;
  TempFolder to_folder;
  OpenDatabase from(small_options(from_folder.path()));
  OpenDatabase to(small_options(to_folder.path()));
  set(from, from.folder("INBOX"), {{kAnna, "/a", "old"}});
  from.append(from.folder("INBOX"), {"mail"});
  std::vector<MetadataChange> full;
  for (std::size_t i = 0; i < kMetadataEntriesMax; ++i)
    full.push_back({kAnna, "/e" + std::to_string(i), "v"});
  set(to, to.folder("INBOX"), full);
  MergeOptions options;
  options.from = options.to = kAnna;
  Progress progress;
  const auto report = merge_mailbox(*from, *to, options, progress);
  REQUIRE(report.has_value());
  CHECK(report->copied == 1);
  CHECK(names(*to, {to.mailbox, to.folder("INBOX"), kAnna}, "/a").empty());
}

TEST_CASE("mailbox watch: tells which folders changed, how, and only by others", "[watch]") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  REQUIRE(wait_for(db->open_mailbox({}, kBert, "bert@example.org")));
  asio::io_context io;
  Signal signal;
  const Actor self{.session = numbered_guid(5), .user = kAnna, .device = ""};
  MailboxWatch watch(*db, db.mailbox, self, io.get_executor(), signal);
  const FolderId inbox = db.folder("INBOX");
  db.append(inbox, {"a", "b", "c"});
  REQUIRE(wait_for(db->move({}, inbox, {{1, 1}}, db.folder("Sent"))));
  REQUIRE(wait_for(db->append(self, db.folder("Drafts"), {message_of("own")})));
  const auto made = wait_for(db->create_folder({}, db.mailbox, "New", SpecialUse::kNone));
  REQUIRE(made);
  REQUIRE(wait_for(
      db->set_metadata({}, db.mailbox, inbox, {{kAnna, "/a", "1"}, {kBert, "/hidden", "1"}})));
  io.run();
  CHECK(signal.take());
  const auto taken = watch.take();
  CHECK(taken.folders.at(inbox) == (MailboxWatch::kMessagesCame | MailboxWatch::kMessagesWent));
  CHECK(taken.folders.at(db.folder("Sent")) == MailboxWatch::kMessagesCame);
  CHECK(taken.folders.at(*made) == (MailboxWatch::kNamed | MailboxWatch::kMade));
  CHECK(taken.folders.size() == 3);
  CHECK(taken.names_changed);
  CHECK(taken.metadata == std::set<MailboxWatch::Entry>{{inbox, kAnna, "/a"}});
  CHECK_FALSE(taken.overflowed);
  CHECK(watch.take().empty());
  REQUIRE(wait_for(db->rename_folder(self, *made, "Newer")));
  const auto own = watch.take();
  CHECK(own.names_changed);
  CHECK(own.folders.empty());
  for (std::size_t i = 0; i <= MailboxWatch::kMetadataPendingMax; ++i) {
    const std::string name = "/e" + std::to_string(i % 50) + "x" + std::to_string(i / 50);
    set(db, inbox, {{kAnna, name, "1"}, {kAnna, name, std::nullopt}});
  }
  CHECK(watch.take().overflowed);
  io.restart();
  io.run();
}

TEST_CASE("metadata: a note comes with the messages it is about, or neither does", "[metadata]") {
  TempFolder folder;
  OpenDatabase db(small_options(folder.path()));
  const FolderId inbox = db.folder("INBOX");
  const MetadataPlace place{db.mailbox, FolderId(), kAnna};
  const auto append = [&](std::vector<NewMessage> messages, std::string note) {
    return wait_for(db->append_noted({}, inbox, std::move(messages),
                                     {kAnna, "/note", std::move(note)}, false));
  };
  REQUIRE(append({message_of("one"), message_of("two")}, "2"));
  CHECK(db->snapshot().metadata(place, "/note")->value == "2");
  REQUIRE(append({}, "still 2"));
  CHECK(db->snapshot().metadata(place, "/note")->value == "still 2");
  CHECK(db->snapshot().folder(inbox)->messages == 2);

  CHECK_FALSE(append({message_of("three")}, std::string(kMetadataValueMax + 1, 'x')));
  CHECK(db->snapshot().folder(inbox)->messages == 2);
  NewMessage broken = message_of("four");
  broken.keywords = {"not a keyword because of (spaces)"};
  CHECK_FALSE(append({broken}, "3"));
  CHECK(db->snapshot().metadata(place, "/note")->value == "still 2");

  require_whole(*db);
}
