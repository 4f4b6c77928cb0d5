#include "store/verify.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <bit>
#include <map>

#include "base/bytes.h"
#include "base/text.h"
#include "store/checkpoint.h"
#include "store/chunk.h"
#include "store/image.h"
#include "store/log_reader.h"
#include "store/metadata.h"
#include "store/recovery.h"

namespace hauspost::store {

namespace {

class Verifier {
 public:
  // Bodies are read through `segments`; when it is null, they only must lie within `files`.
  Verifier(const Txn& txn, const Index& index, SegmentCache* segments,
           const std::vector<SegmentFile>& files, VerifyReport& report, Progress& progress)
      : txn_(txn), index_(index), segments_(segments), report_(report), progress_(progress) {
    for (const SegmentFile& file : files) file_bytes_[file.first_lsn.value] = file.bytes;
  }

  Result<> run() {
    TRY(each(index_.mailboxes, [this](auto key, auto value) { return mailbox(key, value); }));
    TRY(each(index_.folders, [this](auto key, auto value) { return folder(key, value); }));
    TRY(each(index_.folder_names, [this](auto key, auto value) { return name(key, value); }));
    TRY(each(index_.messages, [this](auto key, auto value) { return chunk(key, value); }));
    TRY(each(index_.annotations, [this](auto key, auto value) { return annotation(key, value); }));
    TRY(each(index_.tombstones, [this](auto key, auto value) { return tombstone(key, value); }));
    TRY(each(index_.acl, [this](auto key, auto value) { return right(key, value); }));
    TRY(each(index_.seen, [this](auto key, auto value) { return seen_by(key, value); }));
    TRY(each(index_.bodies, [this](auto key, auto value) { return body(key, value); }));
    TRY(each(index_.segments, [this](auto key, auto value) { return segment(key, value); }));
    sum_up_folders();
    TRY(each(index_.usage, [this](auto key, auto value) { return usage(key, value); }));
    TRY(each(index_.metadata, [this](auto key, auto value) { return metadata(key, value); }));
    TRY(each(index_.deliveries, [this](auto key, auto value) { return delivery(key, value); }));
    check_folders();
    for (const auto& [id, references] : references_)
      fault(fmt::format("body {} is named by {} messages but is not there", id, references));
    for (const auto& [id, bytes] : live_)
      fault(fmt::format("segment {} holds {} live bytes but has no row", id, bytes));
    return check_state();
  }

 private:
  struct Seen {
    FolderRow row;
    bool named = false;
    std::uint32_t messages = 0, unseen = 0, deleted = 0, tombstones = 0;
    std::uint64_t bytes = 0;
    std::uint32_t last_uid = 0;
    ModSeq highest;
  };

  void fault(std::string text) {
    if (report_.faults.size() < VerifyReport::kFaultsMax) report_.faults.push_back(std::move(text));
  }

  Result<> each(Table table,
                const std::function<Result<>(std::string_view, std::string_view)>& row) {
    TRY_ASSIGN(Cursor cursor, Cursor::open(txn_, table));
    TRY_ASSIGN(bool here, cursor.first());
    while (here) {
      TRY(progress_.check());
      progress_.add(cursor.key().size() + cursor.value().size());
      TRY(row(cursor.key(), cursor.value()));
      TRY_ASSIGN(here, cursor.next());
    }
    return {};
  }

  Result<> mailbox(std::string_view key, std::string_view value) {
    const auto guid = Guid::from_bytes(key);
    const auto mailbox = guid ? decode_mailbox(*guid, value) : fail(ErrorCode::kCorrupt, "key");
    ++report_.mailboxes;
    if (!mailbox || !mailboxes_.emplace(mailbox->id, UsageRow{*guid}).second) {
      fault("table mailboxes: a bad row or an id twice");
      return {};
    }
    highest_mailbox_ = std::max(highest_mailbox_, mailbox->id.value);
    TRY_ASSIGN(const auto inbox, find_path(txn_, index_, mailbox->id, "INBOX"));
    if (!inbox) fault("mailbox " + guid->to_string() + " has no INBOX");
    return {};
  }

