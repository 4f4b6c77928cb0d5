// Random changes against a model in memory, with the database closed and opened, and its index
// thrown away, between them.
#include <map>
#include <random>
#include <set>

#include "fixture.h"
#include "store/metadata.h"

using namespace hauspost;
using namespace hauspost::store;
using namespace hauspost::store::test;

namespace {

struct ModelMessage {
  std::string text;
  FlagBits flags = 0;
  std::set<std::string> keywords;
  std::string annotation;
  bool seen_by_bert = false;  // who does not own it
  bool operator==(const ModelMessage&) const = default;
};
struct ModelFolder {
  std::map<std::uint32_t, ModelMessage> messages;
  std::uint32_t uid_next = 1;
  std::map<std::pair<Guid, std::string>, std::string> metadata;  // by owner and name
};

class Model {
 public:
  Model(const std::string& path, std::uint64_t seed) : path_(path), random_(seed) { reopen(); }

  void step() {
    switch (pick(16)) {
      case 0:
      case 1:
      case 2:
      case 3: return append();
      case 4:
      case 5:
      case 6: return pick(3) == 0 ? read_as_bert() : change_flags();
      case 7: return transfer(false);
      case 8:
      case 9: return transfer(true);
      case 10:
      case 11: return expunge();
      case 12: return deliver();
      case 13: return pick(3) == 0 ? create_folder() : pick(2) == 0 ? set_metadata() : annotate();
      case 14: return pick(3) == 0 ? remove_folder() : rename_folder();
      default: return pick(12) == 0 ? reopen() : append();
    }
  }

  void compare() {
    const Snapshot snapshot = db_->database->snapshot();
    Snapshot berts = db_->database->snapshot();
    berts.view_as(kBert);
    const auto folders = snapshot.folders(db_->mailbox);
    REQUIRE(folders.size() == folders_.size());
    for (const Folder& folder : folders) {
      CAPTURE(folder.path);
      REQUIRE(folders_.contains(folder.path));
      compare_folder(snapshot, berts, folder, folders_[folder.path]);
    }
    require_whole(**db_);
  }

 private:
  std::uint64_t pick(std::uint64_t below) { return random_() % below; }

  const std::string& some_path() {
    auto at = folders_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(pick(folders_.size())));
    return at->first;
  }
  UidSet some_uids(const ModelFolder& folder) {
    UidSet uids;
    for (std::uint64_t i = 0; i <= pick(3); ++i) {
      const auto first = static_cast<std::uint32_t>(pick(folder.uid_next + 3) + 1);
      uids.add({first, first + static_cast<std::uint32_t>(pick(30))});
    }
    return uids;
  }
  std::set<std::string> some_keywords() {
    std::set<std::string> keywords;
    while (pick(3) == 0) keywords.insert("k" + std::to_string(pick(6)));
    return keywords;
  }

  void reopen() {
    db_.reset();
    if (pick(3) == 0) std::filesystem::remove(path_ + "/index.mdb");
    OpenOptions options = small_options(path_);
    options.checkpoint_log_bytes = 16 * 1024;
    options.epoch = ++epoch_;
    Platform platform = test_platform();
    platform.boot_id = "boot " + std::to_string(pick(2));
    db_.emplace(options, platform);
    if (folders_.empty()) {
      for (const char* name : {"INBOX", "Drafts", "Sent", "Junk", "Trash", "Archive"})
        folders_[name];
    }
    compare();
  }

  void append() {
    const std::string path = some_path();
    ModelFolder& folder = folders_[path];
    std::vector<NewMessage> messages;
    for (std::uint64_t i = 0; i <= pick(5); ++i) {
      ModelMessage model{"text " + std::to_string(random_()) + std::string(pick(300), '.'),
                         random_() & kSystemFlags, some_keywords(), pick(5) == 0 ? "note" : ""};
      NewMessage message = message_of(model.text, model.flags);
      message.keywords.assign(model.keywords.begin(), model.keywords.end());
      message.annotation = model.annotation;
      messages.push_back(message);
      folder.messages[folder.uid_next++] = model;
    }
    const std::size_t count = messages.size();
    const auto done = wait_for((*db_)->append({}, db_->folder(path), std::move(messages)));
    REQUIRE(done.has_value());
    REQUIRE(done->uids.size() == count);
    REQUIRE(done->uids.back().value + 1 == folder.uid_next);
  }

