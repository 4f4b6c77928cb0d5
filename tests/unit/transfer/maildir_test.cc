// Maildirs, folders of .eml files and zip archives of others.
#include <archive.h>
#include <archive_entry.h>

#include "base/text.h"
#include "rig.h"
#include "server/transfer/folder_name.h"
#include "server/transfer/maildir_name.h"
#include "server/transfer/manifest.h"

using namespace hauspost;
using namespace hauspost::transfer;
using namespace hauspost::transfer::test;

TEST_CASE("maildir: names say flags, keywords and times", "[maildir]") {
  MaildirKeywords keywords = parse_dovecot_keywords("0 $Label1\n2 work\r\nrubbish\n99 no\n");
  const auto name = parse_maildir_name("1385061240.M1P2.host,S=17:2,FSac", keywords);
  CHECK(name.base == "1385061240.M1P2.host,S=17");
  CHECK(name.time_s == 1385061240);
  CHECK(name.flags == (store::kFlagged | store::kSeen));
  CHECK(name.keywords == std::vector<std::string>{"$Label1", "work"});
  for (const std::string_view odd : {"", ":2,", "x", "99999999999999999999999.x:2,Z", ":2,:2,S"})
    CHECK(parse_maildir_name(odd, keywords).time_s == 0);
  CHECK(parse_maildir_folder(".Archive.2013") == "Archive/2013");
  CHECK(parse_maildir_folder(".Entw&APw-rfe") == "Entwürfe");
  CHECK(parse_maildir_folder(".Entwürfe") == "Entwürfe");
  CHECK(parse_maildir_folder(".a\xff") == "a\xc3\xbf");
  CHECK_FALSE(parse_maildir_folder(".."));
  CHECK_FALSE(parse_maildir_folder("cur"));
  for (const std::string_view path : {"Archive/2013", "v1.2/a.b", "back\\slash", "Entwürfe/x & y"})
    CHECK(parse_maildir_folder(maildir_folder(path)) == std::string(path));
}

TEST_CASE("maildir: links, pipes and odd files are told and never opened", "[maildir]") {
  Rig rig;
  const std::string box = rig.path("Maildir");
  for (const char* part : {"cur", "new", "tmp", ".Sub.Deep/cur", ".Empty/new"})
    std::filesystem::create_directories(box + "/" + part);
  write_file(rig.path("secret"), "Subject: secret\n\nx\n");
  std::filesystem::create_symlink(rig.path("secret"), box + "/cur/1.link:2,S");
  std::filesystem::create_directory_symlink(rig.path(""), box + "/.Linked");
  REQUIRE(::mkfifo((box + "/cur/2.fifo:2,S").c_str(), 0600) == 0);
  std::filesystem::create_directory(box + "/cur/3.folder:2,S");
  write_file(box + "/cur/4.empty:2,S", "");
  write_file(box + "/cur/1385061240.5.good:2,FSa", "Subject: five\n\nx\n");
  write_file(box + "/new/1385061241.6.new", "Subject: six\r\n\r\nx\r\n");
  write_file(box + "/tmp/7.tmp", "Subject: seven\n\nx\n");
  write_file(box + "/.Sub.Deep/cur/odd name with spaces", "Subject: eight\n\nx");
  write_file(box + "/dovecot-keywords", "0 $Label1\n");
  const auto items = read_all(box);
  const auto good = messages_of(items);
  REQUIRE(good.size() == 3);
  CHECK(std::ranges::count(items, Item::Kind::kBad, &Item::kind) == 4);
  CHECK(good[0].body == "Subject: five\r\n\r\nx\r\n");
  CHECK(good[0].keywords == std::vector<std::string>{"$Label1"});
  CHECK(good[0].date_s == 1385061240);
  CHECK(good[1].flags == 0);
  CHECK(good[2].folder == "Sub/Deep");
  CHECK(std::ranges::any_of(items, [](const Item& item) {
    return item.kind == Item::Kind::kFolder && item.folder == "Empty";
  }));
  for (std::size_t stop = 0; stop <= items.size(); ++stop) {
    auto first = *open_source(box, Format::kMaildir, {});
    Item item;
    for (std::size_t i = 0; i < stop; ++i) REQUIRE(*first->next(item));
    auto second = *open_source(box, Format::kMaildir, {});
    REQUIRE(second->resume(first->position()));
    const auto rest = messages_of(read_all(*second));
    const std::size_t had =
        messages_of({items.begin(), items.begin() + static_cast<long>(stop)}).size();
    CHECK(rest.size() == 3 - had);
  }
}

