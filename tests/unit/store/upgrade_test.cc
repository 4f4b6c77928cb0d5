// Folders that earlier formats left behind open, with all they hold.
#include "fixture.h"
#include "store/log_reader.h"
#include "store/recovery.h"
#include "store/schema.h"

using namespace hauspost;
using namespace hauspost::store;
using namespace hauspost::store::test;
namespace fs = std::filesystem;

namespace {

// Written by the first version: index format 1, log format 1.
constexpr const char* kFormat1 = HAUSPOST_FIXTURES "/format1";
// Written by the version before grants: index format 2. It was compacted, so that its log has no
// beginning any more; the last record lies behind the image.
constexpr const char* kFormat2 = HAUSPOST_FIXTURES "/format2";

void check_contents(OpenDatabase& db) {
  const FolderId inbox = db.folder("INBOX");
  const Snapshot snapshot = db->snapshot();
  const auto folder = snapshot.folder(inbox);
  CHECK(folder->uid_validity == 1795300959);
  CHECK(folder->uid_next == Uid(6));
  CHECK(snapshot.uids(inbox) == std::vector<std::uint32_t>{1, 3, 4, 5});
  CHECK(db.text_of(inbox, Uid(1)) == "one\r\n");
  CHECK(snapshot.message(inbox, Uid(1))->flags == kSeen);
  CHECK(db.text_of(inbox, Uid(3)) == "three\r\n" + std::string(3000, 'x') + "\r\n");
  CHECK(snapshot.message(inbox, Uid(3))->flags == kFlagged);
  CHECK(snapshot.message(inbox, Uid(3))->modseq == ModSeq(6));
  CHECK(snapshot.annotation(inbox, Uid(4)) == "note");
  CHECK(folder->keywords == std::vector<std::string>{"$Important"});
  CHECK(snapshot.expunged_since(inbox, ModSeq(3))->contains(2));
  CHECK(db.text_of(db.folder("Work/2024"), Uid(1)) == "one\r\n");
  const std::string delivered = "delivered\r\n" + std::string(4000, 'y') + "\r\n";
  CHECK(db.text_of(inbox, Uid(5)) == delivered);
  const auto bert = snapshot.mailbox(kBert);
  REQUIRE(bert.has_value());
  CHECK(bert->label == "bert@example.org");
  CHECK(bert->messages == 1);
  CHECK(snapshot.mailbox(kAnna)->messages == 5);
  // A delivery that the old version made is still known.
  Delivery again;
  again.id = *Guid::parse("cccccccc-1111-4222-8333-444455556666");
  again.body = body_of(delivered);
  again.targets = {{kBert, "bert@example.org"}};
  REQUIRE(wait_for(db->deliver({}, again)).has_value());
}

void check_contents_of_format2(OpenDatabase& db) {
  const FolderId inbox = db.folder("INBOX");
  const Snapshot snapshot = db->snapshot();
  const auto folder = snapshot.folder(inbox);
  CHECK(folder->uid_validity == 1795312140);
  CHECK(folder->uid_next == Uid(8));
  CHECK(snapshot.uids(inbox) == std::vector<std::uint32_t>{1, 3, 4, 7});
  CHECK(snapshot.message(inbox, Uid(1))->flags == kSeen);
  CHECK(snapshot.message(inbox, Uid(3))->modseq == ModSeq(9));
  CHECK(snapshot.message(inbox, Uid(4))->flags == kAnswered);
  CHECK(snapshot.annotation(inbox, Uid(4)) == "note");
  CHECK(db.text_of(inbox, Uid(3)) == "three\r\n" + std::string(3000, 'x') + "\r\n");
  CHECK(db.text_of(db.folder("Work/2024"), Uid(1)) == "one\r\n");
  CHECK(snapshot.mailbox(kBert)->messages == 1);
  CHECK(snapshot.rights(inbox).empty());
}

// What format 3 added works, also after the next mount.
void use_new_tables(const OpenOptions& options) {
  {
    OpenDatabase db(options);
    check_contents_of_format2(db);
    require_whole(*db);
    const FolderId inbox = db.folder("INBOX");
    REQUIRE(wait_for(db->set_rights({}, inbox, kBert, kMayLookUp | kMayRead)).has_value());
    REQUIRE(wait_for(db->change_flags({.session = {}, .user = kBert, .device = {}}, inbox,
                                      {.uids = {{3, 3}}, .mode = FlagMode::kAdd, .flags = kSeen}))
                .has_value());
  }
  OpenDatabase db(options);
  require_whole(*db);
  const FolderId inbox = db.folder("INBOX");
  CHECK(db->snapshot().rights_of(inbox, kBert) == (kMayLookUp | kMayRead));
  Snapshot berts = db->snapshot();
  berts.view_as(kBert);
  CHECK((berts.message(inbox, Uid(3))->flags & kSeen) != 0);
  CHECK((db->snapshot().message(inbox, Uid(3))->flags & kSeen) == 0);
}

}  // namespace

