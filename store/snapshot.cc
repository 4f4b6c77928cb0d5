#include "store/snapshot.h"

#include <numeric>

#include "base/bytes.h"
#include "base/log.h"
#include "store/chunk.h"
#include "store/metadata.h"
#include "store/snapshot_impl.h"

namespace hauspost::store {

namespace {

// Functions without a Result show a damaged index as nothing there; the log tells the operator.
void report(const Error& error) { log::error("store.index.unreadable", {{"error", error}}); }

template <class T>
T value_or_report(Result<T> result) {
  if (result) return *std::move(result);
  report(result.error());
  return T{};
}

// '/' sorts before everything else, so that children follow their parent.
bool path_less(const Folder& a, const Folder& b) {
  const bool a_inbox = a.special_use == SpecialUse::kInbox;
  const bool b_inbox = b.special_use == SpecialUse::kInbox;
  if (a_inbox != b_inbox) return a_inbox;
  return std::ranges::lexicographical_compare(
      a.path, b.path, {},
      [](char c) { return c == kHierarchySeparator ? -1 : int{static_cast<unsigned char>(c)}; },
      [](char c) { return c == kHierarchySeparator ? -1 : int{static_cast<unsigned char>(c)}; });
}

Result<std::string> path_of(const Txn& txn, const Index& index, const Folder& folder) {
  std::string path = folder.name;
  FolderId parent = folder.parent;
  for (std::size_t depth = 0; parent != FolderId() && depth < kFolderDepthMax; ++depth) {
    TRY_ASSIGN(const auto row, read_folder(txn, index, parent));
    if (!row) return fail(ErrorCode::kCorrupt, "index: a folder without its parent");
    path = row->folder.name + kHierarchySeparator + path;
    parent = row->folder.parent;
  }
  return path;
}

Result<bool> has_children(const Txn& txn, const Index& index, const Folder& folder) {
  const std::string prefix = folder_name_prefix(folder.mailbox, folder.id);
  TRY_ASSIGN(Cursor cursor, Cursor::open(txn, index.folder_names));
  TRY_ASSIGN(const bool here, cursor.seek(prefix));
  return here && cursor.key().starts_with(prefix);
}

Result<std::optional<Folder>> whole_folder(const Txn& txn, const Index& index, FolderId id) {
  TRY_ASSIGN(auto row, read_folder(txn, index, id));
  if (!row) return std::nullopt;
  Folder folder = std::move(row->folder);
  TRY_ASSIGN(folder.path, path_of(txn, index, folder));
  TRY_ASSIGN(folder.has_children, has_children(txn, index, folder));
  return folder;
}

Result<std::vector<Folder>> read_folders(const Txn& txn, const Index& index, MailboxId mailbox) {
  const std::string prefix = folder_name_prefix(mailbox);
  TRY_ASSIGN(Cursor cursor, Cursor::open(txn, index.folder_names));
  TRY_ASSIGN(bool here, cursor.seek(prefix));
  std::vector<Folder> folders;
  std::unordered_map<FolderId, std::size_t> places;
  while (here && cursor.key().starts_with(prefix)) {
    if (cursor.value().size() != sizeof(std::uint32_t))
      return fail(ErrorCode::kCorrupt, "index: bad row in table folder_names");
    const FolderId id(load_le<std::uint32_t>(cursor.value().data()));
    TRY_ASSIGN(auto row, read_folder(txn, index, id));
    if (!row) return fail(ErrorCode::kCorrupt, "index: a folder's name without the folder");
    if (row->folder.special_use != SpecialUse::kRecoverable) {
      places[id] = folders.size();
      folders.push_back(std::move(row->folder));
    }
    TRY_ASSIGN(here, cursor.next());
  }
  for (Folder& folder : folders) {
    folder.path = folder.name;
    FolderId parent = folder.parent;
    if (const auto at = places.find(parent); at != places.end())
      folders[at->second].has_children = true;
    for (std::size_t depth = 0; parent != FolderId() && depth < kFolderDepthMax; ++depth) {
      const auto at = places.find(parent);
      if (at == places.end())
        return fail(ErrorCode::kCorrupt, "index: a folder without its parent");
      folder.path = folders[at->second].name + kHierarchySeparator + folder.path;
      parent = folders[at->second].parent;
    }
  }
  std::ranges::sort(folders, path_less);
  return folders;
}

// Calls `visit` with each chunk that may hold UIDs of the range; false from it ends the walk.
template <class Visit>
Result<> each_chunk(const Txn& txn, const Index& index, FolderId folder, UidRange range,
                    Visit visit) {
  TRY_ASSIGN(Cursor cursor, Cursor::open(txn, index.messages));
  const std::string prefix = folder_key(folder);
  const std::string start = message_key(folder, range.first);
  TRY_ASSIGN(bool here, cursor.seek_before(start));
  if (!here || !cursor.key().starts_with(prefix)) {
    TRY_ASSIGN(here, cursor.seek(start));
  }
  while (here && cursor.key().starts_with(prefix) &&
         load_be<std::uint32_t>(cursor.key().data() + 4) <= range.last) {
    TRY_ASSIGN(const ChunkView chunk, ChunkView::parse(cursor.value()));
    if (!visit(chunk)) return {};
    TRY_ASSIGN(here, cursor.next());
  }
  return {};
}

Result<std::optional<Mailbox>> read_mailbox(const Txn& txn, const Index& index, const Guid& guid,
                                            std::string_view raw) {
  TRY_ASSIGN(Mailbox mailbox, decode_mailbox(guid, raw));
  TRY_ASSIGN(const UsageRow usage, read_usage(txn, index, mailbox.id));
  mailbox.messages = usage.messages;
  mailbox.bytes = usage.bytes;
  mailbox.recoverable_messages = usage.recoverable_messages;
  mailbox.recoverable_bytes = usage.recoverable_bytes;
  return mailbox;
}

constexpr UidRange kAllUids{0, UINT32_MAX};

void report_failure(const Result<>& result) {
  if (!result) report(result.error());
}

}  // namespace

Snapshot::Snapshot(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Snapshot::Snapshot(Snapshot&&) noexcept = default;
Snapshot& Snapshot::operator=(Snapshot&&) noexcept = default;
Snapshot::~Snapshot() = default;

std::optional<Mailbox> Snapshot::mailbox(const Guid& guid) const {
  const auto raw = value_or_report(impl_->txn.get(impl_->index.mailboxes, guid.as_bytes()));
  if (!raw) return std::nullopt;
  return value_or_report(read_mailbox(impl_->txn, impl_->index, guid, *raw));
}

std::vector<Mailbox> Snapshot::mailboxes() const {
  const auto read = [this]() -> Result<std::vector<Mailbox>> {
    std::vector<Mailbox> mailboxes;
    TRY_ASSIGN(Cursor cursor, Cursor::open(impl_->txn, impl_->index.mailboxes));
    TRY_ASSIGN(bool here, cursor.first());
    while (here) {
      const auto guid = Guid::from_bytes(cursor.key());
      if (!guid) return fail(ErrorCode::kCorrupt, "index: bad row in table mailboxes");
      TRY_ASSIGN(auto mailbox, read_mailbox(impl_->txn, impl_->index, *guid, cursor.value()));
      mailboxes.push_back(*std::move(mailbox));
      TRY_ASSIGN(here, cursor.next());
    }
    return mailboxes;
  };
  return value_or_report(read());
}

std::optional<Mailbox> Snapshot::mailbox(MailboxId id) const {
  const auto raw = value_or_report(impl_->txn.get(impl_->index.usage, usage_key(id)));
  if (!raw) return std::nullopt;
  return mailbox(value_or_report(decode_usage(*raw)).mailbox);
}

std::vector<Folder> Snapshot::folders(MailboxId mailbox) const {
  auto folders = value_or_report(read_folders(impl_->txn, impl_->index, mailbox));
  if (impl_->viewer.is_foreign(mailbox)) {
    for (Folder& folder : folders)
      report_failure(count_unseen(impl_->txn, impl_->index, impl_->viewer, folder));
  }
  return folders;
}

std::optional<Folder> Snapshot::folder(FolderId id) const {
  auto folder = value_or_report(whole_folder(impl_->txn, impl_->index, id));
  if (folder && impl_->viewer.is_foreign(folder->mailbox))
    report_failure(count_unseen(impl_->txn, impl_->index, impl_->viewer, *folder));
  return folder;
}

std::optional<Folder> Snapshot::find_folder(MailboxId mailbox, std::string_view path) const {
  const auto id = value_or_report(find_path(impl_->txn, impl_->index, mailbox, path));
  if (!id || path == kRecoverableName) return std::nullopt;
  return folder(*id);
}

std::optional<Folder> Snapshot::recoverable(MailboxId mailbox) const {
  const auto id = value_or_report(
      find_child(impl_->txn, impl_->index, mailbox, FolderId(), kRecoverableName));
  return id ? folder(*id) : std::nullopt;
}

std::optional<Message> Snapshot::message(FolderId folder, Uid uid) const {
  std::optional<Message> found;
  for_each_message(folder, {uid.value, uid.value}, [&](const Message& message) {
    found = message;
    return false;
  });
  return found;
}

void Snapshot::for_each_message(FolderId folder, UidRange range,
                                const std::function<bool(const Message&)>& visit) const {
  SeenOverlay seen(impl_->txn, impl_->index, impl_->viewer, folder);
  report_failure(each_chunk(impl_->txn, impl_->index, folder, range, [&](const ChunkView& chunk) {
    for (std::size_t i = chunk.lower_bound(range.first); i < chunk.size(); ++i) {
      Message message = chunk.message(i);
      seen.show(message);
      if (message.uid.value > range.last || !visit(message)) return false;
    }
    return true;
  }));
}

void Snapshot::for_each_changed(FolderId folder, ModSeq since,
                                const std::function<bool(const Message&)>& visit) const {
  SeenOverlay seen(impl_->txn, impl_->index, impl_->viewer, folder);
  report_failure(
      each_chunk(impl_->txn, impl_->index, folder, kAllUids, [&](const ChunkView& chunk) {
        if (chunk.highest_modseq() <= since) return true;
        for (std::size_t i = 0; i < chunk.size(); ++i) {
          Message message = chunk.message(i);
          if (message.modseq > since) seen.show(message);
          if (message.modseq > since && !visit(message)) return false;
        }
        return true;
      }));
}

std::vector<std::uint32_t> Snapshot::uids(FolderId folder) const {
  std::vector<std::uint32_t> uids;
  const auto row = value_or_report(read_folder(impl_->txn, impl_->index, folder));
  if (!row) return uids;
  uids.reserve(row->folder.messages);
  report_failure(
      each_chunk(impl_->txn, impl_->index, folder, kAllUids, [&](const ChunkView& chunk) {
        const std::size_t before = uids.size();
        if (chunk.size() == 0) return true;
        const std::uint32_t first = chunk.uid(0);
        uids.resize(before + chunk.size());
        // Most chunks have no gaps: their ends tell, and the pages between stay untouched.
        if (chunk.uid(chunk.size() - 1) - first == chunk.size() - 1) {
          std::iota(uids.begin() + static_cast<std::ptrdiff_t>(before), uids.end(), first);
        } else {
          for (std::size_t i = 0; i < chunk.size(); ++i) uids[before + i] = chunk.uid(i);
        }
        return true;
      }));
  return uids;
}

std::optional<Uid> Snapshot::first_lacking(FolderId folder, FlagBits flags) const {
  SeenOverlay seen(impl_->txn, impl_->index, impl_->viewer, folder);
  std::optional<Uid> found;
  report_failure(
      each_chunk(impl_->txn, impl_->index, folder, kAllUids, [&](const ChunkView& chunk) {
        for (std::size_t i = 0; i < chunk.size() && !found; ++i) {
          if ((seen.shown(chunk.uid(i), chunk.flags(i)) & flags) == 0) found = Uid(chunk.uid(i));
        }
        return !found;
      }));
  return found;
}

void Snapshot::view_as(const Guid& identity) {
  impl_->viewer = Viewer{.identity = identity, .own = {}};
  if (identity.is_nil()) return;
  const auto raw = value_or_report(impl_->txn.get(impl_->index.mailboxes, identity.as_bytes()));
  if (raw) impl_->viewer.own = value_or_report(decode_mailbox(identity, *raw)).id;
}

std::vector<FolderRight> Snapshot::rights(FolderId folder) const {
  return value_or_report(read_rights(impl_->txn, impl_->index, folder));
}

RightBits Snapshot::rights_of(FolderId folder, const Guid& identity) const {
  RightBits all = 0;
  for (const FolderRight& right : rights(folder)) {
    if (right.identity.is_nil() || right.identity == identity) all |= right.rights;
  }
  return all;
}

std::vector<MailboxId> Snapshot::granted_to(const Guid& identity) const {
  const auto own = mailbox(identity);
  const auto read = [&]() -> Result<std::vector<MailboxId>> {
    std::vector<MailboxId> mailboxes;
    TRY_ASSIGN(Cursor cursor, Cursor::open(impl_->txn, impl_->index.acl));
    TRY_ASSIGN(bool here, cursor.first());
    while (here) {
      const std::string_view key = cursor.key();
      const auto whom = key.size() == 20 ? Guid::from_bytes(key.substr(4)) : std::nullopt;
      if (!whom) return fail(ErrorCode::kCorrupt, "index: bad row in table acl");
      if (whom->is_nil() || *whom == identity) {
        TRY_ASSIGN(const auto row, read_folder(impl_->txn, impl_->index,
                                               FolderId(load_be<std::uint32_t>(key.data()))));
        if (row && !(own && row->folder.mailbox == own->id) &&
            std::ranges::find(mailboxes, row->folder.mailbox) == mailboxes.end())
          mailboxes.push_back(row->folder.mailbox);
      }
      TRY_ASSIGN(here, cursor.next());
    }
    return mailboxes;
  };
  return value_or_report(read());
}

std::optional<UidSet> Snapshot::expunged_since(FolderId folder, ModSeq since) const {
  const auto read = [&]() -> Result<std::optional<UidSet>> {
    TRY_ASSIGN(const auto row, read_folder(impl_->txn, impl_->index, folder));
    if (!row || since < row->tombstone_floor) return std::nullopt;
    UidSet gone;
    TRY_ASSIGN(Cursor cursor, Cursor::open(impl_->txn, impl_->index.tombstones));
    TRY_ASSIGN(bool here, cursor.seek(tombstone_key(folder, since.next(), 0)));
    while (here && cursor.key().starts_with(folder_key(folder))) {
      if (cursor.key().size() != 16 || cursor.value().size() != sizeof(std::uint32_t))
        return fail(ErrorCode::kCorrupt, "index: bad row in table tombstones");
      gone.add({load_be<std::uint32_t>(cursor.key().data() + 12),
                load_le<std::uint32_t>(cursor.value().data())});
      TRY_ASSIGN(here, cursor.next());
    }
    return gone;
  };
  return value_or_report(read());
}

Result<> Body::check() const {
  TRY(segment->blob(offset));
  return {};
}

Result<Body> Snapshot::body(BodyId id) const {
  TRY_ASSIGN(Body body, unchecked_body(id));
  TRY(body.check());
  return body;
}

Result<Body> Snapshot::unchecked_body(BodyId id) const {
  TRY_ASSIGN(const auto raw, impl_->txn.get(impl_->index.bodies, body_key(id)));
  if (!raw) return fail(ErrorCode::kNotFound, "no such body");
  TRY_ASSIGN(const BodyRow row, decode_body(*raw));
  TRY_ASSIGN(auto segment, impl_->segments.get(row.segment, row.offset + row.bytes));
  impl_->segments.note_read(segment, row.bytes);
  TRY_ASSIGN(const BlobView blob, segment->unchecked_blob(row.offset));
  if (blob.bytes != row.bytes)
    return fail(ErrorCode::kCorrupt, "a body is not as long as the index says");
  return Body{blob.message, blob.summary, std::move(segment), blob.content_hash, row.offset};
}

void Snapshot::for_each_body(BodyId first, const std::function<bool(BodyId)>& visit) const {
  const auto walk = [&]() -> Result<> {
    TRY_ASSIGN(Cursor cursor, Cursor::open(impl_->txn, impl_->index.bodies));
    TRY_ASSIGN(bool here, cursor.seek(body_key(first)));
    while (here) {
      if (cursor.key().size() != sizeof(std::uint64_t))
        return fail(ErrorCode::kCorrupt, "index: bad row in table bodies");
      if (!visit(BodyId(load_be<std::uint64_t>(cursor.key().data())))) return {};
      TRY_ASSIGN(here, cursor.next());
    }
    return {};
  };
  report_failure(walk());
}

BodyId Snapshot::next_body() const {
  return BodyId(value_or_report(read_state(impl_->txn, impl_->index)).next_body);
}

std::string Snapshot::annotation(FolderId folder, Uid uid) const {
  const auto raw =
      value_or_report(impl_->txn.get(impl_->index.annotations, message_key(folder, uid.value)));
  return std::string(raw.value_or(std::string_view()));
}

std::optional<MetadataEntry> Snapshot::metadata(const MetadataPlace& place,
                                                std::string_view name) const {
  const auto raw =
      value_or_report(impl_->txn.get(impl_->index.metadata, metadata_key(place, name)));
  if (!raw) return std::nullopt;
  auto entry = decode_metadata(*raw);
  if (!entry) {
    report(entry.error());
    return std::nullopt;
  }
  return *std::move(entry);
}

void Snapshot::for_each_metadata(const MetadataPlace& place, std::string_view name,
                                 const std::function<void(const MetadataEntry&)>& visit) const {
  const auto walk = [&]() -> Result<> {
    const std::string prefix = metadata_key(place, name);
    TRY_ASSIGN(Cursor cursor, Cursor::open(impl_->txn, impl_->index.metadata));
    TRY_ASSIGN(bool here, cursor.seek(prefix));
    while (here && cursor.key().starts_with(prefix)) {
      // "/comments" is not below "/comment".
      const std::string_view rest = cursor.key().substr(prefix.size());
      if (name.empty() || rest.empty() || rest.front() == '/') {
        TRY_ASSIGN(const MetadataEntry entry, decode_metadata(cursor.value()));
        visit(entry);
      }
      TRY_ASSIGN(here, cursor.next());
    }
    return {};
  };
  report_failure(walk());
}

}  // namespace hauspost::store
