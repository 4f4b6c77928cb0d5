#include "server/transfer/importer.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/bytes.h"
#include "base/text.h"
#include "server/child/job_transfer.pb.h"
#include "server/transfer/folder_name.h"
#include "server/transfer/report_file.h"
#include "server/transfer/wire.h"
#include "store/backup/await.h"
#include "store/metadata.h"

namespace hauspost::transfer {

namespace {

constexpr std::size_t kBatchMessages = 1024;
constexpr std::uint64_t kBatchBytes = 8ULL << 20;
constexpr std::size_t kKeywordBytes = 100;
constexpr std::size_t kFoldersNoted = 2000;
// A file may say any time; clients can be told those of years that have four digits.
constexpr std::int64_t kOldestDate_s = -62'167'219'200;
constexpr std::int64_t kNewestDate_s = 253'402'300'799;
constexpr std::string_view kNoteName = "/hauspost/import";

bool is_keyword(std::string_view word) {
  return !word.empty() && word.size() <= kKeywordBytes && word[0] != '\\' && is_valid_utf8(word) &&
         std::ranges::all_of(word, [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte > 0x20 && byte < 0x7f &&
                  std::string_view("(){%*\"]").find(c) == std::string_view::npos;
         });
}

class Importing {
 public:
  Importing(Source& source, store::Database& database, const ImportOptions& options,
            store::Progress& progress)
      : source_(source), database_(database), options_(options), progress_(progress) {
    actor_.device = "mailbox import";
  }

  Result<Tally> run() {
    TRY_ASSIGN(filter_, FolderFilter::make(options_.include, options_.exclude));
    if (!options_.dry_run) {
      TRY_ASSIGN(mailbox_, store::await_here(
                               database_.open_mailbox(actor_, options_.mailbox, options_.label)));
      const auto inbox = database_.snapshot().find_folder(mailbox_, "INBOX");
      if (!inbox) return fail(ErrorCode::kCorrupt, "the mailbox has no INBOX");
      inbox_ = inbox->id;
    }
    TRY(resolve_root());
    TRY_ASSIGN(const bool ended, go_on());
    if (ended) return tally_;
    progress_.begin(step_text("importing", tally_), source_.bytes_total());
    progress_.add(source_.bytes_done());
    Item item;
    for (;;) {
      TRY(progress_.check());
      TRY_ASSIGN(const bool more, source_.next(item));
      if (!more) break;
      TRY(take(item));
    }
    TRY(write(true));
    TRY(tell_progress());
    return tally_;
  }

 private:
  struct Target {
    store::FolderId id;
    std::vector<std::string> keywords;  // that it has
  };

  Result<> resolve_root() {
    const auto use = special_word(options_.target_root);
    if (!use) {
      if (options_.target_root.starts_with('#'))
        return fail(ErrorCode::kInvalid,
                    "no folder is known as " + escape_for_log(options_.target_root));
      root_ = folder_path(options_.target_root);
      return {};
    }
    if (options_.dry_run) return {};
    for (const store::Folder& folder : database_.snapshot().folders(mailbox_)) {
      if (folder.special_use == *use) root_ = folder.path;
    }
    if (*use == store::SpecialUse::kInbox) root_ = "INBOX";
    if (root_.empty())
      return fail(ErrorCode::kNotFound, "the mailbox has no folder " + options_.target_root);
    return {};
  }

  store::MetadataPlace place() const { return {mailbox_, store::FolderId(), options_.request}; }

  // True: this request has ended already.
  Result<bool> go_on() {
    child::wire::ImportNote note;
    if (!options_.dry_run) {
      const auto entry = database_.snapshot().metadata(place(), kNoteName);
      if (entry && !note.ParseFromString(entry->value))
        return fail(ErrorCode::kCorrupt, "the note of how far the import has come does not parse");
      if (entry) {
        tally_ = from_wire(note.tally());
        folders_.insert(note.folders().begin(), note.folders().end());
        if (note.ended()) return true;
        TRY(source_.resume(note.position()));
        position_ = note.position();
      }
    }
    if (!options_.report_path.empty()) {
      TRY_ASSIGN(auto report, ReportFile::open(options_.report_path, note.report_bytes()));
      report_.emplace(std::move(report));
    }
    return false;
  }

