// Quotas, deleted messages that are kept, mailboxes that go.
#include <atomic>
#include <map>

#include "fixture.h"

using namespace hauspost;
using namespace hauspost::store;
using namespace hauspost::store::test;

namespace {

constexpr std::int64_t kDay_s = 24 * 3600;
constexpr UidRange kAll{1, UINT32_MAX};

ErrorCode code_of(const auto& result) {
  REQUIRE_FALSE(result.has_value());
  return result.error().code;
}

class WallClock final : public Clock {
 public:
  WallTime now() const override { return WallTime(std::chrono::seconds(now_s.load())); }
  std::chrono::steady_clock::time_point steady() const override {
    return std::chrono::steady_clock::time_point(std::chrono::seconds(now_s.load()));
  }
  std::atomic<std::int64_t> now_s = 1'700'000'000;
};

// A database with a clock and limits that the test moves. The limits may be changed between calls
// only.
struct LimitedDatabase {
  LimitedDatabase() { open(); }
  void open() {
    OpenOptions options = small_options(folder.path());
    options.limits = [this](const Guid& mailbox) {
      const auto found = limits.find(mailbox);
      return found == limits.end() ? MailboxLimits{} : found->second;
    };
    Platform platform = test_platform();
    platform.clock = &clock;
    db.reset();
    db.emplace(std::move(options), platform);
  }
  Database& operator*() { return **db; }
  Database* operator->() { return db->database.get(); }
  MailboxLimits& of(const Guid& mailbox) { return limits[mailbox]; }
  Mailbox mailbox(const Guid& guid = kAnna) { return *db->database->snapshot().mailbox(guid); }
  FolderId inbox() { return db->folder("INBOX"); }
  std::optional<Folder> hidden() { return db->database->snapshot().recoverable(db->mailbox); }
  std::vector<Message> messages(FolderId in) {
    std::vector<Message> found;
    db->database->snapshot().for_each_message(in, kAll, [&](const Message& message) {
      found.push_back(message);
      return true;
    });
    return found;
  }
  Result<UidSet> expunge(FolderId from, UidSet uids) {
    return wait_for(db->database->expunge({}, from, std::move(uids), false));
  }
  Result<std::vector<Delivered>> deliver(const std::vector<Guid>& to, std::string text,
                                         bool beyond_quota = false) {
    Delivery delivery;
    delivery.id = Guid::random();
    delivery.body = body_of(std::move(text));
    delivery.beyond_quota = beyond_quota;
    for (const Guid& mailbox : to) delivery.targets.push_back({.mailbox = mailbox});
    return wait_for(db->database->deliver({}, std::move(delivery)));
  }

  TempFolder folder;
  WallClock clock;
  std::map<Guid, MailboxLimits> limits;
  std::optional<OpenDatabase> db;
};

}  // namespace

TEST_CASE("limits: a mailbox's sums follow every change", "[limits]") {
  LimitedDatabase f;
  CHECK(f.mailbox().messages == 0);
  const FolderId inbox = f.inbox();
  const FolderId trash = f.db->folder("Trash");
  f.db->append(inbox, {"12345", "123"});
  CHECK(f.mailbox().bytes == 8);
  CHECK(f.mailbox().messages == 2);
  REQUIRE(wait_for(f->copy({}, inbox, {{1, 1}}, trash)));
  CHECK(f.mailbox().bytes == 13);
  REQUIRE(wait_for(f->move({}, inbox, {{2, 2}}, trash)));
  CHECK(f.mailbox().bytes == 13);
  CHECK(f.mailbox().messages == 3);
  REQUIRE(f.expunge(inbox, {kAll}));
  CHECK(f.mailbox().bytes == 8);
  REQUIRE(wait_for(f->delete_folder({}, trash)));
  CHECK(f.mailbox().bytes == 0);
  CHECK(f.mailbox().messages == 0);
  REQUIRE(f.deliver({kAnna, kBert}, "1234"));
  CHECK(f.mailbox(kAnna).bytes == 4);
  CHECK(f.mailbox(kBert).bytes == 4);
  require_whole(*f);
  f.open();
  CHECK(f.mailbox(kBert).bytes == 4);
  require_whole(*f);
}

