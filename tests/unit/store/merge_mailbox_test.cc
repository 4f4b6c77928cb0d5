#include "store/backup/merge_mailbox.h"

#include "fixture.h"
#include "store/backup/back_up.h"
#include "store/backup/restore.h"

using namespace hauspost;
using namespace hauspost::store;
using namespace hauspost::store::test;

namespace {

struct Listed {
  std::string text;
  FlagBits flags = 0;
  std::int64_t date_s = 0;
  std::vector<std::string> keywords;
  auto operator<=>(const Listed&) const = default;
};

std::vector<Listed> list(const Database& database, const Guid& mailbox, std::string_view path) {
  const Snapshot snapshot = database.snapshot();
  const auto found = snapshot.mailbox(mailbox);
  REQUIRE(found.has_value());
  const auto folder = snapshot.find_folder(found->id, path);
  if (!folder) return {};
  std::vector<Listed> out;
  snapshot.for_each_message(folder->id, {1, UINT32_MAX}, [&](const Message& message) {
    Listed listed{std::string(snapshot.body(message.body)->bytes),
                  message.flags & kSystemFlags,
                  message.internal_date_s,
                  {}};
    for (std::size_t i = 0; i < folder->keywords.size(); ++i) {
      if ((message.flags >> (kFirstKeywordBit + i) & 1) != 0)
        listed.keywords.push_back(folder->keywords[i]);
    }
    out.push_back(std::move(listed));
    return true;
  });
  return out;
}

void add(Database& database, FolderId folder, std::string text, FlagBits flags, std::int64_t date_s,
         std::vector<std::string> keywords = {}) {
  NewMessage message = message_of(std::move(text), flags);
  message.internal_date_s = date_s;
  message.keywords = std::move(keywords);
  REQUIRE(wait_for(database.append({}, folder, {message})).has_value());
}

MergeReport merge(const Database& source, Database& target, MergeOptions options) {
  options.from = kAnna;
  if (options.to.is_nil()) options.to = kAnna;
  options.to_label = "anna@example.org";
  Progress progress;
  auto report = merge_mailbox(source, target, options, progress);
  if (!report) FAIL(report.error().text);
  return *std::move(report);
}

}  // namespace

TEST_CASE("merge: a folder comes back with all that belongs to it", "[backup]") {
  TempFolder folder;
  const OpenDatabase source(small_options(folder.path() + "/source"));
  const auto work =
      wait_for(source->create_folder({}, source.mailbox, "Work/2026", SpecialUse::kNone));
  REQUIRE(work.has_value());
  add(*source, *work, "one", kSeen | kFlagged, 1000, {"$Label1", "done"});
  add(*source, *work, "two", 0, 2000);
  add(*source, *work, "two", 0, 2000);
  add(*source, source.folder("INBOX"), "other", 0, 3000);
  const OpenDatabase target(small_options(folder.path() + "/target"));
  const auto report = merge(*source, *target, {.folder = "Work", .root = "Restored"});
  CHECK(report.folders == 2);
  CHECK(report.folders_made == 2);
  CHECK(report.copied == 3);
  const auto before = list(*source, kAnna, "Work/2026");
  CHECK(list(*target, kAnna, "Restored/Work/2026") == before);
  CHECK(list(*target, kAnna, "INBOX").empty());

  SECTION("and again it changes nothing") {
    const auto again = merge(*source, *target, {.folder = "Work", .root = "Restored"});
    CHECK(again.copied == 0);
    CHECK(again.existing == 3);
    CHECK(again.folders_made == 0);
    CHECK(list(*target, kAnna, "Restored/Work/2026") == before);
  }
  SECTION("what went away comes back alone") {
    const FolderId there = target.folder("Restored/Work/2026");
    (void)wait_for(target->expunge({}, there, {{2, 2}}, false));
    const auto again = merge(*source, *target, {.folder = "Work", .root = "Restored"});
    CHECK(again.copied == 1);
    CHECK(again.existing == 2);
    CHECK(list(*target, kAnna, "Restored/Work/2026") == before);
  }
  SECTION("twice when that is wanted") {
    const auto again =
        merge(*source, *target, {.folder = "Work", .root = "Restored", .copy_again = true});
    CHECK(again.copied == 3);
    CHECK(list(*target, kAnna, "Restored/Work/2026").size() == 6);
  }
  SECTION("into another mailbox, which is made") {
    merge(*source, *target, {.folder = "Work", .to = kBert});
    CHECK(list(*target, kBert, "Work/2026") == before);
  }
}