  Result<> folder(std::string_view key, std::string_view value) {
    ++report_.folders;
    if (key.size() != 4) {
      fault("table folders: a bad key");
      return {};
    }
    const FolderId id(load_be<std::uint32_t>(key.data()));
    auto row = decode_folder(id, value);
    if (!row) {
      fault(fmt::format("folder {}: a bad row", id.value));
      return {};
    }
    if (!mailboxes_.contains(row->folder.mailbox))
      fault(fmt::format("folder {} belongs to no mailbox", id.value));
    highest_folder_ = std::max(highest_folder_, id.value);
    folders_[id].row = *std::move(row);
    return {};
  }

  Result<> name(std::string_view key, std::string_view value) {
    if (key.size() <= 8 || value.size() != 4) {
      fault("table folder_names: a bad row");
      return {};
    }
    const FolderId id(load_le<std::uint32_t>(value.data()));
    const auto found = folders_.find(id);
    if (found == folders_.end() || std::exchange(found->second.named, true)) {
      fault(fmt::format("table folder_names: folder {} is not there or named twice", id.value));
      return {};
    }
    const Folder& folder = found->second.row.folder;
    if (key != folder_name_key(folder.mailbox, folder.parent, folder.name))
      fault(fmt::format("folder {} is filed under another name", id.value));
    if (folder.parent != FolderId() && !folders_.contains(folder.parent))
      fault(fmt::format("folder {} has no parent", id.value));
    return {};
  }

  Result<> chunk(std::string_view key, std::string_view value) {
    const auto view = ChunkView::parse(value);
    const auto found = key.size() == 8 ? folders_.find(FolderId(load_be<std::uint32_t>(key.data())))
                                       : folders_.end();
    if (!view || found == folders_.end() || view->size() == 0 || view->size() > kChunkEntriesMax) {
      fault("table messages: a bad chunk or one without its folder");
      return {};
    }
    Seen& seen = found->second;
    const FolderId id = found->first;
    const auto lowest = load_be<std::uint32_t>(key.data() + 4);
    if (lowest <= seen.last_uid || view->uid(0) < lowest)
      fault(fmt::format("folder {}: chunks overlap at UID {}", id.value, lowest));
    for (std::size_t i = 0; i < view->size(); ++i) {
      const Message message = view->message(i);
      if (message.uid.value <= seen.last_uid)
        fault(fmt::format("folder {}: UID {} out of order", id.value, message.uid.value));
      if (message.modseq > view->highest_modseq())
        fault(
            fmt::format("folder {}: UID {} above its chunk's MODSEQ", id.value, message.uid.value));
      count(seen, message);
    }
    return {};
  }

  void count(Seen& seen, const Message& message) {
    ++report_.messages;
    ++seen.messages;
    seen.bytes += message.size;
    seen.unseen += (message.flags & kSeen) == 0 ? 1 : 0;
    seen.deleted += (message.flags & kDeleted) != 0 ? 1 : 0;
    seen.last_uid = message.uid.value;
    seen.highest = std::max(seen.highest, message.modseq);
    ++references_[message.body.value];
    sizes_[message.body.value] = message.size;
  }

  Result<> annotation(std::string_view key, std::string_view) {
    if (key.size() == 8) {
      const FolderId folder(load_be<std::uint32_t>(key.data()));
      const auto uid = load_be<std::uint32_t>(key.data() + 4);
      TRY_ASSIGN(const auto found, find_chunk(txn_, index_, folder, uid));
      if (found) {
        const ChunkView view = found->chunk.view();
        const std::size_t at = view.lower_bound(uid);
        if (at < view.size() && view.uid(at) == uid) return {};
      }
    }
    fault("table annotations: a row without its message");
    return {};
  }

  Result<> tombstone(std::string_view key, std::string_view value) {
    const auto found = key.size() == 16 && value.size() == 4
                           ? folders_.find(FolderId(load_be<std::uint32_t>(key.data())))
                           : folders_.end();
    if (found == folders_.end()) {
      fault("table tombstones: a bad row or one without its folder");
      return {};
    }
    ++found->second.tombstones;
    return {};
  }

