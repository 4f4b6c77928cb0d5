#include "store/applier.h"

#include "base/bytes.h"
#include "store/chunk.h"
#include "store/metadata.h"

namespace hauspost::store {

namespace {

std::unexpected<Error> does_not_fit(std::string_view what) {
  return fail(ErrorCode::kCorrupt,
              "change log and index disagree: " + std::string(what) + " is not there");
}

std::string id_value(std::uint32_t id) {
  std::string value;
  put_le(value, id);
  return value;
}

// Removes every row whose key begins with `prefix`.
Result<> remove_prefix(WriteTxn& txn, Table table, const std::string& prefix) {
  TRY_ASSIGN(Cursor cursor, Cursor::open(txn, table));
  TRY_ASSIGN(bool here, cursor.seek(prefix));
  while (here && cursor.key().starts_with(prefix)) {
    TRY(cursor.remove());
    TRY_ASSIGN(here, cursor.seek(prefix));
  }
  return {};
}

}  // namespace

Result<Applier> Applier::create(WriteTxn& txn, const Index& index) {
  Applier applier(txn, index);
  TRY_ASSIGN(applier.state_, read_state(txn, index));
  return applier;
}

void Applier::begin(const RecordHeader& header, std::uint32_t bodies) {
  header_ = header;
  first_new_body_ = BodyId();
  new_body_references_.assign(bodies, 0);
  relocated_.clear();
  first_event_ = events_.size();
}

Result<> Applier::apply(const Operation& operation) {
  return std::visit([this](const auto& op) { return on(op); }, operation);
}

Result<> Applier::finish(Lsn segment_lsn, std::uint64_t offset,
                         std::span<const RecordView::Blob> blobs) {
  for (std::size_t i = 0; i < blobs.size(); ++i) {
    if (i < relocated_.size() && relocated_[i] != BodyId()) {
      TRY(place_body(relocated_[i],
                     BodyRow{segment_lsn, offset + blobs[i].offset, blobs[i].bytes, 0}));
      continue;
    }
    const std::uint32_t references = i < new_body_references_.size() ? new_body_references_[i] : 0;
    TRY_ASSIGN(SegmentRow* const row, segment(segment_lsn));
    if (references == 0 || first_new_body_ == BodyId()) {
      row->dead_bytes += blobs[i].bytes;
      continue;
    }
    row->live_bytes += blobs[i].bytes;
    const BodyRow body{segment_lsn, offset + blobs[i].offset, blobs[i].bytes, references};
    TRY(txn_.put(index_.bodies, body_key(BodyId(first_new_body_.value + i)), encode(body)));
  }
  new_body_references_.clear();
  state_.applied = header_.lsn;
  state_.epoch = std::max(state_.epoch, header_.epoch);
  return {};
}

Result<> Applier::flush() {
  for (auto& [id, cached] : folders_) {
    if (!cached.dirty) continue;
    TRY(txn_.put(index_.folders, folder_key(id), encode(cached.row)));
    cached.dirty = false;
  }
  for (auto& [id, cached] : usage_) {
    if (!cached.dirty) continue;
    TRY(txn_.put(index_.usage, usage_key(id), encode(cached.row)));
    cached.dirty = false;
  }
  for (const auto& [first, row] : segments_)
    TRY(txn_.put(index_.segments, segment_key(Lsn(first)), encode(row)));
  segments_.clear();
  return txn_.put(index_.state, kStateKey, encode(state_));
}

Result<const Folder*> Applier::folder(FolderId id) {
  TRY_ASSIGN(CachedFolder* const found, cached(id));
  return found == nullptr ? nullptr : &found->row.folder;
}

Result<Applier::CachedFolder*> Applier::cached(FolderId id) {
  if (const auto found = folders_.find(id); found != folders_.end()) return &found->second;
  TRY_ASSIGN(auto row, read_folder(txn_, index_, id));
  if (!row) return nullptr;
  return &folders_.emplace(id, CachedFolder{*std::move(row)}).first->second;
}

Result<FolderRow*> Applier::change(FolderId id) {
  TRY_ASSIGN(CachedFolder* const found, cached(id));
  if (found == nullptr) return does_not_fit("folder");
  found->dirty = true;
  return &found->row;
}

Result<const UsageRow*> Applier::usage(MailboxId id) {
  TRY_ASSIGN(CachedUsage* const found, cached_usage(id));
  return &found->row;
}

Result<Applier::CachedUsage*> Applier::cached_usage(MailboxId id) {
  if (const auto found = usage_.find(id); found != usage_.end()) return &found->second;
  TRY_ASSIGN(const UsageRow row, read_usage(txn_, index_, id));
  return &usage_.emplace(id, CachedUsage{row}).first->second;
}

Result<> Applier::count_usage(const Folder& folder, std::uint32_t messages_before,
                              std::uint64_t bytes_before) {
  TRY_ASSIGN(CachedUsage* const found, cached_usage(folder.mailbox));
  found->dirty = true;
  const bool hidden = folder.special_use == SpecialUse::kRecoverable;
  // Modulo 2^64: a difference may be negative.
  const std::uint64_t messages = std::uint64_t{folder.messages} - messages_before;
  const std::uint64_t bytes = folder.bytes - bytes_before;
  (hidden ? found->row.recoverable_messages : found->row.messages) += messages;
  (hidden ? found->row.recoverable_bytes : found->row.bytes) += bytes;
  return {};
}

Result<SegmentRow*> Applier::segment(Lsn first) {
  const auto [at, is_new] = segments_.try_emplace(first.value);
  if (is_new) {
    TRY_ASSIGN(const auto raw, txn_.get(index_.segments, segment_key(first)));
    if (raw) {
      TRY_ASSIGN(at->second, decode_segment(*raw));
    }
  }
  return &at->second;
}

bool Applier::is_new_body(BodyId id) const {
  return first_new_body_ != BodyId() && id >= first_new_body_ &&
         id.value - first_new_body_.value < new_body_references_.size();
}

Result<> Applier::hold_body(BodyId id) {
  if (is_new_body(id)) {
    ++new_body_references_[id.value - first_new_body_.value];
    return {};
  }
  TRY_ASSIGN(const auto raw, txn_.get(index_.bodies, body_key(id)));
  if (!raw) return does_not_fit("body");
  TRY_ASSIGN(BodyRow row, decode_body(*raw));
  ++row.references;
  return txn_.put(index_.bodies, body_key(id), encode(row));
}

Result<> Applier::release_body(BodyId id) {
  if (is_new_body(id)) {
    --new_body_references_[id.value - first_new_body_.value];
    return {};
  }
  TRY_ASSIGN(const auto raw, txn_.get(index_.bodies, body_key(id)));
  if (!raw) return does_not_fit("body");
  TRY_ASSIGN(BodyRow row, decode_body(*raw));
  if (row.references > 1) {
    --row.references;
    return txn_.put(index_.bodies, body_key(id), encode(row));
  }
  TRY(txn_.remove(index_.bodies, body_key(id)));
  TRY_ASSIGN(SegmentRow* const counts, segment(row.segment));
  counts->live_bytes -= std::min(counts->live_bytes, row.bytes);
  counts->dead_bytes += row.bytes;
  return {};
}

// The same bytes at another place; `place` comes without references.
Result<> Applier::place_body(BodyId id, const BodyRow& place) {
  TRY_ASSIGN(const auto raw, txn_.get(index_.bodies, body_key(id)));
  if (!raw) return does_not_fit("body");
  TRY_ASSIGN(BodyRow row, decode_body(*raw));
  TRY_ASSIGN(SegmentRow* const from, segment(row.segment));
  from->live_bytes -= std::min(from->live_bytes, row.bytes);
  from->dead_bytes += row.bytes;
  TRY_ASSIGN(SegmentRow* const to, segment(place.segment));
  to->live_bytes += place.bytes;
  row.segment = place.segment;
  row.offset = place.offset;
  row.bytes = place.bytes;
  return txn_.put(index_.bodies, body_key(id), encode(row));
}

void Applier::tell(FolderEvent::Kind kind, FolderId folder) {
  const auto known = folders_.find(folder);
  events_.push_back(
      {.kind = kind,
       .folder = folder,
       .modseq = modseq(),
       .session = header_.actor.session,
       .mailbox = known == folders_.end() ? MailboxId() : known->second.row.folder.mailbox});
}

void Applier::tell(FolderEvent::Kind kind, FolderId folder, UidRange range, const Guid& identity) {
  for (std::size_t i = events_.size(); i > first_event_; --i) {
    FolderEvent& event = events_[i - 1];
    if (event.folder != folder) continue;
    if (event.kind != kind || event.identity != identity) break;  // order within a folder is kept
    event.uids.add(range);
    return;
  }
  tell(kind, folder);
  events_.back().uids.add(range);
  events_.back().identity = identity;
}

Result<> Applier::on(const CreateMailbox& op) {
  Mailbox mailbox{op.id, op.guid, op.label, op.created_s};
  state_.next_mailbox = std::max(state_.next_mailbox, op.id.value + 1);
  usage_[op.id] = CachedUsage{UsageRow{op.guid}, true};
  return txn_.put(index_.mailboxes, op.guid.as_bytes(), encode(mailbox));
}

Result<> Applier::on(const DeleteMailbox& op) {
  const std::string prefix = folder_name_prefix(op.id);
  std::vector<FolderId> doomed;
  {
    TRY_ASSIGN(Cursor cursor, Cursor::open(txn_, index_.folder_names));
    TRY_ASSIGN(bool here, cursor.seek(prefix));
    while (here && cursor.key().starts_with(prefix)) {
      if (cursor.value().size() == sizeof(std::uint32_t))
        doomed.emplace_back(load_le<std::uint32_t>(cursor.value().data()));
      TRY_ASSIGN(here, cursor.next());
    }
  }
  for (const FolderId id : doomed) TRY(on(DeleteFolder{id}));
  TRY(txn_.remove(index_.mailboxes, op.guid.as_bytes()));
  TRY(txn_.remove(index_.usage, usage_key(op.id)));
  usage_.erase(op.id);
  TRY(remove_prefix(txn_, index_.metadata, folder_key(FolderId()) + usage_key(op.id)));
  return forget_identity(op.guid);
}

Result<> Applier::on(const SetMailboxState& op) {
  TRY_ASSIGN(const auto raw, txn_.get(index_.mailboxes, op.guid.as_bytes()));
  if (!raw) return does_not_fit("mailbox");
  TRY_ASSIGN(Mailbox mailbox, decode_mailbox(op.guid, *raw));
  mailbox.disconnected_s = op.disconnected_s;
  return txn_.put(index_.mailboxes, op.guid.as_bytes(), encode(mailbox));
}

Result<> Applier::on(const CreateFolder& op) {
  CachedFolder& cached_folder = folders_[op.id];
  cached_folder.row = FolderRow{};
  cached_folder.dirty = true;
  Folder& folder = cached_folder.row.folder;
  folder.id = op.id;
  folder.mailbox = op.mailbox;
  folder.parent = op.parent;
  folder.name = op.name;
  folder.uid_validity = op.uid_validity;
  folder.highest_modseq = modseq();
  folder.special_use = op.special_use;
  folder.subscribed = op.subscribed;
  cached_folder.row.tombstone_floor = modseq();
  tell(FolderEvent::Kind::kCreated, op.id);
  state_.next_folder = std::max(state_.next_folder, op.id.value + 1);
  state_.last_uid_validity = std::max(state_.last_uid_validity, op.uid_validity);
  return txn_.put(index_.folder_names, folder_name_key(op.mailbox, op.parent, op.name),
                  id_value(op.id.value));
}

Result<> Applier::on(const DeleteFolder& op) {
  TRY_ASSIGN(FolderRow* const row, change(op.id));
  TRY(drop_contents(*row));
  Folder& folder = row->folder;
  const std::uint32_t messages = std::exchange(folder.messages, 0);
  const std::uint64_t bytes = std::exchange(folder.bytes, 0);
  TRY(count_usage(folder, messages, bytes));
  TRY(txn_.remove(index_.folder_names,
                  folder_name_key(folder.mailbox, folder.parent, folder.name)));
  TRY(txn_.remove(index_.folders, folder_key(op.id)));
  tell(FolderEvent::Kind::kDeleted, op.id);
  folders_.erase(op.id);
  return {};
}

Result<> Applier::drop_contents(FolderRow& row) {
  const FolderId id = row.folder.id;
  std::uint32_t from = 0;
  while (true) {
    TRY_ASSIGN(const auto found, find_chunk(txn_, index_, id, from));
    if (!found) break;
    const ChunkView view = found->chunk.view();
    for (std::size_t i = 0; i < view.size(); ++i) {
      TRY(release_body(view.message(i).body));
      --state_.messages;
    }
    TRY(txn_.remove(index_.messages, message_key(id, found->key_uid)));
    from = found->key_uid;
  }
  TRY(remove_prefix(txn_, index_.annotations, folder_key(id)));
  TRY(remove_prefix(txn_, index_.acl, folder_key(id)));
  TRY(remove_prefix(txn_, index_.seen, folder_key(id)));
  TRY(remove_prefix(txn_, index_.metadata, folder_key(id)));
  return remove_prefix(txn_, index_.tombstones, folder_key(id));
}

Result<> Applier::on(const RenameFolder& op) {
  TRY_ASSIGN(FolderRow* const row, change(op.id));
  Folder& folder = row->folder;
  TRY(txn_.remove(index_.folder_names,
                  folder_name_key(folder.mailbox, folder.parent, folder.name)));
  folder.parent = op.parent;
  folder.name = op.name;
  tell(FolderEvent::Kind::kRenamed, op.id);
  return txn_.put(index_.folder_names, folder_name_key(folder.mailbox, op.parent, op.name),
                  id_value(op.id.value));
}

Result<> Applier::on(const SetSubscribed& op) {
  TRY_ASSIGN(FolderRow* const row, change(op.id));
  row->folder.subscribed = op.subscribed;
  tell(FolderEvent::Kind::kSubscribed, op.id);
  return {};
}

Result<> Applier::on(const AddKeyword& op) {
  TRY_ASSIGN(FolderRow* const row, change(op.folder));
  if (row->folder.keywords.size() >= kKeywordsMax) return does_not_fit("room for a keyword");
  row->folder.keywords.push_back(op.keyword);
  return {};
}

Result<> Applier::on(const AddBodies& op) {
  first_new_body_ = op.first;
  state_.next_body = std::max(state_.next_body, op.first.value + new_body_references_.size());
  return {};
}

Result<> Applier::on(const NoteDelivery& op) {
  std::string value;
  put_le(value, op.time_s);
  return txn_.put(index_.deliveries, delivery_key(op.delivery, op.mailbox), value);
}

Result<> Applier::on(const ForgetDeliveries& op) {
  TRY_ASSIGN(Cursor cursor, Cursor::open(txn_, index_.deliveries));
  TRY_ASSIGN(bool here, cursor.first());
  while (here) {
    if (cursor.value().size() != sizeof(std::int64_t) ||
        load_le<std::int64_t>(cursor.value().data()) < op.before_s) {
      TRY(cursor.remove());
    }
    TRY_ASSIGN(here, cursor.next());
  }
  return {};
}

Result<> Applier::on(const RenewUidValidity& op) {
  TRY_ASSIGN(FolderRow* const row, change(op.folder));
  row->folder.uid_validity = op.uid_validity;
  state_.last_uid_validity = std::max(state_.last_uid_validity, op.uid_validity);
  return {};
}

Result<> Applier::on(const SetMetadata& op) {
  if (op.folder != FolderId()) {
    TRY_ASSIGN(CachedFolder* const found, cached(op.folder));
    if (found == nullptr) return does_not_fit("folder");
  }
  const std::string key = metadata_key({op.mailbox, op.folder, op.owner}, op.name);
  if (op.present) {
    TRY(txn_.put(index_.metadata, key, encode(MetadataEntry{op.name, op.value})));
  } else {
    TRY(txn_.remove(index_.metadata, key));
  }
  tell(FolderEvent::Kind::kMetadata, op.folder);
  FolderEvent& event = events_.back();
  event.mailbox = op.mailbox;
  event.identity = op.owner;
  event.metadata = op.name;
  return {};
}

Result<> Applier::on(const RelocateBodies& op) {
  if (op.bodies.size() != new_body_references_.size()) return does_not_fit("relocated body");
  relocated_ = op.bodies;
  return {};
}

Result<> Applier::on(const DropSegment& op) {
  TRY_ASSIGN(SegmentRow* const row, segment(op.first));
  if (row->live_bytes != 0)
    return fail(ErrorCode::kCorrupt, "change log and index disagree: a segment lives");
  row->dead_bytes = 0;
  row->dropped = true;
  return {};
}

Result<> Applier::on(const Annotate& op) {
  TRY_ASSIGN(FolderRow* const row, change(op.folder));
  row->folder.highest_modseq = modseq();
  const std::string key = message_key(op.folder, op.uid.value);
  if (op.annotation.empty()) {
    TRY(txn_.remove(index_.annotations, key));
    return {};
  }
  return txn_.put(index_.annotations, key, op.annotation);
}

}  // namespace hauspost::store
