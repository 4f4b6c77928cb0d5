// The half of Applier that changes what folders hold.
#include "base/bytes.h"
#include "store/applier.h"
#include "store/chunk.h"

namespace hauspost::store {

namespace {

std::unexpected<Error> bad_uids() {
  return fail(ErrorCode::kCorrupt, "change log and index disagree about a folder's UIDs");
}

void count_in(Folder& folder, const Message& message) {
  ++folder.messages;
  folder.bytes += message.size;
  if ((message.flags & kSeen) == 0) ++folder.unseen;
  if ((message.flags & kDeleted) != 0) ++folder.deleted;
}

void count_out(Folder& folder, const Message& message) {
  --folder.messages;
  folder.bytes -= message.size;
  if ((message.flags & kSeen) == 0) --folder.unseen;
  if ((message.flags & kDeleted) != 0) --folder.deleted;
}

// Appends entries to a folder chunk by chunk: each chunk is written once.
class ChunkAppender {
 public:
  static Result<ChunkAppender> open(WriteTxn& txn, const Index& index, FolderId folder) {
    TRY_ASSIGN(auto last, find_last_chunk(txn, index, folder));
    return ChunkAppender(txn, index, folder, std::move(last));
  }
  Result<> add(const Message& message) {
    if (!last_ || last_->chunk.size() >= kChunkEntriesMax) {
      TRY(flush());
      last_ = FoundChunk{message.uid.value, Chunk()};
    }
    last_->chunk.append(message);
    changed_ = true;
    return {};
  }
  Result<> flush() {
    if (!std::exchange(changed_, false)) return {};
    return txn_.put(index_.messages, message_key(folder_, last_->key_uid), last_->chunk.bytes());
  }