TEST_CASE("limits: what would exceed the quota is refused, the rest goes on", "[limits]") {
  LimitedDatabase f;
  const FolderId inbox = f.inbox();
  f.db->append(inbox, {"1234567"});
  f.of(kAnna).prohibit_receive_bytes = 10;

  CHECK(code_of(wait_for(f->append({}, inbox, {message_of("1234")}))) == ErrorCode::kOverQuota);
  CHECK(code_of(wait_for(f->append({}, inbox, {message_of("12"), message_of("12")}))) ==
        ErrorCode::kOverQuota);
  CHECK(code_of(wait_for(f->copy({}, inbox, {kAll}, f.db->folder("Trash")))) ==
        ErrorCode::kOverQuota);
  CHECK(f.mailbox().messages == 1);
  // Moving makes a mailbox no larger.
  REQUIRE(wait_for(f->move({}, inbox, {kAll}, f.db->folder("Trash"))));
  // Up to the last byte.
  REQUIRE(wait_for(f->append({}, inbox, {message_of("123")})));
  CHECK(f.mailbox().bytes == 10);

  const auto delivered = f.deliver({kAnna, kBert}, "x");
  REQUIRE(delivered);
  CHECK((*delivered)[0].over_quota);
  CHECK((*delivered)[0].nearly_full);
  CHECK((*delivered)[0].uid == Uid());
  CHECK_FALSE((*delivered)[1].over_quota);
  CHECK_FALSE((*delivered)[1].nearly_full);
  CHECK(f.mailbox(kBert).bytes == 1);
  CHECK(f.mailbox(kAnna).bytes == 10);
  const auto warning = f.deliver({kAnna}, "you are full", true);
  REQUIRE(warning);
  CHECK_FALSE(warning->front().over_quota);
  require_whole(*f);
}

TEST_CASE("limits: a delivery that met a full mailbox can be tried again", "[limits]") {
  LimitedDatabase f;
  f.of(kAnna).prohibit_receive_bytes = 0;
  Delivery delivery{.id = Guid::random(), .body = body_of("text"), .targets = {{.mailbox = kAnna}}};
  CHECK(wait_for(f->deliver({}, delivery))->front().over_quota);
  f.of(kAnna).prohibit_receive_bytes = 100;
  const auto second = wait_for(f->deliver({}, delivery));
  CHECK_FALSE(second->front().over_quota);
  CHECK_FALSE(second->front().duplicate);
  CHECK(wait_for(f->deliver({}, delivery))->front().duplicate);
  CHECK(f.mailbox().messages == 1);
}

TEST_CASE("limits: expunged messages wait in a folder that nobody sees", "[limits]") {
  LimitedDatabase f;
  f.of(kAnna).keep_deleted_s = 14 * kDay_s;
  const FolderId inbox = f.inbox();
  f.db->append(inbox, {"one", "two", "three"}, kSeen | kDeleted);
  const std::uint64_t live = f->statistics().live_body_bytes;
  const ModSeq before_expunge = f->snapshot().folder(inbox)->highest_modseq;
  const auto gone = f.expunge(inbox, {{1, 2}});
  REQUIRE(gone);
  CHECK(*gone == UidSet{{1, 2}});

  CHECK(f.mailbox().messages == 1);
  CHECK(f.mailbox().bytes == 5);
  CHECK(f.mailbox().recoverable_messages == 2);
  CHECK(f.mailbox().recoverable_bytes == 6);
  CHECK(f->statistics().live_body_bytes == live);
  const auto hidden = f.hidden();
  REQUIRE(hidden);
  CHECK(hidden->messages == 2);
  for (const Folder& folder : f->snapshot().folders(f.db->mailbox)) CHECK(folder.id != hidden->id);
  CHECK_FALSE(f->snapshot().find_folder(f.db->mailbox, kRecoverableName));
  const auto kept = f.messages(hidden->id);
  REQUIRE(kept.size() == 2);
  CHECK(origin_of(kept[0]) == inbox);
  CHECK(kept[0].save_date_s == f.clock.now_s);
  CHECK((kept[0].flags & kSystemFlags) == (kSeen | kDeleted));
  CHECK(f.db->text_of(hidden->id, kept[1].uid) == "two");
  CHECK(f->snapshot().expunged_since(inbox, before_expunge) == UidSet{{1, 2}});
  require_whole(*f);

  // The log alone gives the same.
  const std::string before = describe(*f);
  f.db.reset();
  for (const char* file : {"/index.mdb", "/index.mdb-lock", "/checkpoint"})
    std::filesystem::remove(f.folder.path() + file);
  f.open();
  CHECK(describe(*f) == before);
  CHECK(f.mailbox().recoverable_messages == 2);
  require_whole(*f);
}

