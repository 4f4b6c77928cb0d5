#include "store/backup/merge_mailbox.h"

#include <algorithm>
#include <map>

#include "store/backup/await.h"
#include "store/metadata.h"

namespace hauspost::store {

namespace {

constexpr std::size_t kBatchMessages = 64;
constexpr std::uint64_t kBatchBytes = 8ULL << 20;
constexpr UidRange kAllUids{1, UINT32_MAX};

// The messages of one folder of the live database, to be found by their content. Each is found
// once: of two equal messages in the source, one more than is there is copied.
class Existing {
 public:
  Existing(const Database& target, FolderId folder) : target_(target) {
    target.snapshot().for_each_message(folder, kAllUids, [this](const Message& message) {
      by_look_.emplace(Look{message.internal_date_s, message.size}, message.body);
      return true;
    });
  }

  // Only messages of the same date and size are looked into.
  bool take(const Message& message, std::string_view content_hash) {
    const auto [begin, end] = by_look_.equal_range({message.internal_date_s, message.size});
    if (begin == end) return false;
    const Snapshot snapshot = target_.snapshot();
    for (auto candidate = begin; candidate != end; ++candidate) {
      const auto body = snapshot.body(candidate->second);
      if (!body || body->content_hash != content_hash) continue;
      by_look_.erase(candidate);
      return true;
    }
    return false;
  }

 private:
  using Look = std::pair<std::int64_t, std::uint32_t>;
  const Database& target_;
  std::multimap<Look, BodyId> by_look_;
};

class Merging {
 public:
  Merging(const Database& source, Database& target, const MergeOptions& options, Progress& progress)
      : target_(target), options_(options), progress_(progress), from_(source.snapshot()) {
    actor_.device = "mailbox restore";
  }

  Result<MergeReport> run() {
    TRY_ASSIGN(const std::vector<Folder> folders, chosen_folders());
    std::uint64_t total = 0;
    for (const Folder& folder : folders) total += folder.bytes;
    progress_.begin("copying messages", total);
    TRY_ASSIGN(mailbox_, await_here(target_.open_mailbox(actor_, options_.to, options_.to_label)));
    if (options_.folder.empty() && !folders.empty())
      TRY(merge_metadata(folders.front().mailbox, FolderId(), FolderId()));
    for (const Folder& folder : folders) TRY(merge(folder));
    return std::move(report_);
  }

 private:
  Result<std::vector<Folder>> chosen_folders() {
    const auto mailbox = from_.mailbox(options_.from);
    if (!mailbox) {
      return fail(ErrorCode::kNotFound,
                  "mailbox " + options_.from.to_string() + " was not there at that moment");
    }
    std::vector<Folder> folders = from_.folders(mailbox->id);
    if (options_.folder.empty()) return folders;
    const auto top = from_.find_folder(mailbox->id, options_.folder);
    if (!top) {
      std::string there;
      for (const Folder& folder : folders) there += (there.empty() ? "" : ", ") + folder.path;
      return fail(ErrorCode::kNotFound, "the mailbox had no folder \"" + options_.folder +
                                            "\" at that moment; it had: " + there);
    }
    std::erase_if(folders, [&](const Folder& folder) {
      return folder.id != top->id && !folder.path.starts_with(top->path + kHierarchySeparator);
    });
    return folders;
  }

  Result<FolderId> target_folder(const Folder& folder) {
    const std::string path =
        options_.root.empty() ? folder.path : options_.root + kHierarchySeparator + folder.path;
    if (const auto found = target_.snapshot().find_folder(mailbox_, path)) return found->id;
    TRY_ASSIGN(const FolderId made,
               await_here(target_.create_folder(actor_, mailbox_, path, SpecialUse::kNone)));
    ++report_.folders_made;
    TRY(merge_rights(folder.id, made));
    TRY(await_here(target_.set_subscribed(actor_, made, true)));
    return made;
  }

  Result<> merge(const Folder& folder) {
    ++report_.folders;
    TRY_ASSIGN(const FolderId to, target_folder(folder));
    TRY(merge_metadata(folder.mailbox, folder.id, to));
    Existing existing(target_, options_.copy_again ? FolderId() : to);
    Result<> outcome;
    from_.for_each_message(folder.id, kAllUids, [&](const Message& message) {
      outcome = take(folder, message, existing, to);
      return outcome.has_value();
    });
    TRY(outcome);
    return write_batch(to);
  }