  Result<> right(std::string_view key, std::string_view value) {
    if (key.size() != 20 || !decode_rights(value) ||
        !folders_.contains(FolderId(load_be<std::uint32_t>(key.data()))))
      fault("table acl: a bad row or one without its folder");
    return {};
  }

  // What nobody can have seen, as it is not there, must not be marked: it would be counted.
  Result<> seen_by(std::string_view key, std::string_view value) {
    const auto found = key.size() == 24 && value.size() == kSeenBlockBytes
                           ? folders_.find(FolderId(load_be<std::uint32_t>(key.data())))
                           : folders_.end();
    if (found == folders_.end()) {
      fault("table seen: a bad row or one without its folder");
      return {};
    }
    const std::uint64_t first =
        std::uint64_t{load_be<std::uint32_t>(key.data() + 4)} * kSeenBlockUids;
    std::uint32_t marked = 0;
    for (const char byte : value)
      marked += static_cast<std::uint32_t>(std::popcount(static_cast<unsigned char>(byte)));
    TRY_ASSIGN(const std::uint32_t there, count_marked(found->first, first, value));
    if (marked == 0 || marked != there)
      fault(fmt::format("folder {}: messages that are not there count as seen",
                        found->first.value));
    return {};
  }

  Result<std::uint32_t> count_marked(FolderId folder, std::uint64_t first, std::string_view bits) {
    std::uint32_t count = 0;
    const std::uint64_t end = first + kSeenBlockUids;
    for (std::uint64_t from = first; from < end && from <= UINT32_MAX;) {
      TRY_ASSIGN(const auto found,
                 find_chunk(txn_, index_, folder, static_cast<std::uint32_t>(from)));
      if (!found) break;
      const ChunkView view = found->chunk.view();
      for (std::size_t i = view.lower_bound(static_cast<std::uint32_t>(from));
           i < view.size() && view.uid(i) < end; ++i)
        count += seen_bit(bits, view.uid(i)) ? 1 : 0;
      from = std::uint64_t{view.uid(view.size() - 1)} + 1;
    }
    return count;
  }

  Result<> body(std::string_view key, std::string_view value) {
    ++report_.bodies;
    const auto row = decode_body(value);
    if (key.size() != 8 || !row) {
      fault("table bodies: a bad row");
      return {};
    }
    const auto id = load_be<std::uint64_t>(key.data());
    highest_body_ = std::max(highest_body_, id);
    live_[row->segment.value] += row->bytes;
    report_.body_bytes += row->bytes;
    const auto named = references_.extract(id);
    if (named.empty() || named.mapped() != row->references)
      fault(fmt::format("body {} counts {} references, messages name it {} times", id,
                        row->references, named.empty() ? 0 : named.mapped()));
    if (segments_ == nullptr) {
      check_place(id, *row);
      return {};
    }
    const auto map = segments_->get(row->segment, row->offset + row->bytes);
    if (!map) {
      fault(fmt::format("body {}: {}", id, map.error().text));
      return {};
    }
    const auto blob = (*map)->blob(row->offset);
    if (!blob || blob->bytes != row->bytes || blob->message.size() != sizes_[id])
      fault(fmt::format("body {}: {}", id, blob ? "has another size" : blob.error().text));
    return {};
  }

  void check_place(std::uint64_t id, const BodyRow& row) {
    const auto file = file_bytes_.find(row.segment.value);
    if (file == file_bytes_.end() || row.offset > file->second ||
        row.bytes > file->second - row.offset)
      fault(fmt::format("body {}: segment {} is missing or cut", id, row.segment.value));
  }