  void tell(const Item& item, std::string_view why) {
    if (report_) report_->add(fmt::format("{}: {}", item.where, why));
  }

  // Where a folder of the source goes; nullopt: it is not wanted.
  std::optional<std::string> target_path(const std::string& folder) const {
    const std::string whole = folder_path(folder);
    const auto below = below_root(whole, options_.source_root);
    if (!below) return std::nullopt;
    const std::string first = whole.substr(0, whole.find(store::kHierarchySeparator));
    const store::SpecialUse use = whole.empty() ? store::SpecialUse::kInbox : special_use_of(first);
    if (!filter_.wants(whole.empty() ? "INBOX" : whole, use)) return std::nullopt;
    if (root_.empty()) return below->empty() ? "INBOX" : *below;
    return below->empty() ? root_ : join_folder(root_, *below);
  }

  // Afterwards the item is in the batch, or done with; the note of a batch never covers an item
  // that is neither.
  Result<> take(Item& item) {
    TRY(place_item(item));
    position_ = source_.position();
    if (batch_.size() < kBatchMessages && batch_bytes_ < kBatchBytes) return {};
    return write(false);
  }

  Result<> place_item(Item& item) {
    if (item.kind == Item::Kind::kBad)
      return count_fault(item, tally_.bad, options_.bad_items_max, "bad");
    const auto path = target_path(item.folder);
    if (item.kind == Item::Kind::kDropped || !path) {
      tally_.skipped += item.kind == Item::Kind::kFolder ? 0 : 1;
      return {};
    }
    if (item.kind == Item::Kind::kLarge)
      return count_fault(item, tally_.large, options_.large_items_max, "large");
    auto to = target(*path);
    if (!to && to.error().code == ErrorCode::kInvalid) {
      item.why = "folder " + *path + " cannot be: " + to.error().text;
      return count_fault(item, tally_.bad, options_.bad_items_max, "bad");
    }
    if (!to) return fail(std::move(to).error());
    if (item.kind == Item::Kind::kFolder) return {};
    if (!batch_.empty() && (*to)->id != batch_folder_) TRY(write(false));
    note_folder(*path);
    if (!item.why.empty()) {
      ++tally_.odd;
      tell(item, item.why);
    }
    if (options_.dry_run) {
      count(item.body.size());
      return tell_progress();
    }
    batch_folder_ = (*to)->id;
    add_to_batch(item, **to);
    return {};
  }

  void add_to_batch(Item& item, Target& to) {
    store::NewMessage message;
    message.flags = item.flags & store::kSystemFlags;
    const std::int64_t date_s = item.date_s != 0 ? item.date_s : date_of_header(item.body);
    message.internal_date_s = std::clamp(date_s, kOldestDate_s, kNewestDate_s);
    add_keywords(item, to, message);
    batch_bytes_ += item.body.size();
    message.body = std::make_shared<const std::string>(std::move(item.body));
    batch_.push_back(std::move(message));
  }

  // Each once, also when the import was interrupted in between.
  void note_folder(const std::string& path) {
    if (last_folder_ == path) return;
    last_folder_ = path;
    if (folders_.size() < kFoldersNoted && !folders_.insert(crc32c(path)).second) return;
    ++tally_.folders;
  }

  void count(std::uint64_t bytes) {
    ++tally_.messages;
    tally_.bytes += bytes;
  }

