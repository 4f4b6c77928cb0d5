// What an export writes an import brings back, whole and once.
#include "rig.h"
#include "store/metadata.h"

using namespace hauspost;
using namespace hauspost::transfer;
using namespace hauspost::transfer::test;

namespace {

// Bodies that a careless writer or reader would change.
void fill(Rig& rig) {
  const auto add = [&](const std::string& where, std::string text, store::FlagBits flags = 0,
                       std::vector<std::string> keywords = {}, std::int64_t date = 1385061240) {
    rig.append(where, std::move(text), flags, std::move(keywords), date);
  };
  add("INBOX", "Subject: plain\r\n\r\nbody\r\n", store::kSeen | store::kFlagged,
      {"$Label1", "work"});
  add("INBOX",
      "Subject: from\r\n\r\nFrom a@b Thu Nov 21 19:14:00 2013\r\n>From x\r\n>>From\r\n\r\n",
      store::kAnswered, {}, 1);
  add("INBOX", "Subject: no end\r\n\r\nbody", store::kDraft);
  add("INBOX", "Subject: bare\n\nlf\nlf\n\n", store::kDeleted);
  add("INBOX", "Subject: mixed\r\n\r\na\nb\r\n\r\r\nc\r", 0, {"$Forwarded"}, 2'000'000'000);
  add("INBOX", "Status: RO\r\nX-Keywords: mine\r\nX-UID: 5\r\nContent-Length: 3\r\n\r\nx\r\n");
  add("INBOX", "X-Hauspost: v=1; size=3; eol=raw; folder=other\r\n\r\nx\r\n");
  add("INBOX", std::string("Subject: nul\r\n\r\n\0\xff\x80\r\n", 21));
  add("INBOX", "no header at all");
  add("INBOX", "\r\n\r\n\r\n\r\n");
  add("Archive/2013.old/Entwürfe; x", "Subject: deep\r\n\r\nx\r\n", store::kSeen);
  add("Archive/%41", "Subject: percent\r\n\r\nx\r\n");
  add(".hidden", "Subject: dot\r\n\r\nx\r\n");
  add("a:b*c?", "Subject: signs\r\n\r\nx\r\n");
  for (int i = 0; i < 700; ++i) {
    add("Many", "Subject: " + std::to_string(i) + "\r\n\r\n" + std::string(200, 'x') + "\r\n",
        i % 3 == 0 ? store::kSeen : 0, {}, 1'385'000'000 + i);
  }
}

}  // namespace

TEST_CASE("round trip: every format gives equal bodies, flags, dates and folders", "[round]") {
  Rig rig;
  fill(rig);
  const Format format = GENERATE(Format::kMbox, Format::kMaildir, Format::kEml, Format::kZip);
  const std::string file = rig.path("out");
  const auto written = rig.export_to(file, format);
  if (!written) FAIL(written.error().text);
  CHECK(written->messages == 714);
  CHECK_FALSE(std::filesystem::exists(file + ".part"));
  const auto read = rig.import(file);
  if (!read) FAIL(read.error().text);
  CHECK(read->messages == 714);
  CHECK(read->bad == 0);
  CHECK(read->odd == 0);
  auto before = rig.contents(kAnna);
  auto after = rig.contents(kBert);
  // An mbox file has messages and their folders, but no empty folders.
  CHECK(difference(before, after) == "");
  CHECK(rig.export_to(file, format).error().code == ErrorCode::kExists);
}

TEST_CASE("round trip: an import that breaks off anywhere goes on without loss or doubles",
          "[round]") {
  Rig rig;
  fill(rig);
  const Format format = GENERATE(Format::kMbox, Format::kMaildir, Format::kEml, Format::kZip);
  REQUIRE(rig.export_to(rig.path("out"), format));
  ImportOptions options;
  options.request = Guid::random();
  options.mailbox = kBert;
  options.report_path = rig.path("report");
  // Stops after so many items, as a process that dies: the batch in memory is lost.
  struct Dying final : Source {
    Dying(std::unique_ptr<Source> from, int items) : source(std::move(from)), left(items) {}
    Result<bool> next(Item& item) override {
      if (--left < 0) return fail(ErrorCode::kUnavailable, "died");
      return source->next(item);
    }
    std::string position() const override { return source->position(); }
    Result<> resume(std::string_view where) override { return source->resume(where); }
    std::uint64_t bytes_total() const override { return source->bytes_total(); }
    std::uint64_t bytes_done() const override { return source->bytes_done(); }
    std::unique_ptr<Source> source;
    int left;
  };
  std::optional<Tally> tally;
  for (int items = 3; !tally; items += 37) {
    REQUIRE(items < 5000);
    Dying source(*open_source(rig.path("out"), Format::kAuto, {}), items);
    store::Progress progress;
    auto done = run_import(source, *rig.database, options, progress);
    if (done) tally = *done;
  }
  CHECK(tally->messages == 714);
  CHECK(difference(rig.contents(kAnna), rig.contents(kBert)) == "");
  // Once more: it has ended.
  CHECK(rig.import(rig.path("out"), options)->messages == 714);
  CHECK(difference(rig.contents(kAnna), rig.contents(kBert)) == "");
  REQUIRE(forget_import(*rig.database, options.request, kBert));
  const auto bert = rig.database->snapshot().mailbox(kBert);
  CHECK_FALSE(
      rig.database->snapshot().metadata({bert->id, {}, options.request}, "/hauspost/import"));
}

TEST_CASE("round trip: what was bad is counted and told once, however often it broke off",
          "[round]") {
  Rig rig;
  std::string text = "rubbish\n";
  for (int i = 0; i < 10; ++i)
    text +=
        "From a@b Thu Nov 21 19:14:00 2013\nSubject: x\n\nx\n\n"
        "From a@b Thu Nov 21 19:14:00 2013\n\n";
  write_file(rig.path("x.mbox"), text);
  ImportOptions options;
  options.request = Guid::random();
  options.bad_items_max = 5;
  options.report_path = rig.path("report");
  const auto refused = rig.import(rig.path("x.mbox"), options, Format::kMbox);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kExhausted);
  options.bad_items_max = std::nullopt;
  const auto done = rig.import(rig.path("x.mbox"), options, Format::kMbox);
  REQUIRE(done);
  CHECK(done->messages == 10);
  CHECK(done->bad == 11);
  const std::string report = read_file(rig.path("report"));
  CHECK(std::ranges::count(report, '\n') == 11);
}

TEST_CASE("round trip: roots, filters and a dry run", "[round]") {
  Rig rig;
  fill(rig);
  ExportOptions wish;
  wish.include = {"Archive/*", "Many"};
  wish.exclude = {"Archive/%41"};
  wish.after_s = 1'385'000'690;
  REQUIRE(rig.export_to(rig.path("some"), Format::kZip, wish)->messages == 11);
  ImportOptions options;
  options.dry_run = true;
  CHECK(rig.import(rig.path("some"), options)->messages == 11);
  CHECK_FALSE(rig.database->snapshot().mailbox(kBert));
  options.dry_run = false;
  options.source_root = "Archive/2013.old";
  options.target_root = "Old";
  const auto tally = rig.import(rig.path("some"), options);
  CHECK(tally->messages == 1);
  CHECK(tally->skipped == 10);
  const auto bert = rig.database->snapshot().mailbox(kBert);
  CHECK(rig.database->snapshot().find_folder(bert->id, "Old/Entwürfe; x")->messages == 1);
  ExportOptions by_subject;
  by_subject.subject = "DEEP";
  CHECK(rig.export_to(rig.path("deep"), Format::kMbox, by_subject)->messages == 1);
}

TEST_CASE("round trip: an export removes nothing that it has not written", "[round]") {
  Rig rig;
  fill(rig);
  ExportOptions wish;
  wish.state_path = rig.path("state");
  write_file(rig.path("out.part"), "somebody else's");
  const auto refused = rig.export_to(rig.path("out"), Format::kMbox, wish);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kExists);
  CHECK(read_file(rig.path("out.part")) == "somebody else's");
  std::filesystem::remove(rig.path("out.part"));
  CHECK(rig.export_to(rig.path("out"), Format::kMbox, wish)->messages == 714);
  // Its own, of a death before the first note, goes.
  wish.state_path = rig.path("state2");
  write_file(wish.state_path, "");
  write_file(rig.path("more.part"), "its own");
  CHECK(rig.export_to(rig.path("more"), Format::kMbox, wish)->messages == 714);
}