 private:
  ChunkAppender(WriteTxn& txn, const Index& index, FolderId folder, std::optional<FoundChunk> last)
      : txn_(txn), index_(index), folder_(folder), last_(std::move(last)) {}
  WriteTxn& txn_;
  const Index& index_;
  FolderId folder_;
  std::optional<FoundChunk> last_;
  bool changed_ = false;
};

}  // namespace

Result<> Applier::on(const AddMessage& op) {
  TRY_ASSIGN(FolderRow* const row, change(op.folder));
  Folder& folder = row->folder;
  if (op.uid < folder.uid_next || op.uid.value == UINT32_MAX) return bad_uids();
  const Message message{op.uid,  op.size,       op.flags, modseq(), op.internal_date_s,
                        op.body, op.save_date_s};
  TRY_ASSIGN(auto last, find_last_chunk(txn_, index_, op.folder));
  if (!last || last->chunk.size() >= kChunkEntriesMax) last = FoundChunk{op.uid.value, Chunk()};
  last->chunk.append(message);
  TRY(txn_.put(index_.messages, message_key(op.folder, last->key_uid), last->chunk.bytes()));
  TRY(hold_body(op.body));
  if (!op.annotation.empty()) {
    TRY(txn_.put(index_.annotations, message_key(op.folder, op.uid.value), op.annotation));
  }
  const std::uint32_t messages = folder.messages;
  const std::uint64_t bytes = folder.bytes;
  count_in(folder, message);
  TRY(count_usage(folder, messages, bytes));
  folder.uid_next = op.uid.next();
  folder.highest_modseq = modseq();
  ++state_.messages;
  tell(FolderEvent::Kind::kAppended, op.folder, {op.uid.value, op.uid.value});
  return {};
}

Result<> Applier::on(const SetFlags& op) {
  TRY_ASSIGN(FolderRow* const row, change(op.folder));
  for (const UidRange range : op.uids.ranges()) {
    TRY(set_flags_range(*row, op, range));
    tell(FolderEvent::Kind::kFlags, op.folder, range);
  }
  row->folder.highest_modseq = modseq();
  return {};
}

Result<> Applier::set_flags_range(FolderRow& row, const SetFlags& op, UidRange range) {
  std::uint64_t left = std::uint64_t{range.last} - range.first + 1;
  std::uint32_t from = range.first;
  while (left > 0) {
    TRY_ASSIGN(auto found, find_chunk(txn_, index_, op.folder, from));
    if (!found) return bad_uids();
    Chunk& chunk = found->chunk;
    std::size_t i = chunk.view().lower_bound(from);
    const std::uint64_t left_before = left;
    for (; i < chunk.size() && chunk.view().uid(i) <= range.last; ++i, --left) {
      Message message = chunk.view().message(i);
      count_out(row.folder, message);
      message.flags = (message.flags & ~op.clear) | op.set;
      count_in(row.folder, message);
      chunk.set_flags(i, message.flags, modseq());
      from = message.uid.value + 1;
    }
    if (left == left_before) return bad_uids();
    TRY(txn_.put(index_.messages, message_key(op.folder, found->key_uid), chunk.bytes()));
  }
  return {};
}

Result<> Applier::on(const Expunge& op) {
  TRY_ASSIGN(FolderRow* const row, change(op.folder));
  return remove_uids(*row, op.uids,
                     [&](const Message& message) { return forget_message(op.folder, message); });
}

// A body stays with its message: only entries move, so this costs less than expunging.
Result<> Applier::on(const Retire& op) {
  TRY_ASSIGN(FolderRow* const row, change(op.from));
  TRY_ASSIGN(FolderRow* const into_row, change(op.into));
  Folder& into = into_row->folder;
  if (op.from == op.into || op.first_uid < into.uid_next) return bad_uids();
  TRY_ASSIGN(ChunkAppender out, ChunkAppender::open(txn_, index_, op.into));
  const std::uint32_t messages = into.messages;
  const std::uint64_t bytes = into.bytes;
  Uid uid = op.first_uid;
  const auto take = [&](const Message& message) -> Result<> {
    if (uid.value == UINT32_MAX) return bad_uids();
    Message retired = message;
    retired.uid = uid;
    retired.flags = (message.flags & UINT32_MAX) | FlagBits{op.from.value} << 32;
    retired.modseq = modseq();
    retired.save_date_s = op.time_s;
    TRY(out.add(retired));
    TRY(retire_annotation(op, message, uid));
    count_in(into, retired);
    uid = uid.next();
    return {};
  };
  TRY(remove_uids(*row, op.uids, take));
  TRY(out.flush());
  into.uid_next = uid;
  into.highest_modseq = modseq();
  return count_usage(into, messages, bytes);
}

// What an entry of the folder of deleted messages has no room for, its upper flag bits and its
// annotation, becomes an annotation there.
Result<> Applier::retire_annotation(const Retire& op, const Message& message, Uid uid) {
  const std::string key = message_key(op.from, message.uid.value);
  TRY_ASSIGN(const auto raw, txn_.get(index_.annotations, key));
  if (!raw && message.flags >> 32 == 0) return {};
  std::string kept;
  put_le(kept, message.flags);
  if (raw) kept += *raw;
  TRY(txn_.remove(index_.annotations, key));
  return txn_.put(index_.annotations, message_key(op.into, uid.value), kept);
}

Result<> Applier::remove_uids(FolderRow& row, const UidSet& uids, const Taker& take) {
  const FolderId folder = row.folder.id;
  const std::uint32_t messages = row.folder.messages;
  const std::uint64_t bytes = row.folder.bytes;
  for (const UidRange range : uids.ranges()) {
    TRY(remove_range(row, range, take));
    TRY(forget_seen(folder, range));
    std::string last;
    put_le(last, range.last);
    TRY(txn_.put(index_.tombstones, tombstone_key(folder, modseq(), range.first), last));
    ++row.tombstones;
    tell(FolderEvent::Kind::kExpunged, folder, range);
  }
  row.folder.highest_modseq = modseq();
  TRY(count_usage(row.folder, messages, bytes));
  if (row.tombstones > kTombstonesMax) TRY(prune_tombstones(row));
  return {};
}

Result<> Applier::remove_range(FolderRow& row, UidRange range, const Taker& take) {
  const FolderId folder = row.folder.id;
  std::uint64_t left = std::uint64_t{range.last} - range.first + 1;
  while (left > 0) {
    TRY_ASSIGN(const auto found, find_chunk(txn_, index_, folder, range.first));
    if (!found) return bad_uids();
    const std::uint32_t before = row.folder.messages;
    TRY(remove_from(row, found->key_uid, found->chunk.view(), range, take));
    const std::uint32_t gone = before - row.folder.messages;
    if (gone == 0 || gone > left) return bad_uids();
    left -= gone;
  }
  return {};
}

Result<> Applier::remove_from(FolderRow& row, std::uint32_t key_uid, const ChunkView& view,
                              UidRange range, const Taker& take) {
  Chunk rest;
  rest.raise_modseq(view.highest_modseq());
  for (std::size_t i = 0; i < view.size(); ++i) {
    const std::uint32_t uid = view.uid(i);
    if (uid < range.first || uid > range.last) {
      rest.append_entry(view.entry(i), {});
    } else {
      const Message message = view.message(i);
      count_out(row.folder, message);
      TRY(take(message));
    }
  }
  return store_remainder(row.folder.id, key_uid, rest);
}

// Writes what is left of a chunk: nothing, or merged into the chunk before it when both are small,
// so that a folder emptied message by message does not stay spread over the file.
Result<> Applier::store_remainder(FolderId folder, std::uint32_t key_uid, const Chunk& chunk) {
  const std::string key = message_key(folder, key_uid);
  if (chunk.size() == 0) {
    TRY(txn_.remove(index_.messages, key));
    return {};
  }
  if (chunk.size() <= kChunkMergeMax / 2) {
    std::optional<FoundChunk> previous;
    {
      TRY_ASSIGN(Cursor cursor, Cursor::open(txn_, index_.messages));
      TRY_ASSIGN(bool here, cursor.seek(key));
      if (here) {
        TRY_ASSIGN(here, cursor.previous());
      }
      if (here && cursor.key().starts_with(folder_key(folder))) {
        TRY_ASSIGN(const ChunkView view, ChunkView::parse(cursor.value()));
        if (view.size() + chunk.size() <= kChunkMergeMax)
          previous = FoundChunk{load_be<std::uint32_t>(cursor.key().data() + 4), Chunk(view)};
      }
    }
    if (previous) {
      const ChunkView view = chunk.view();
      for (std::size_t i = 0; i < view.size(); ++i)
        previous->chunk.append_entry(view.entry(i), view.highest_modseq());
      TRY(txn_.remove(index_.messages, key));
      return txn_.put(index_.messages, message_key(folder, previous->key_uid),
                      previous->chunk.bytes());
    }
  }
  return txn_.put(index_.messages, key, chunk.bytes());
}

Result<> Applier::forget_message(FolderId folder, const Message& message) {
  --state_.messages;
  TRY(release_body(message.body));
  TRY(txn_.remove(index_.annotations, message_key(folder, message.uid.value)));
  return {};
}

Result<> Applier::prune_tombstones(FolderRow& row) {
  const std::string prefix = folder_key(row.folder.id);
  TRY_ASSIGN(Cursor cursor, Cursor::open(txn_, index_.tombstones));
  TRY_ASSIGN(bool here, cursor.seek(prefix));
  while (here && row.tombstones > kTombstonesMax / 2 && cursor.key().size() == 16 &&
         cursor.key().starts_with(prefix)) {
    row.tombstone_floor = ModSeq(load_be<std::uint64_t>(cursor.key().data() + 4));
    TRY(cursor.remove());
    --row.tombstones;
    TRY_ASSIGN(here, cursor.next());
  }
  return {};
}

}  // namespace hauspost::store