  void change_flags() {
    const std::string path = some_path();
    ModelFolder& folder = folders_[path];
    FlagChange change;
    change.uids = some_uids(folder);
    change.mode = static_cast<FlagMode>(pick(3));
    change.flags = random_() & kSystemFlags;
    const auto keywords = some_keywords();
    change.keywords.assign(keywords.begin(), keywords.end());
    UidSet expected;
    for (auto& [uid, message] : folder.messages) {
      if (!change.uids.contains(uid)) continue;
      const ModelMessage before = message;
      if (change.mode == FlagMode::kReplace) {
        message.flags = change.flags;
        message.keywords = keywords;
      } else if (change.mode == FlagMode::kAdd) {
        message.flags |= change.flags;
        message.keywords.insert(keywords.begin(), keywords.end());
      } else {
        message.flags &= ~change.flags;
        for (const std::string& keyword : keywords) message.keywords.erase(keyword);
      }
      if (!(before == message)) expected.add(uid);
    }
    const auto done = wait_for((*db_)->change_flags({}, db_->folder(path), change));
    REQUIRE(done.has_value());
    REQUIRE(done->changed == expected);
  }

  void read_as_bert() {
    const std::string path = some_path();
    ModelFolder& folder = folders_[path];
    FlagChange change{.uids = some_uids(folder),
                      .mode = pick(2) == 0 ? FlagMode::kAdd : FlagMode::kRemove,
                      .flags = kSeen};
    UidSet expected;
    for (auto& [uid, message] : folder.messages) {
      if (!change.uids.contains(uid)) continue;
      const bool seen = change.mode == FlagMode::kAdd;
      if (std::exchange(message.seen_by_bert, seen) != seen) expected.add(uid);
    }
    const auto done = wait_for((*db_)->change_flags({.session = {}, .user = kBert, .device = {}},
                                                    db_->folder(path), change));
    REQUIRE(done.has_value());
    REQUIRE(done->changed == expected);
  }

  void transfer(bool move) {
    const std::string from = some_path();
    const std::string to = some_path();
    const UidSet uids = some_uids(folders_[from]);
    std::vector<std::uint32_t> taken;
    for (const auto& [uid, message] : folders_[from].messages) {
      if (uids.contains(uid)) taken.push_back(uid);
    }
    std::vector<std::uint32_t> given;
    for (const std::uint32_t uid : taken) {
      given.push_back(folders_[to].uid_next);
      folders_[to].messages[folders_[to].uid_next++] = folders_[from].messages[uid];
      if (move) folders_[from].messages.erase(uid);
    }
    const FolderId a = db_->folder(from);
    const FolderId b = db_->folder(to);
    const auto done = wait_for(move ? (*db_)->move({}, a, uids, b) : (*db_)->copy({}, a, uids, b));
    REQUIRE(done.has_value());
    REQUIRE(done->to.size() == given.size());
    for (std::size_t i = 0; i < given.size(); ++i) {
      REQUIRE(done->from[i].value == taken[i]);
      REQUIRE(done->to[i].value == given[i]);
    }
  }

  void expunge() {
    const std::string path = some_path();
    ModelFolder& folder = folders_[path];
    const UidSet uids = some_uids(folder);
    const bool only_deleted = pick(2) == 0;
    UidSet expected;
    for (const auto& [uid, message] : folder.messages) {
      if (uids.contains(uid) && (!only_deleted || (message.flags & kDeleted) != 0))
        expected.add(uid);
    }
    std::erase_if(folder.messages,
                  [&](const auto& entry) { return expected.contains(entry.first); });
    const auto done = wait_for((*db_)->expunge({}, db_->folder(path), uids, only_deleted));
    REQUIRE(done.has_value());
    REQUIRE(*done == expected);
  }

  void deliver() {
    const std::uint64_t id = pick(60) + 1;
    Delivery delivery;
    delivery.id = numbered_guid(id);
    delivery.body = body_of("delivery " + std::to_string(id));
    const std::string path = some_path();
    delivery.targets = {{kAnna, "anna", path, kFlagged}};
    const bool duplicate = !delivered_.insert(id).second;
    const auto done = wait_for((*db_)->deliver({}, delivery));
    REQUIRE(done.has_value());
    REQUIRE(done->front().duplicate == duplicate);
    if (duplicate) return;
    ModelFolder& folder = folders_[path];
    folder.messages[folder.uid_next++] = {*delivery.body, kFlagged, {}, ""};
  }

  void create_folder() {
    const std::string parent = pick(2) == 0 ? some_path() + "/" : "";
    const std::string path = parent + "f" + std::to_string(pick(20));
    const auto done = wait_for((*db_)->create_folder({}, db_->mailbox, path, SpecialUse::kNone));
    const bool is_new = !folders_.contains(path);
    if (is_new && std::ranges::count(path, '/') >= static_cast<int>(kFolderDepthMax)) return;
    REQUIRE(done.has_value() == is_new);
    folders_[path];
  }

  bool has_children(const std::string& path) const {
    const auto below = folders_.lower_bound(path + "/");
    return below != folders_.end() && below->first.starts_with(path + "/");
  }

