#include "store/seen.h"

#include <bit>

#include "base/bytes.h"

namespace hauspost::store {

namespace {

constexpr std::size_t kBlockAt = sizeof(std::uint32_t);
constexpr std::size_t kIdentityAt = kBlockAt + sizeof(std::uint32_t);
constexpr std::size_t kSeenKeyBytes = kIdentityAt + 16;

std::unexpected<Error> bad_seen() {
  return fail(ErrorCode::kCorrupt, "index: bad row in table seen");
}

Result<std::string_view> checked(std::optional<std::string_view> bits) {
  if (!bits) return std::string_view();
  if (bits->size() != kSeenBlockBytes) return bad_seen();
  return *bits;
}

}  // namespace

Result<SeenRows> SeenRows::of(const Txn& txn, const Index& index, FolderId folder) {
  TRY_ASSIGN(Cursor cursor, Cursor::open(txn, index.seen));
  const std::string prefix = folder_key(folder);
  TRY_ASSIGN(const bool here, cursor.seek(prefix));
  return SeenRows(txn, index, folder, here && cursor.key().starts_with(prefix));
}

Result<bool> SeenRows::has(const Guid& identity, Uid uid) const {
  if (!any_) return false;
  TRY_ASSIGN(const auto raw,
             txn_.get(index_.seen, seen_key(folder_, seen_block(uid.value), identity)));
  TRY_ASSIGN(const std::string_view bits, checked(raw));
  return !bits.empty() && seen_bit(bits, uid.value);
}

Result<std::vector<Guid>> SeenRows::seen_by(Uid uid) const {
  std::vector<Guid> identities;
  if (!any_) return identities;
  const std::string prefix = seen_prefix(folder_, seen_block(uid.value));
  TRY_ASSIGN(Cursor cursor, Cursor::open(txn_, index_.seen));
  TRY_ASSIGN(bool here, cursor.seek(prefix));
  while (here && cursor.key().starts_with(prefix)) {
    const auto identity = Guid::from_bytes(cursor.key().substr(kIdentityAt));
    TRY_ASSIGN(const std::string_view bits, checked(cursor.value()));
    if (!identity) return bad_seen();
    if (seen_bit(bits, uid.value)) identities.push_back(*identity);
    TRY_ASSIGN(here, cursor.next());
  }
  return identities;
}

SeenOverlay::SeenOverlay(const Txn& txn, const Index& index, Viewer& viewer, FolderId folder)
    : txn_(txn), index_(index), viewer_(viewer), folder_(folder) {
  if (viewer.identity.is_nil()) return;
  if (!viewer.asked || viewer.asked->first != folder) {
    // A row begins with its mailbox, which is all that counts here.
    const auto row = txn.get(index.folders, folder_key(folder));
    const bool foreign = row && *row && (*row)->size() >= sizeof(std::uint32_t) &&
                         viewer.is_foreign(MailboxId(load_le<std::uint32_t>((*row)->data())));
    viewer.asked.emplace(folder, foreign);
  }
  foreign_ = viewer.asked->second;
}

FlagBits SeenOverlay::overlaid(std::uint32_t uid, FlagBits flags) {
  if (const std::uint32_t block = seen_block(uid); block_ != block) {
    block_ = block;
    const auto raw = txn_.get(index_.seen, seen_key(folder_, block, viewer_.identity));
    bits_ = raw && *raw && (*raw)->size() == kSeenBlockBytes ? **raw : std::string_view();
  }
  const bool seen = !bits_.empty() && seen_bit(bits_, uid);
  return seen ? flags | kSeen : flags & ~kSeen;
}

Result<> count_unseen(const Txn& txn, const Index& index, const Viewer& viewer, Folder& folder) {
  TRY_ASSIGN(Cursor cursor, Cursor::open(txn, index.seen));
  const std::string prefix = folder_key(folder.id);
  std::uint32_t seen = 0;
  // From row to row of this identity: where another's comes first it names the next block.
  TRY_ASSIGN(bool here, cursor.seek(seen_key(folder.id, 0, viewer.identity)));
  while (here && cursor.key().starts_with(prefix)) {
    if (cursor.key().size() != kSeenKeyBytes) return bad_seen();
    std::uint32_t block = load_be<std::uint32_t>(cursor.key().data() + kBlockAt);
    const auto order = cursor.key().substr(kIdentityAt) <=> viewer.identity.as_bytes();
    if (order == 0) {
      TRY_ASSIGN(const std::string_view bits, checked(cursor.value()));
      for (const char byte : bits)
        seen += static_cast<std::uint32_t>(std::popcount(static_cast<unsigned char>(byte)));
    }
    if (order >= 0) ++block;
    TRY_ASSIGN(here, cursor.seek(seen_key(folder.id, block, viewer.identity)));
  }
  folder.unseen = folder.messages - std::min(folder.messages, seen);
  return {};
}

Result<std::vector<FolderRight>> read_rights(const Txn& txn, const Index& index, FolderId folder) {
  std::vector<FolderRight> rights;
  const std::string prefix = folder_key(folder);
  TRY_ASSIGN(Cursor cursor, Cursor::open(txn, index.acl));
  TRY_ASSIGN(bool here, cursor.seek(prefix));
  while (here && cursor.key().starts_with(prefix)) {
    const auto identity = Guid::from_bytes(cursor.key().substr(prefix.size()));
    if (!identity) return fail(ErrorCode::kCorrupt, "index: bad row in table acl");
    TRY_ASSIGN(const RightBits bits, decode_rights(cursor.value()));
    rights.push_back({*identity, bits});
    TRY_ASSIGN(here, cursor.next());
  }
  return rights;
}

}  // namespace hauspost::store