  Result<> segment(std::string_view key, std::string_view value) {
    const auto row = decode_segment(value);
    if (key.size() != 8 || !row) {
      fault("table segments: a bad row");
      return {};
    }
    const auto first = load_be<std::uint64_t>(key.data());
    const auto live = live_.extract(first);
    const std::uint64_t bytes = live.empty() ? 0 : live.mapped();
    if (row->live_bytes != bytes)
      fault(fmt::format("segment {} counts {} live bytes, bodies have {}", first, row->live_bytes,
                        bytes));
    if (row->dropped && row->live_bytes != 0)
      fault(fmt::format("segment {} was dropped, but bodies live in it", first));
    return {};
  }

  void sum_up_folders() {
    for (const auto& [id, seen] : folders_) {
      const auto mailbox = mailboxes_.find(seen.row.folder.mailbox);
      if (mailbox == mailboxes_.end()) continue;
      UsageRow& sums = mailbox->second;
      const bool hidden = seen.row.folder.special_use == SpecialUse::kRecoverable;
      (hidden ? sums.recoverable_messages : sums.messages) += seen.messages;
      (hidden ? sums.recoverable_bytes : sums.bytes) += seen.bytes;
    }
  }

  Result<> usage(std::string_view key, std::string_view value) {
    const auto row = decode_usage(value);
    const auto expected = key.size() == 4
                              ? mailboxes_.find(MailboxId(load_be<std::uint32_t>(key.data())))
                              : mailboxes_.end();
    if (!row || expected == mailboxes_.end()) {
      fault("table usage: a bad row or one without its mailbox");
      return {};
    }
    if (encode(expected->second) != encode(*row))
      fault(fmt::format("mailbox {}: sums differ from what its folders hold",
                        expected->second.mailbox.to_string()));
    ++usage_rows_;
    return {};
  }

  Result<> delivery(std::string_view key, std::string_view value) {
    if (key.size() != 20 || value.size() != 8) fault("table deliveries: a bad row");
    return {};
  }

  Result<> metadata(std::string_view key, std::string_view value) {
    const bool long_enough = key.size() >= 8;
    const FolderId folder(long_enough ? load_be<std::uint32_t>(key.data()) : 0);
    const MailboxId mailbox(long_enough && folder == FolderId()
                                ? load_be<std::uint32_t>(key.data() + 4)
                                : 0);
    const bool placed = folder == FolderId()
                            ? mailbox == MailboxId() || mailboxes_.contains(mailbox)
                            : folders_.contains(folder);
    const std::size_t prefix = metadata_key({mailbox, folder, {}}, "").size();
    const auto entry = decode_metadata(value);
    if (!long_enough || !placed || key.size() < prefix || !entry ||
        !is_metadata_name(entry->name) || ascii_lower(entry->name) != key.substr(prefix) ||
        entry->value.size() > kMetadataValueMax)
      fault("table metadata: a bad row or one without its folder or mailbox");
    return {};
  }

  void check_folders() {
    for (const auto& [id, seen] : folders_) {
      const Folder& folder = seen.row.folder;
      const bool hidden_name = folder.parent == FolderId() && folder.name == kRecoverableName;
      if (hidden_name != (folder.special_use == SpecialUse::kRecoverable))
        fault(fmt::format("folder {}: hidden by name or by use alone", id.value));
      if (!seen.named) fault(fmt::format("folder {} has no name", id.value));
      if (folder.messages != seen.messages || folder.unseen != seen.unseen ||
          folder.deleted != seen.deleted || folder.bytes != seen.bytes)
        fault(fmt::format("folder {}: counts differ from what it holds", id.value));
      if (folder.uid_next.value <= seen.last_uid)
        fault(fmt::format("folder {}: UIDNEXT is not above its UIDs", id.value));
      if (folder.highest_modseq < seen.highest)
        fault(fmt::format("folder {}: HIGHESTMODSEQ is below a message's", id.value));
      if (seen.row.tombstones != seen.tombstones)
        fault(fmt::format("folder {}: tombstones differ from their count", id.value));
    }
  }