TEST_CASE("merge: a folder that was gone has its own grants, not those above it", "[backup]") {
  TempFolder folder;
  const OpenDatabase source(small_options(folder.path() + "/source"));
  const OpenDatabase target(small_options(folder.path() + "/target"));
  REQUIRE(wait_for(target->open_mailbox({}, kBert, "bert@example.org")).has_value());
  const auto make = [](const OpenDatabase& database, std::string path) {
    const auto made =
        wait_for(database->create_folder({}, database.mailbox, std::move(path), SpecialUse::kNone));
    REQUIRE(made.has_value());
    return *made;
  };
  const auto own = make(source, "Work/Own");
  REQUIRE(wait_for(source->set_rights({}, own, Guid(), kMayLookUp)).has_value());
  const auto work = make(target, "Work");
  REQUIRE(wait_for(target->set_rights({}, work, kBert, kMayLookUp | kMayRead)).has_value());
  CHECK(merge(*source, *target, {.folder = "Work/Own"}).folders_made == 1);
  const Snapshot after = target->snapshot();
  const auto rights = after.rights(target.folder("Work/Own"));
  REQUIRE(rights.size() == 1);
  CHECK(rights.front().identity.is_nil());
  CHECK(rights.front().rights == kMayLookUp);
  CHECK(after.rights_of(work, kBert) == (kMayLookUp | kMayRead));
}

TEST_CASE("merge: names what is not there", "[backup]") {
  TempFolder folder;
  const OpenDatabase source(small_options(folder.path() + "/source"));
  const OpenDatabase target(small_options(folder.path() + "/target"));
  Progress progress;
  MergeOptions options;
  options.from = kBert;
  options.to = kAnna;
  auto refused = merge_mailbox(*source, *target, options, progress);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kNotFound);
  options.from = kAnna;
  options.folder = "Nowhere";
  refused = merge_mailbox(*source, *target, options, progress);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().text.find("INBOX") != std::string::npos);
}

TEST_CASE("merge: out of a backup, at a moment", "[backup]") {
  TempFolder folder;
  const std::string backup = folder.path() + "/backup";
  const OpenDatabase db(small_options(folder.path() + "/db"));
  add(*db, db.folder("INBOX"), "kept by accident " + std::string(9000, 'k'), kSeen, 1000);
  add(*db, db.folder("INBOX"), "lost", 0, 2000, {"urgent"});
  const auto before = list(*db, kAnna, "INBOX");
  const Lsn moment = db->statistics().last_lsn;
  (void)wait_for(db->expunge({}, db.folder("INBOX"), {{2, 2}}, false));
  Progress progress;
  REQUIRE(back_up(*db, {.folder = backup, .name = "DB1"}, progress).has_value());
  {
    const auto point = find_point(backup, 0, {moment, {}});
    REQUIRE(point.has_value());
    const auto opened = OpenedBackup::open(test_platform(), *point, folder.path(), progress);
    if (!opened) FAIL(opened.error().text);
    const auto report = merge((*opened)->database(), *db, {.folder = "inbox"});
    CHECK(report.copied == 1);
    CHECK(report.existing == 1);
  }
  CHECK(list(*db, kAnna, "INBOX") == before);
  require_whole(*db);
  int scratch = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    scratch += entry.path().filename().string().starts_with("backup-scratch") ? 1 : 0;
  CHECK(scratch == 0);
}
