// A damaged index never takes the process with it for long: what LMDB would fall over is found
// before LMDB sees it, and the index is made again from the log.
#include "store/index_check.h"

#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "fixture.h"
#include "store/checkpoint.h"

using namespace hauspost;
using namespace hauspost::store;
using namespace hauspost::store::test;
namespace fs = std::filesystem;

namespace {

constexpr int kFlipRounds = 60;

std::string index_of(const std::string& folder) { return folder + "/index.mdb"; }

// Some of everything: several levels, overflow pages, free pages.
void make_database(const std::string& path) {
  OpenOptions options = small_options(path);
  options.checkpoint_log_bytes = 32 * 1024;
  OpenDatabase db(options);
  const FolderId inbox = db.folder("INBOX");
  for (int i = 0; i < 30; ++i) {
    std::vector<NewMessage> messages;
    for (int j = 0; j < 40; ++j) {
      messages.push_back(message_of("text " + std::to_string(j)));
      if (j % 10 == 0) messages.back().annotation = std::string(6000, 'a');
    }
    REQUIRE(wait_for(db->append({}, inbox, std::move(messages))).has_value());
  }
  UidSet gone;
  for (std::uint32_t uid = 1; uid < 1200; uid += 3) gone.add(uid);
  REQUIRE(wait_for(db->expunge({}, inbox, gone, false)).has_value());
}

// Opens and reads everything; in a process of its own, as it may die of it.
int open_apart(const std::string& path, std::size_t messages) {
  const pid_t child = ::fork();
  if (child == 0) {
    Platform platform = Platform::real();
    platform.fatal = [](const Error&) { ::_exit(74); };
    const auto opened = Database::open(small_options(path), platform);
    if (!opened) ::_exit(2);
    const Snapshot snapshot = (*opened)->snapshot();
    std::size_t seen = 0;
    for (const Mailbox& mailbox : snapshot.mailboxes()) {
      for (const Folder& folder : snapshot.folders(mailbox.id)) {
        snapshot.for_each_message(folder.id, {1, UINT32_MAX}, [&](const Message& message) {
          seen += snapshot.body(message.body) ? 1 : 0;
          return true;
        });
      }
    }
    (*opened)->close();
    ::_exit(seen == messages ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

TEST_CASE("index check: whole files pass", "[index-check]") {
  TempFolder folder;
  make_database(folder.path());
  const auto checked = check_index_pages(index_of(folder.path()));
  CHECK((checked ? std::string() : checked.error().text).empty());
}

TEST_CASE("index check: wild page numbers, lengths and links are found", "[index-check]") {
  TempFolder folder;
  make_database(folder.path());
  const std::string whole = read_whole(index_of(folder.path()));
  const std::string path = folder.path() + "/damaged";
  const auto reason = [&](std::size_t at, std::string_view bytes) {
    std::string damaged = whole;
    damaged.replace(at, bytes.size(), bytes);
    write_whole(path, damaged);
    const auto checked = check_index_pages(path);
    return checked ? std::string() : checked.error().text;
  };
  const std::string wild("\xff\xff\xff\x7f\0\0\0\0", 8);
  // The newest meta page's roots and last page; then a page's own number, flags and bounds.
  const bool second = whole[4096 + 16 + 128] > whole[16 + 128];
  const std::size_t meta = second ? 4096 : 0;
  CHECK(reason(meta + 16 + 112, wild).find("not one of the file's") != std::string::npos);
  CHECK_FALSE(reason(meta + 16 + 64, wild).empty());
  CHECK_FALSE(reason(meta + 16 + 120, wild).empty());
  std::size_t root = 0;
  std::memcpy(&root, whole.data() + meta + 16 + 112, sizeof root);
  const std::size_t page = root * 4096;
  CHECK_FALSE(reason(page, wild).empty());
  CHECK_FALSE(reason(page + 10, "\x08").empty());
  CHECK_FALSE(reason(page + 12, "\xff\xff").empty());
  CHECK_FALSE(reason(page + 16, "\xf0\xff").empty());
  write_whole(path, whole.substr(0, whole.size() / 2));
  CHECK_FALSE(check_index_pages(path).has_value());
  write_whole(path, "");
  CHECK_FALSE(check_index_pages(path).has_value());
}

TEST_CASE("index check: flipped bytes cost at most one restart", "[index-check]") {
  const std::uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  TempFolder original;
  make_database(original.path());
  for (int round = 0; round < kFlipRounds; ++round) {
    CAPTURE(round);
    TempFolder folder;
    fs::copy(original.path(), folder.path(),
             fs::copy_options::recursive | fs::copy_options::overwrite_existing);
    std::string bytes = read_whole(index_of(folder.path()));
    const std::size_t flips = 1 + random() % 20;
    for (std::size_t i = 0; i < flips; ++i) {
      // The pages behind the meta pages: those a mount puts back from the checkpoint.
      const std::size_t at = 8192 + random() % (bytes.size() - 8192);
      bytes[at] = static_cast<char>(random());
    }
    write_whole(index_of(folder.path()), bytes);
    int outcome = open_apart(folder.path(), 800);
    CAPTURE(outcome);
    // What is no structure may be wrong without anybody noticing; but nobody dies of it twice.
    if (outcome >= 74) outcome = open_apart(folder.path(), 800);
    REQUIRE(outcome < 74);
  }
}

TEST_CASE("index check: an index that was found damaged is made again", "[index-check]") {
  TempFolder folder;
  const OpenOptions options = small_options(folder.path());
  std::string before;
  {
    OpenDatabase db(options);
    db.append(db.folder("INBOX"), {"one", "two"});
    before = describe(*db);
  }
  const auto inode = [&] { return fs::hard_link_count(index_of(folder.path())); };
  CHECK(inode() == 1);
  // A second name for the old file shows whether a new one took its place.
  fs::create_hard_link(index_of(folder.path()), folder.path() + "/old");
  write_whole(folder.path() + "/" + std::string(kSuspectFile), "");
  OpenDatabase db(options);
  CHECK(describe(*db) == before);
  CHECK(inode() == 1);
  CHECK_FALSE(fs::exists(folder.path() + "/" + std::string(kSuspectFile)));
}