  Result<> check_state() {
    if (usage_rows_ != mailboxes_.size()) fault("a mailbox has no row in table usage");
    TRY_ASSIGN(const State state, read_state(txn_, index_));
    if (state.messages != report_.messages) fault("the database's count of messages is wrong");
    if (state.next_mailbox <= highest_mailbox_ || state.next_folder <= highest_folder_ ||
        state.next_body <= highest_body_)
      fault("an id would be given twice");
    for (const auto& [id, seen] : folders_) {
      if (seen.row.folder.highest_modseq.value > state.applied.value)
        fault(fmt::format("folder {}: HIGHESTMODSEQ is above the log", id.value));
      if (seen.row.folder.uid_validity > state.last_uid_validity)
        fault(fmt::format("folder {}: its UIDVALIDITY would be given again", id.value));
    }
    report_.index_checked = true;
    return {};
  }

  const Txn& txn_;
  const Index& index_;
  SegmentCache* segments_;
  std::unordered_map<std::uint64_t, std::uint64_t> file_bytes_;  // by segment
  VerifyReport& report_;
  Progress& progress_;
  std::map<MailboxId, UsageRow> mailboxes_;  // what their rows should say
  std::size_t usage_rows_ = 0;
  std::unordered_map<FolderId, Seen> folders_;
  std::unordered_map<std::uint64_t, std::uint32_t> references_;  // by body; emptied by body()
  std::unordered_map<std::uint64_t, std::uint64_t> sizes_;       // of messages, by body
  std::unordered_map<std::uint64_t, std::uint64_t> live_;        // by segment; emptied by segment()
  std::uint32_t highest_mailbox_ = 0;
  std::uint32_t highest_folder_ = 0;
  std::uint64_t highest_body_ = 0;
};

// Every record of every segment, and the bodies in it.
void verify_log(const LogExtent& extent, VerifyReport& report, Progress& progress) {
  if (extent.segments.empty()) return;
  std::uint64_t total = 0;
  for (const SegmentFile& file : extent.segments) total += file.bytes;
  progress.begin("decoding the change log", total);
  const auto read = read_log(
      extent, extent.segments.front().first_lsn, [&](const PlacedRecord& placed) -> Result<> {
        ++report.records;
        TRY(progress.check());
        progress.add(placed.bytes.size());
        for (const auto& blob : placed.record.blobs)
          TRY(decode_blob(placed.bytes.substr(blob.offset), true));
        return read_operations(placed.record, [](const Operation&) { return Result<>(); });
      });
  if (!read) report.faults.push_back(read.error().text);
}

// Whether the index file is whole without recovery: closed in order, or its pages are still in
// this run's page cache.
bool index_is_whole(const std::string& path, const Guid& guid) {
  const auto raw = read_file(path + "/" + std::string(kCheckpointFile), 64 * 1024);
  const auto checkpoint = raw ? decode_checkpoint(*raw) : fail(ErrorCode::kNotFound, "none");
  if (!checkpoint || checkpoint->database != guid) return false;
  return checkpoint->clean || checkpoint->boot_id == Platform::real().boot_id;
}

}  // namespace

Result<> verify_index(const Txn& txn, const Index& index, SegmentCache& segments,
                      VerifyReport& report) {
  Progress progress;
  return Verifier(txn, index, &segments, {}, report, progress).run();
}

Result<> verify_index(const Txn& txn, const Index& index, const std::string& log_folder,
                      VerifyReport& report, Progress& progress) {
  TRY_ASSIGN(const auto files, list_segments(log_folder));
  const Environment::Size size = index.environment->size();
  progress.begin("checking the index", size.page_bytes * size.pages_used);
  return Verifier(txn, index, nullptr, files, report, progress).run();
}

namespace {

// The parts of a closed database, looked at one after the other.
class OfflineCheck {
 public:
  OfflineCheck(const std::string& path, const Guid& guid, Progress& progress)
      : path_(path), guid_(guid), progress_(progress) {}