TEST_CASE("limits: a restored message is what it was, and not marked deleted", "[limits]") {
  LimitedDatabase f;
  f.of(kAnna).keep_deleted_s = kDay_s;
  const FolderId work = *wait_for(f->create_folder({}, f.db->mailbox, "Work", SpecialUse::kNone));
  NewMessage message = message_of("important", kFlagged | kDeleted);
  message.internal_date_s = 12345;
  // More keywords than an entry of the hidden folder has room for.
  for (int i = 0; i < 40; ++i) message.keywords.push_back("k" + std::to_string(i));
  message.annotation = "note";
  REQUIRE(wait_for(f->append({}, work, {message, message_of("plain", kDeleted)})));
  const FlagBits flags = f.messages(work)[0].flags;
  REQUIRE(f.expunge(work, {kAll}));
  CHECK(f.messages(work).empty());
  require_whole(*f);

  const auto restored = wait_for(f->restore({}, kAnna, {kAll}));
  REQUIRE(restored);
  CHECK(restored->messages == 2);
  CHECK(restored->bytes == 14);
  const auto back = f.messages(work);
  REQUIRE(back.size() == 2);
  CHECK(back[0].flags == (flags & ~kDeleted));
  CHECK(back[0].internal_date_s == 12345);
  CHECK(back[0].uid == Uid(3));
  CHECK(f->snapshot().annotation(work, Uid(3)) == "note");
  CHECK(f.db->text_of(work, Uid(4)) == "plain");
  CHECK(f.mailbox().recoverable_messages == 0);
  require_whole(*f);
}

TEST_CASE("limits: messages of a folder that is gone come back into INBOX", "[limits]") {
  LimitedDatabase f;
  f.of(kAnna).keep_deleted_s = kDay_s;
  const FolderId work = *wait_for(f->create_folder({}, f.db->mailbox, "Work", SpecialUse::kNone));
  NewMessage message = message_of("text", kAnswered);
  message.keywords = {"$Work"};
  REQUIRE(wait_for(f->append({}, work, {message})));
  REQUIRE(wait_for(f->delete_folder({}, work)));
  CHECK(f.mailbox().recoverable_messages == 1);
  REQUIRE(wait_for(f->restore({}, kAnna, {kAll}))->messages == 1);
  const auto back = f.messages(f.inbox());
  REQUIRE(back.size() == 1);
  CHECK(back[0].flags == kAnswered);
  // Nothing more to restore is not an error.
  CHECK(wait_for(f->restore({}, kAnna, {kAll}))->messages == 0);
  require_whole(*f);
}

TEST_CASE("limits: restoring keeps to the quota", "[limits]") {
  LimitedDatabase f;
  f.of(kAnna).keep_deleted_s = kDay_s;
  f.db->append(f.inbox(), {"12345"});
  REQUIRE(f.expunge(f.inbox(), {kAll}));
  f.of(kAnna).prohibit_receive_bytes = 4;
  CHECK(code_of(wait_for(f->restore({}, kAnna, {kAll}))) == ErrorCode::kOverQuota);
  CHECK(f.mailbox().recoverable_messages == 1);
}

TEST_CASE("limits: deleted messages go when their time has come", "[limits]") {
  LimitedDatabase f;
  f.of(kAnna).keep_deleted_s = 2 * kDay_s;
  const FolderId inbox = f.inbox();
  f.db->append(inbox, {"one", "two", "three"});
  REQUIRE(f.expunge(inbox, {{1, 1}}));
  f.clock.now_s += kDay_s;
  REQUIRE(f.expunge(inbox, {{2, 2}}));
  CHECK(*wait_for(f->trim_recoverable({}, kAnna)) == 0);
  f.clock.now_s += kDay_s - 1;
  CHECK(*wait_for(f->trim_recoverable({}, kAnna)) == 0);
  f.clock.now_s += 1;
  CHECK(*wait_for(f->trim_recoverable({}, kAnna)) == 1);
  CHECK(f.mailbox().recoverable_messages == 1);
  CHECK(f.db->text_of(f.hidden()->id, Uid(2)) == "two");
  // A shorter time holds for what is there already.
  f.of(kAnna).keep_deleted_s = 0;
  CHECK(*wait_for(f->trim_recoverable({}, kAnna)) == 1);
  CHECK(f.mailbox().recoverable_bytes == 0);
  CHECK(f->statistics().messages == 1);
  require_whole(*f);
}