  void remove_folder() {
    const std::string path = some_path();
    const bool allowed = path != "INBOX" && !has_children(path);
    const auto done = wait_for((*db_)->delete_folder({}, db_->folder(path)));
    REQUIRE(done.has_value() == allowed);
    if (allowed) folders_.erase(path);
  }

  void rename_folder() {
    const std::string path = some_path();
    const std::string to = "r" + std::to_string(pick(30));
    const auto done = wait_for((*db_)->rename_folder({}, db_->folder(path), to));
    REQUIRE(done.has_value() == !folders_.contains(to));
    if (!done) return;
    if (path == "INBOX") {
      ModelFolder& target = folders_[to];
      for (auto& [uid, message] : folders_[path].messages)
        target.messages[target.uid_next++] = std::move(message);
      folders_[path].messages.clear();
      return;
    }
    std::map<std::string, ModelFolder> renamed;
    for (auto& [old, folder] : folders_) {
      const bool moves = old == path || old.starts_with(path + "/");
      renamed[moves ? to + old.substr(path.size()) : old] = std::move(folder);
    }
    folders_ = std::move(renamed);
  }

  void annotate() {
    const std::string path = some_path();
    ModelFolder& folder = folders_[path];
    const auto uid = static_cast<std::uint32_t>(pick(folder.uid_next + 1) + 1);
    const std::string text = pick(2) == 0 ? "" : "remark " + std::to_string(pick(100));
    const auto done = wait_for((*db_)->annotate({}, db_->folder(path), Uid(uid), text));
    const auto message = folder.messages.find(uid);
    REQUIRE(done.has_value() == (message != folder.messages.end()));
    if (done) message->second.annotation = text;
  }

  void set_metadata() {
    const std::string path = some_path();
    ModelFolder& folder = folders_[path];
    std::vector<MetadataChange> changes;
    for (std::uint64_t i = 0; i <= pick(3); ++i) {
      MetadataChange change{pick(2) == 0 ? Guid() : kAnna, "/entry/" + std::to_string(pick(5)), {}};
      if (pick(3) != 0) change.value = "value " + std::to_string(pick(100));
      if (change.value) {
        folder.metadata[{change.owner, change.name}] = *change.value;
      } else {
        folder.metadata.erase({change.owner, change.name});
      }
      changes.push_back(std::move(change));
    }
    REQUIRE(wait_for((*db_)->set_metadata({}, db_->mailbox, db_->folder(path), changes)));
  }

  static void compare_metadata(const Snapshot& snapshot, const Folder& folder,
                               const ModelFolder& model) {
    decltype(model.metadata) found;
    for (const Guid& owner : {Guid(), kAnna}) {
      snapshot.for_each_metadata({folder.mailbox, folder.id, owner}, "",
                                 [&](const MetadataEntry& entry) {
                                   found[{owner, entry.name}] = entry.value;
                                 });
    }
    REQUIRE(found == model.metadata);
  }

  static void compare_folder(const Snapshot& snapshot, const Snapshot& berts, const Folder& folder,
                             const ModelFolder& model) {
    compare_metadata(snapshot, folder, model);
    REQUIRE(folder.uid_next.value == model.uid_next);
    REQUIRE(folder.messages == model.messages.size());
    auto expected = model.messages.begin();
    std::uint32_t unread = 0;
    for (const auto& [uid, message] : model.messages) unread += message.seen_by_bert ? 0 : 1;
    REQUIRE(berts.folder(folder.id)->unseen == unread);
    snapshot.for_each_message(folder.id, {1, UINT32_MAX}, [&](const Message& message) {
      REQUIRE(message.uid.value == expected->first);
      ModelMessage found{std::string(snapshot.body(message.body)->bytes),
                         message.flags & kSystemFlags,
                         {},
                         snapshot.annotation(folder.id, message.uid),
                         (berts.message(folder.id, message.uid)->flags & kSeen) != 0};
      for (std::size_t i = 0; i < folder.keywords.size(); ++i) {
        if ((message.flags >> (i + kFirstKeywordBit) & 1) != 0)
          found.keywords.insert(folder.keywords[i]);
      }
      REQUIRE(found == expected->second);
      ++expected;
      return true;
    });
    REQUIRE(expected == model.messages.end());
  }

  std::string path_;
  std::mt19937_64 random_;
  std::uint64_t epoch_ = 0;
  std::optional<OpenDatabase> db_;
  std::map<std::string, ModelFolder> folders_;
  std::set<std::uint64_t> delivered_;
};

}  // namespace

TEST_CASE("store model: random changes give what the model says") {
  const std::uint64_t seed = std::random_device()();
  for (std::uint64_t run = 0; run < 4; ++run) {
    INFO("seed " << seed + run);
    TempFolder folder;
    Model model(folder.path(), seed + run);
    for (int i = 0; i < 400; ++i) {
      CAPTURE(i);
      model.step();
      if (i % 50 == 0) model.compare();
    }
    model.compare();
  }
}