  Result<VerifyReport> run() {
    const auto extent = log_extent(path_, guid_);
    if (!extent) report_.faults.push_back(extent.error().text);
    if (extent) TRY(check_image_of(*extent));
    std::optional<Index> index = open_index();
    std::optional<ReadTxn> txn;
    Lsn applied;
    if (index) {
      TRY_ASSIGN(txn, index->environment->read());
      if (const auto state = read_state(*txn, *index)) applied = state->applied;
    }
    TRY(read_files(extent ? std::max(extent->last, applied) : kWholeLog));
    if (txn) TRY(name_messages(*txn, *index, log_folder(path_), report_.damage));
    // Without damage every record is there to be decoded.
    if (extent && report_.damage.empty()) TRY(read_records(*extent));
    if (txn) TRY(look_at(*txn, *index));
    if (extent && applied > extent->last && report_.damage.empty())
      report_.faults.push_back("the index has seen more than the change log holds");
    return std::move(report_);
  }

 private:
  std::optional<Index> open_index() {
    if (!index_is_whole(path_, guid_)) return std::nullopt;
    // The size limit only matters to writers.
    auto index = Index::open(path_ + "/" + std::string(kIndexFile), 1ULL << 30, true);
    if (index) return std::move(*index);
    report_.faults.push_back(index.error().text);
    return std::nullopt;
  }

  // What stands in for the log's beginning once that was dropped.
  Result<> check_image_of(const LogExtent& extent) {
    const auto image = check_image(path_ + "/" + std::string(kImageFile), progress_);
    TRY(progress_.check());
    if (!image && image.error().code != ErrorCode::kNotFound)
      report_.faults.push_back(image.error().text);
    const Lsn first = extent.segments.empty() ? Lsn(1) : extent.segments.front().first_lsn;
    if (first.value > 1 && (!image || extent.covered.next() < first))
      report_.faults.push_back(
          fmt::format("no image of the index stands in for the records before {}", first.value));
    return {};
  }

  Result<> read_files(Lsn last) {
    const auto image = read_image_info(path_ + "/" + std::string(kImageFile));
    ScanOptions options;
    options.covered = image ? image->lsn : Lsn();
    TRY_ASSIGN(ScanReport scanned,
               scan_segments(log_folder(path_), guid_, last, options, progress_));
    report_.records = scanned.records;
    report_.log_bytes = scanned.bytes;
    report_.damage = std::move(scanned.damage);
    return {};
  }

  Result<> read_records(const LogExtent& extent) {
    report_.records = 0;
    verify_log(extent, report_, progress_);
    return progress_.check();
  }

  Result<> look_at(const ReadTxn& txn, const Index& index) {
    const auto looked = verify_index(txn, index, log_folder(path_), report_, progress_);
    if (!looked && looked.error().code == ErrorCode::kCancelled) return looked;
    if (!looked) report_.faults.push_back(looked.error().text);
    return {};
  }

  const std::string& path_;
  const Guid& guid_;
  Progress& progress_;
  VerifyReport report_;
};

}  // namespace

Result<VerifyReport> verify(const std::string& path, Progress& progress) {
  TRY_ASSIGN(const Guid guid, read_database_file(path));
  TRY_ASSIGN(const FolderLock lock, FolderLock::take(path));
  return OfflineCheck(path, guid, progress).run();
}

Result<VerifyReport> verify(const std::string& path) {
  Progress progress;
  return verify(path, progress);
}

Result<Database::Statistics> read_statistics(Result<ReadTxn> txn, const Index& index) {
  if (!txn) return fail(std::move(txn).error());
  Database::Statistics statistics;
  TRY_ASSIGN(const State state, read_state(*txn, index));
  statistics.last_lsn = state.applied;
  statistics.messages = state.messages;
  TRY_ASSIGN(statistics.mailboxes, txn->count(index.mailboxes));
  TRY_ASSIGN(Cursor cursor, Cursor::open(*txn, index.segments));
  TRY_ASSIGN(bool here, cursor.first());
  while (here) {
    TRY_ASSIGN(const SegmentRow row, decode_segment(cursor.value()));
    statistics.live_body_bytes += row.live_bytes;
    statistics.dead_body_bytes += row.dead_bytes;
    TRY_ASSIGN(here, cursor.next());
  }
  return statistics;
}

}  // namespace hauspost::store