TEST_CASE("limits: above their quota the oldest deleted messages go early", "[limits]") {
  LimitedDatabase f;
  f.of(kAnna).keep_deleted_s = kDay_s;
  f.of(kAnna).recoverable_bytes = 10;
  const FolderId inbox = f.inbox();
  f.db->append(inbox, {"aaaa", "bbbb", "cccc"});
  REQUIRE(f.expunge(inbox, {{1, 2}}));
  CHECK(f.mailbox().recoverable_messages == 2);
  REQUIRE(f.expunge(inbox, {{3, 3}}));
  CHECK(f.mailbox().recoverable_bytes == 8);
  CHECK(f.db->text_of(f.hidden()->id, f.messages(f.hidden()->id)[0].uid) == "bbbb");
  require_whole(*f);
}

TEST_CASE("limits: out of the hidden folder messages go for good", "[limits]") {
  LimitedDatabase f;
  f.of(kAnna).keep_deleted_s = kDay_s;
  f.db->append(f.inbox(), {"one", "two"});
  REQUIRE(f.expunge(f.inbox(), {kAll}));
  REQUIRE(f.expunge(f.hidden()->id, {{1, 1}}));
  CHECK(f.mailbox().recoverable_messages == 1);
  CHECK(f->statistics().messages == 1);
  require_whole(*f);
}

TEST_CASE("limits: a mailbox without retention loses its messages at once", "[limits]") {
  LimitedDatabase f;
  f.db->append(f.inbox(), {"one"});
  REQUIRE(f.expunge(f.inbox(), {kAll}));
  CHECK_FALSE(f.hidden());
  CHECK(f->statistics().live_body_bytes == 0);
}

TEST_CASE("limits: thousands of messages are retired, restored and dropped in order", "[limits]") {
  LimitedDatabase f;
  f.of(kAnna).keep_deleted_s = kDay_s;
  const FolderId inbox = f.inbox();
  constexpr int kBatches = 5;
  constexpr std::size_t kEach = 1000;
  for (int i = 0; i < kBatches; ++i) f.db->append(inbox, std::vector<std::string>(kEach, "text"));
  // Every second one, then the rest.
  UidSet odd;
  for (std::uint32_t uid = 1; uid <= kBatches * kEach; uid += 2) odd.add(uid);
  REQUIRE(f.expunge(inbox, odd));
  REQUIRE(f.expunge(inbox, {kAll}));
  CHECK(f.mailbox().messages == 0);
  CHECK(f.mailbox().recoverable_messages == kBatches * kEach);
  require_whole(*f);
  REQUIRE(wait_for(f->restore({}, kAnna, {{1, 100}}))->messages == 100);
  f.clock.now_s += kDay_s;
  std::uint64_t dropped = 0;
  std::size_t steps = 0;
  for (std::uint64_t step = 1; step != 0; ++steps) {
    step = *wait_for(f->trim_recoverable({}, kAnna));
    dropped += step;
  }
  CHECK(dropped == kBatches * kEach - 100);
  CHECK(steps > 2);
  CHECK(f.mailbox().messages == 100);
  require_whole(*f);
}

TEST_CASE("limits: a mailbox's owner can be taken away and come back", "[limits]") {
  LimitedDatabase f;
  f.db->append(f.inbox(), {"text"});
  CHECK(code_of(wait_for(f->set_disconnected({}, kBert, 5))) == ErrorCode::kNotFound);
  REQUIRE(wait_for(f->set_disconnected({}, kAnna, 1234)));
  CHECK(f.mailbox().disconnected_s == 1234);
  CHECK(f.mailbox().label == "anna@example.org");
  CHECK(f.mailbox().messages == 1);
  f.open();
  CHECK(f.mailbox().disconnected_s == 1234);
  REQUIRE(wait_for(f->set_disconnected({}, kAnna, 0)));
  CHECK(f.mailbox().disconnected_s == 0);
  require_whole(*f);
}

TEST_CASE("limits: a mailbox is deleted with what it keeps, in steps", "[limits]") {
  LimitedDatabase f;
  f.of(kAnna).keep_deleted_s = kDay_s;
  const FolderId inbox = f.inbox();
  for (int i = 0; i < 3; ++i) f.db->append(inbox, std::vector<std::string>(1500, "text"));
  REQUIRE(f.expunge(inbox, {{1, 100}}));
  REQUIRE(f.deliver({kBert}, "stays"));
  const std::uint64_t records = f->statistics().records;
  REQUIRE(wait_for(f->delete_mailbox({}, kAnna)));
  CHECK(f->statistics().records > records + 2);
  CHECK_FALSE(f->snapshot().mailbox(kAnna));
  CHECK(f->statistics().messages == 1);
  CHECK(f->statistics().mailboxes == 1);
  CHECK(code_of(wait_for(f->delete_mailbox({}, kAnna))) == ErrorCode::kNotFound);
  require_whole(*f);
}