  // The batch, and how far the source has been read with it.
  Result<> write(bool last) {
    if (options_.dry_run || (batch_.empty() && !last)) return {};
    for (const store::NewMessage& message : batch_) count(message.body->size());
    if (report_) TRY(report_->flush());
    child::wire::ImportNote note;
    note.set_position(position_);
    *note.mutable_tally() = to_wire(tally_);
    note.set_report_bytes(report_ ? report_->length() : 0);
    note.set_ended(last);
    for (const std::uint32_t folder : folders_) note.add_folders(folder);
    const store::FolderId to = batch_.empty() ? inbox_ : batch_folder_;
    batch_bytes_ = 0;
    TRY(store::await_here(
        database_.append_noted(actor_, to, std::exchange(batch_, {}),
                               {options_.request, std::string(kNoteName), note.SerializeAsString()},
                               options_.ignore_quota)));
    return tell_progress();
  }

  Result<> tell_progress() {
    progress_.describe(step_text("importing", tally_));
    const std::uint64_t done = source_.bytes_done();
    if (done > progress_.done()) progress_.add(done - progress_.done());
    return {};
  }

  Result<> count_fault(const Item& item, std::uint64_t& counter,
                       const std::optional<std::uint64_t>& most, std::string_view what) {
    if (most && counter >= *most) {
      return fail(
          ErrorCode::kExhausted,
          fmt::format("more than {} {} items: {}: {}; see what is wrong, or allow more with "
                      "--{}-items, and resume the request",
                      *most, what, escape_for_log(item.where), item.why, what));
    }
    ++counter;
    tell(item, item.why);
    return {};
  }

  void add_keywords(const Item& item, Target& to, store::NewMessage& message) {
    for (const std::string& keyword : item.keywords) {
      const auto same = [&](const std::string& each) { return iequals(each, keyword); };
      if (std::ranges::any_of(message.keywords, same)) continue;
      const bool known = std::ranges::any_of(to.keywords, same);
      if (!is_keyword(keyword) || (!known && to.keywords.size() >= store::kKeywordsMax)) {
        ++tally_.odd;
        tell(item, "keyword " + keyword + " is left out: the folder cannot have it");
        continue;
      }
      if (!known) to.keywords.push_back(keyword);
      message.keywords.push_back(keyword);
    }
  }

  Result<Target*> target(const std::string& path) {
    const auto known = targets_.find(path);
    if (known != targets_.end()) return &known->second;
    if (options_.dry_run) return &targets_[path];
    auto folder = database_.snapshot().find_folder(mailbox_, path);
    if (!folder) {
      TRY_ASSIGN(const store::FolderId made,
                 store::await_here(
                     database_.create_folder(actor_, mailbox_, path, store::SpecialUse::kNone)));
      ++tally_.folders_made;
      TRY(store::await_here(database_.set_subscribed(actor_, made, true)));
      folder = database_.snapshot().folder(made);
      if (!folder) return fail(ErrorCode::kInternal, "a folder that was made is not there");
    }
    return &targets_.emplace(path, Target{folder->id, folder->keywords}).first->second;
  }

  Source& source_;
  store::Database& database_;
  const ImportOptions& options_;
  store::Progress& progress_;
  store::Actor actor_;
  FolderFilter filter_;
  store::MailboxId mailbox_;
  store::FolderId inbox_;
  std::string root_;
  std::map<std::string, Target> targets_;  // by path
  std::vector<store::NewMessage> batch_;
  store::FolderId batch_folder_;
  std::uint64_t batch_bytes_ = 0;
  std::string position_;  // behind the last item that is in the batch or done with
  std::string last_folder_;
  std::set<std::uint32_t> folders_;  // CRCs of paths
  Tally tally_;
  std::optional<ReportFile> report_;
};

}  // namespace

Result<Tally> run_import(Source& source, store::Database& database, const ImportOptions& options,
                         store::Progress& progress) {
  return Importing(source, database, options, progress).run();
}

Result<> forget_import(store::Database& database, const Guid& request, const Guid& mailbox) {
  const auto found = database.snapshot().mailbox(mailbox);
  if (!found) return {};
  store::Actor actor;
  actor.device = "mailbox import";
  return store::await_here(database.set_metadata(
      actor, found->id, store::FolderId(), {{request, std::string(kNoteName), std::nullopt}}));
}

}  // namespace hauspost::transfer
