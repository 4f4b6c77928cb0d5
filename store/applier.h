// Applier: operations into the index. The same code when a change is made and when the log is
// replayed, so both give the same index.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <unordered_map>
#include <vector>

#include "store/chunk.h"
#include "store/database.h"
#include "store/log_format.h"
#include "store/operation.h"
#include "store/schema.h"

namespace hauspost::store {

inline constexpr std::uint32_t kTombstonesMax =
    10'000;  // ranges a folder; then the older half goes

// Works within one write transaction on many records. Folder rows, segment rows and the state stay
// in memory until flush(): read them through this object.
// After any failure only destruction may follow, and the transaction must be aborted.
class Applier {
 public:
  static Result<Applier> create(WriteTxn& txn, const Index& index);

  // A record begins; its operations follow, then finish().
  void begin(const RecordHeader& header, std::uint32_t bodies);
  // kCorrupt: the operation does not fit the index (it names what is not there).
  Result<> apply(const Operation& operation);
  // The record lies at `offset` of `segment`; `blobs` are relative to it.
  Result<> finish(Lsn segment, std::uint64_t offset, std::span<const RecordView::Blob> blobs);
  // Writes what was kept in memory. REQUIRES: between records.
  Result<> flush();

  const State& state() const { return state_; }
  State& state() { return state_; }
  const Txn& txn() const { return txn_; }
  const Index& index() const { return index_; }
  // nullptr: no such folder. Valid until the folder is deleted or the batch ends.
  Result<const Folder*> folder(FolderId id);
  // kCorrupt: no such mailbox. Valid until the mailbox is deleted or the batch ends.
  Result<const UsageRow*> usage(MailboxId id);
  // What watchers are to be told of the records since the last call.
  std::vector<FolderEvent> take_events() { return std::exchange(events_, {}); }

 private:
  Applier(WriteTxn& txn, const Index& index) : txn_(txn), index_(index) {}

  Result<> on(const CreateMailbox& op);
  Result<> on(const DeleteMailbox& op);
  Result<> on(const CreateFolder& op);
  Result<> on(const DeleteFolder& op);
  Result<> on(const RenameFolder& op);
  Result<> on(const SetSubscribed& op);
  Result<> on(const AddKeyword& op);
  Result<> on(const AddBodies& op);
  Result<> on(const AddMessage& op);
  Result<> on(const SetFlags& op);
  Result<> on(const Expunge& op);
  Result<> on(const Annotate& op);
  Result<> on(const NoteDelivery& op);
  Result<> on(const ForgetDeliveries& op);
  Result<> on(const RelocateBodies& op);
  Result<> on(const DropSegment& op);
  Result<> on(const Retire& op);
  Result<> on(const SetMailboxState& op);
  Result<> on(const RenewUidValidity& op);
  Result<> on(const SetRights& op);  // apply_rights.cc
  Result<> on(const SetSeen& op);    // apply_rights.cc
  Result<> on(const SetMetadata& op);

  struct CachedFolder {
    FolderRow row;
    bool dirty = false;
  };
  struct CachedUsage {
    UsageRow row;
    bool dirty = false;
  };
  // What becomes of a message that leaves its folder.
  using Taker = std::function<Result<>(const Message&)>;
  Result<CachedFolder*> cached(FolderId id);  // nullptr: no such folder
  Result<CachedUsage*> cached_usage(MailboxId id);
  // Takes over into the mailbox's sums what an operation changed in one folder.
  Result<> count_usage(const Folder& folder, std::uint32_t messages_before,
                       std::uint64_t bytes_before);
  Result<FolderRow*> change(FolderId id);     // kCorrupt: no such folder
  Result<> drop_contents(FolderRow& row);
  Result<> remove_uids(FolderRow& row, const UidSet& uids, const Taker& take);
  Result<> remove_range(FolderRow& row, UidRange range, const Taker& take);
  Result<> remove_from(FolderRow& row, std::uint32_t key_uid, const ChunkView& view, UidRange range,
                       const Taker& take);
  Result<> store_remainder(FolderId folder, std::uint32_t key_uid, const Chunk& chunk);
  Result<> set_flags_range(FolderRow& row, const SetFlags& op, UidRange range);
  Result<> forget_message(FolderId folder, const Message& message);
  Result<> retire_annotation(const Retire& op, const Message& message, Uid uid);
  Result<> prune_tombstones(FolderRow& row);
  // apply_rights.cc
  Result<> mark_seen(const SetSeen& op, std::uint32_t block, UidRange range);
  Result<> forget_seen(FolderId folder, UidRange range);  // by anybody
  Result<> forget_identity(const Guid& identity);
  Result<> hold_body(BodyId id);
  Result<> release_body(BodyId id);
  Result<SegmentRow*> segment(Lsn first);
  bool is_new_body(BodyId id) const;
  Result<> place_body(BodyId id, const BodyRow& place);
  // `identity` as in FolderEvent.
  void tell(FolderEvent::Kind kind, FolderId folder, UidRange range, const Guid& identity = {});
  void tell(FolderEvent::Kind kind, FolderId folder);
  ModSeq modseq() const { return ModSeq(header_.lsn.value); }

  WriteTxn& txn_;
  const Index& index_;
  State state_;
  std::unordered_map<FolderId, CachedFolder> folders_;
  std::unordered_map<MailboxId, CachedUsage> usage_;
  std::map<std::uint64_t, SegmentRow> segments_;
  std::vector<FolderEvent> events_;

  // Of the record under way.
  RecordHeader header_;
  BodyId first_new_body_;
  std::vector<std::uint32_t> new_body_references_;
  std::vector<BodyId> relocated_;  // one a body of the record; empty: its bodies are new
  std::size_t first_event_ = 0;
};

}  // namespace hauspost::store