  // Those of everybody and of the mailbox's own user; what the target has stays.
  Result<> merge_metadata(MailboxId mailbox, FolderId from, FolderId to) {
    std::vector<MetadataChange> changes;
    const Snapshot there = target_.snapshot();
    for (const auto& [was, owner] : {std::pair(Guid(), Guid()), {options_.from, options_.to}}) {
      from_.for_each_metadata({mailbox, from, was}, "", [&](const MetadataEntry& entry) {
        if (!there.metadata({mailbox_, to, owner}, entry.name))
          changes.push_back({owner, entry.name, entry.value});
      });
    }
    if (changes.empty()) return {};
    auto set = await_here(target_.set_metadata(actor_, mailbox_, to, std::move(changes)));
    // Mail does not stay away for what was noted beside it.
    if (!set && set.error().code == ErrorCode::kExhausted) return {};
    return set;
  }

  // Of a folder that was gone, in the mailbox it was in: there is nothing newer that they could
  // contradict. Whose mailbox is not there any more gets none, and who was granted nothing there
  // gets nothing from the folder above.
  Result<> merge_rights(FolderId from, FolderId to) {
    if (options_.from != options_.to) return {};
    const std::vector<FolderRight> granted = from_.rights(from);
    const std::vector<FolderRight> inherited = target_.snapshot().rights(to);
    for (const FolderRight& right : inherited) {
      if (std::ranges::find(granted, right.identity, &FolderRight::identity) == granted.end())
        TRY(await_here(target_.set_rights(actor_, to, right.identity, 0)));
    }
    for (const FolderRight& right : granted) {
      if (!right.identity.is_nil() && !target_.snapshot().mailbox(right.identity)) continue;
      TRY(await_here(target_.set_rights(actor_, to, right.identity, right.rights)));
    }
    return {};
  }

  Result<> take(const Folder& folder, const Message& message, Existing& existing, FolderId to) {
    TRY(progress_.check());
    ++report_.messages;
    progress_.add(message.size);
    const auto body = from_.body(message.body);
    if (!body) {
      if (report_.damaged.size() < MergeReport::kDamagedMax) {
        report_.damaged.push_back(
            fmt::format("{} UID {}: {}", folder.path, message.uid.value, body.error().text));
      }
      return {};
    }
    if (existing.take(message, body->content_hash)) {
      ++report_.existing;
      return {};
    }
    NewMessage copy;
    copy.body = std::make_shared<const std::string>(body->bytes);
    copy.flags = message.flags & kSystemFlags;
    for (std::size_t i = 0; i < folder.keywords.size(); ++i) {
      if ((message.flags >> (kFirstKeywordBit + i) & 1) != 0)
        copy.keywords.push_back(folder.keywords[i]);
    }
    copy.internal_date_s = message.internal_date_s;
    copy.annotation = from_.annotation(folder.id, message.uid);
    batch_bytes_ += copy.body->size();
    batch_.push_back(std::move(copy));
    if (batch_.size() < kBatchMessages && batch_bytes_ < kBatchBytes) return {};
    return write_batch(to);
  }

  Result<> write_batch(FolderId to) {
    if (batch_.empty()) return {};
    const std::size_t count = batch_.size();
    auto done = await_here(target_.append(actor_, to, std::exchange(batch_, {})));
    const std::uint64_t bytes = std::exchange(batch_bytes_, 0);
    if (!done) {
      return fail(std::move(done).error().within(
          fmt::format("after {} copied messages, which stay", report_.copied)));
    }
    report_.copied += count;
    report_.bytes += bytes;
    return {};
  }

  Database& target_;
  const MergeOptions& options_;
  Progress& progress_;
  const Snapshot from_;  // of a database that nobody writes to: it pins nothing
  Actor actor_;
  MailboxId mailbox_;
  std::vector<NewMessage> batch_;
  std::uint64_t batch_bytes_ = 0;
  MergeReport report_;
};

}  // namespace

Result<MergeReport> merge_mailbox(const Database& source, Database& target,
                                  const MergeOptions& options, Progress& progress) {
  return Merging(source, target, options, progress).run();
}

}  // namespace hauspost::store