TEST_CASE("folder names: anything becomes a name the store takes, filters know subtrees and words",
          "[folder]") {
  CHECK(folder_level("a/b") == "a_b");
  CHECK(folder_level("") == "_");
  CHECK(folder_level("x\x01y\x7f") == "x_y_");
  CHECK(folder_level("\xe4\xf6") == "äö");
  CHECK(is_valid_utf8(folder_level(std::string(1000, '\xe4'))));
  CHECK(folder_level(std::string(1000, 'x')).size() == store::kFolderNameMax);
  CHECK(folder_path("inbox/Sub") == "INBOX/Sub");
  const auto wants = [](std::vector<std::string> in, std::vector<std::string> out,
                        std::string_view path, store::SpecialUse use = store::SpecialUse::kNone) {
    return FolderFilter::make(in, out)->wants(path, use);
  };
  CHECK(wants({}, {}, "a/b"));
  CHECK(wants({"a"}, {}, "A"));
  CHECK_FALSE(wants({"a"}, {}, "a/b"));
  CHECK(wants({"a/*"}, {}, "a"));
  CHECK(wants({"a/*"}, {}, "a/b/c"));
  CHECK_FALSE(wants({"a/*"}, {}, "ab"));
  CHECK_FALSE(wants({}, {"#DeletedItems#/*"}, "Papierkorb/alt", store::SpecialUse::kTrash));
  CHECK(wants({}, {"#DeletedItems#"}, "Papierkorb/alt", store::SpecialUse::kTrash));
  CHECK_FALSE(wants({"*"}, {"a"}, "a"));
  CHECK_FALSE(FolderFilter::make({"#Nonsense#"}, {}));
  CHECK(special_use_of("Gesendete Elemente") == store::SpecialUse::kSent);
  CHECK(below_root("a/b/c", "A/B") == "c");
  CHECK(below_root("a/b", "a/b") == "");
  CHECK_FALSE(below_root("ab/c", "a"));
}

TEST_CASE("manifest: lines come back, and others are none", "[manifest]") {
  const ManifestEntry entry{.file = "1.eml",
                            .flags = store::kSeen | store::kDraft,
                            .keywords = {"a", "$Label1"},
                            .date_s = -5,
                            .size = 17,
                            .sha256 = sha256_hex("x")};
  const auto back = parse_manifest_line(manifest_line(entry));
  REQUIRE(back);
  CHECK(back->flags == entry.flags);
  CHECK(back->keywords == entry.keywords);
  CHECK(back->date_s == -5);
  for (const std::string_view bad :
       {"", "{", "[]", "{\"file\":1,\"date\":1,\"size\":1}",
        "{\"file\":\"x\",\"date\":1.5,\"size\":1}", "{\"file\":\"x\",\"date\":1,\"size\":-1}",
        "{\"file\":\"x\",\"date\":1,\"size\":1,\"flags\":\"\\\\Seen\"}"})
    CHECK_FALSE(parse_manifest_line(bad));
}

namespace {

void make_zip(const std::string& path,
              const std::vector<std::pair<std::string, std::string>>& entries) {
  archive* const zip = ::archive_write_new();
  ::archive_write_set_format_zip(zip);
  REQUIRE(::archive_write_open_filename(zip, path.c_str()) == ARCHIVE_OK);
  for (const auto& [name, text] : entries) {
    archive_entry* const entry = ::archive_entry_new();
    ::archive_entry_set_pathname(entry, name.c_str());
    ::archive_entry_set_size(entry, static_cast<la_int64_t>(text.size()));
    ::archive_entry_set_filetype(entry, AE_IFREG);
    ::archive_entry_set_perm(entry, 0644);
    ::archive_entry_set_mtime(entry, 1385061240, 0);
    REQUIRE(::archive_write_header(zip, entry) == ARCHIVE_OK);
    ::archive_write_data(zip, text.data(), text.size());
    ::archive_entry_free(entry);
  }
  REQUIRE(::archive_write_close(zip) == ARCHIVE_OK);
  ::archive_write_free(zip);
}

}  // namespace

TEST_CASE("zip: bombs, ways out and damage are refused one by one", "[zip]") {
  Rig rig;
  const std::string path = rig.path("x.zip");
  make_zip(path, {{"a.eml", "Subject: a\n\nx\n"},
                  {"../out.eml", "Subject: out\n\nx\n"},
                  {"/abs.eml", "Subject: abs\n\nx\n"},
                  {"deep/../../out.eml", "Subject: out\n\nx\n"},
                  {"bomb.eml", std::string(40 << 20, 'x')},
                  {"notes.txt", "not mail"},
                  {"Sub/b.EML", "Subject: b\r\n\r\nx\r\n"},
                  {"empty.eml", ""}});
  const auto items = read_all(path);
  const auto good = messages_of(items);
  REQUIRE(good.size() == 2);
  CHECK(good[0].body == "Subject: a\r\n\r\nx\r\n");
  CHECK(good[0].date_s == 1385061240);
  CHECK(good[1].folder == "Sub");
  CHECK(std::ranges::count(items, Item::Kind::kBad, &Item::kind) == 5);
  const auto large = read_all(path, Format::kZip, {.message_bytes_max = 1000});
  CHECK(std::ranges::count(large, Item::Kind::kLarge, &Item::kind) == 1);

  const std::string bytes = read_file(path);
  for (const std::size_t cut : {bytes.size() / 3, bytes.size() / 2, bytes.size() - 10}) {
    write_file(path, bytes.substr(0, cut));
    auto source = open_source(path, Format::kZip, {});
    Item item;
    while (source) {
      const auto more = (*source)->next(item);
      if (!more || !*more) break;
    }
  }
  write_file(path, "this is no zip");
  auto none = open_source(path, Format::kZip, {});
  Item item;
  const bool refused = !none || !(*none)->next(item);
  CHECK(refused);
}