TEST_CASE("upgrade: an index without grants gets its new tables where it lies", "[upgrade]") {
  TempFolder folder;
  fs::copy(kFormat2, folder.path(),
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  OpenOptions options = small_options(folder.path());
  options.create = false;
  fs::remove(folder.path() + "/image");  // with this gone nothing but the index itself is left
  use_new_tables(options);
}

TEST_CASE("upgrade: an image without grants serves as well", "[upgrade]") {
  TempFolder folder;
  fs::copy(kFormat2, folder.path(),
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  OpenOptions options = small_options(folder.path());
  options.create = false;
  fs::remove(folder.path() + "/index.mdb");
  fs::remove(folder.path() + "/checkpoint");
  use_new_tables(options);
}

TEST_CASE("upgrade: a closed database without grants is checked as it is", "[upgrade]") {
  TempFolder folder;
  fs::copy(kFormat2, folder.path(),
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  const std::string before = read_whole(folder.path() + "/index.mdb");
  // The boot it was written in is not this one: only a clean mark lets the index be read.
  const auto report = verify(folder.path());
  REQUIRE(report.has_value());
  CHECK(report->index_checked);
  CHECK(report->faults.empty());
  CHECK(read_whole(folder.path() + "/index.mdb") == before);
}

TEST_CASE("upgrade: a folder of the first version opens with all it holds", "[upgrade]") {
  TempFolder folder;
  fs::copy(kFormat1, folder.path(),
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  OpenOptions options = small_options(folder.path());
  options.create = false;
  {
    OpenDatabase db(options);
    check_contents(db);
    require_whole(*db);
    db.append(db.folder("INBOX"), {"new"});
    CHECK(db->snapshot().folder(db.folder("INBOX"))->uid_next == Uid(7));
  }
  OpenDatabase db(options);
  require_whole(*db);
  CHECK(db.text_of(db.folder("INBOX"), Uid(6)) == "new");
}

TEST_CASE("upgrade: an index of a newer format than known is left to the log", "[upgrade]") {
  TempFolder folder;
  const OpenOptions options = small_options(folder.path());
  std::string before;
  {
    OpenDatabase db(options);
    db.append(db.folder("INBOX"), {"one", "two"});
    before = describe(*db);
  }
  {
    auto index = Index::open(folder.path() + "/index.mdb", 1 << 30, false);
    REQUIRE(index.has_value());
    auto txn = index->environment->write();
    const auto raw = txn->get(index->state, kStateKey);
    std::string state(**raw);
    state[0] = 99;
    REQUIRE(txn->put(index->state, kStateKey, state).has_value());
    REQUIRE(txn->commit().has_value());
    REQUIRE(index->environment->sync().has_value());
  }
  // The checkpoint is of the moment before; without it the file counts as lost.
  fs::remove(folder.path() + "/checkpoint");
  OpenDatabase db(options);
  CHECK(describe(*db) == before);
}