TEST_CASE("round trip: folders that would have one path without their root keep apart", "[round]") {
  Rig rig;
  rig.append("Old", "Subject: above\r\n\r\nx\r\n", 0, {}, 1385061240);
  rig.append("Old/INBOX", "Subject: below\r\n\r\nx\r\n", 0, {}, 1385061240);
  ExportOptions wish;
  wish.source_root = "Old";
  const Format format = GENERATE(Format::kMbox, Format::kMaildir, Format::kEml, Format::kZip);
  REQUIRE(rig.export_to(rig.path("out"), format, wish)->messages == 2);
  CHECK(rig.import(rig.path("out"))->messages == 2);
  const auto bert = rig.database->snapshot().mailbox(kBert);
  CHECK(rig.database->snapshot().find_folder(bert->id, "INBOX")->messages == 1);
  CHECK(rig.database->snapshot().find_folder(bert->id, "INBOX (2)")->messages == 1);
}

TEST_CASE("round trip: a Maildir that is gone on with has each message once", "[round]") {
  Rig rig;
  const std::string path = rig.path("out");
  const auto message = [](std::uint32_t uid, store::FlagBits flags) {
    OutMessage out;
    out.body.bytes = "Subject: x\r\n\r\nx\r\n";
    out.uid = store::Uid(uid);
    out.flags = flags;
    out.date_s = 1385061240;
    return out;
  };
  const OutFolder inbox{.path = "INBOX", .keywords = {}};
  const OutFolder other{.path = "Other", .keywords = {}};
  std::string position;
  {
    auto sink = *open_sink(path, Format::kMaildir, "");
    REQUIRE(sink->begin_folder(inbox));
    REQUIRE(sink->add(std::vector{message(1, 0)}));
    position = *sink->flush();
    REQUIRE(sink->add(std::vector{message(2, 0)}));
    REQUIRE(sink->begin_folder(other));
    REQUIRE(sink->add(std::vector{message(1, 0)}));
  }
  // Clients have changed flags meanwhile, which stand in the names of files.
  auto sink = *open_sink(path, Format::kMaildir, position);
  REQUIRE(sink->begin_folder(inbox));
  REQUIRE(sink->add(std::vector{message(2, store::kSeen)}));
  REQUIRE(sink->begin_folder(other));
  REQUIRE(sink->add(std::vector{message(1, store::kFlagged)}));
  REQUIRE(sink->finish());
  const auto files = [](const std::string& folder) {
    return std::distance(std::filesystem::directory_iterator(folder), {});
  };
  CHECK(files(path + "/cur") == 2);
  CHECK(files(path + "/.Other/cur") == 1);
}

TEST_CASE("round trip: names of files in any encoding are found again", "[round]") {
  Rig rig;
  write_file(rig.path("box/cur/1385061240.\xe4:2,S"), "Subject: x\n\nx\n");
  ImportOptions options;
  options.request = Guid::random();
  REQUIRE(rig.import(rig.path("box"), options));
  const auto again = rig.import(rig.path("box"), options);
  if (!again) FAIL(again.error().text);
  CHECK(again->messages == 1);
}
