// The part of Applier about others than the owner: what they may do and what they have seen.
#include <algorithm>

#include "base/bytes.h"
#include "store/applier.h"
#include "store/seen.h"

namespace hauspost::store {

namespace {

// The bits of `range` within a block become `seen`.
void set_bits(std::string& bits, UidRange range, bool seen) {
  for (std::uint32_t at = range.first % kSeenBlockUids; at <= range.last % kSeenBlockUids; ++at) {
    const auto mask = static_cast<unsigned char>(1U << at % 8);
    auto byte = static_cast<unsigned char>(bits[at / 8]);
    byte = static_cast<unsigned char>(seen ? byte | mask : byte & ~mask);
    bits[at / 8] = static_cast<char>(byte);
  }
}

bool is_empty(std::string_view bits) {
  return std::ranges::all_of(bits, [](char c) { return c == 0; });
}

Result<> store_bits(WriteTxn& txn, Table table, const std::string& key, const std::string& bits) {
  if (!is_empty(bits)) return txn.put(table, key, bits);
  TRY(txn.remove(table, key));
  return {};
}

// The part of `range` that lies in `block`.
UidRange within_block(std::uint32_t block, UidRange range) {
  const std::uint32_t first = block * kSeenBlockUids;
  return {std::max(range.first, first), std::min(range.last, first + (kSeenBlockUids - 1))};
}

}  // namespace

Result<> Applier::on(const SetRights& op) {
  TRY(change(op.folder));
  const std::string key = right_key(op.folder, op.identity);
  if (op.rights != 0) return txn_.put(index_.acl, key, encode_rights(op.rights));
  TRY(txn_.remove(index_.acl, key));
  return {};
}

// Everybody's mod-sequence of the message rises: there is one a message.
Result<> Applier::on(const SetSeen& op) {
  TRY_ASSIGN(FolderRow* const row, change(op.folder));
  const SetFlags touch{op.folder, 0, 0, {}};
  for (const UidRange range : op.uids.ranges()) {
    TRY(set_flags_range(*row, touch, range));
    for (std::uint32_t block = seen_block(range.first); block <= seen_block(range.last); ++block)
      TRY(mark_seen(op, block, within_block(block, range)));
    tell(FolderEvent::Kind::kFlags, op.folder, range, op.identity);
  }
  row->folder.highest_modseq = modseq();
  return {};
}

Result<> Applier::mark_seen(const SetSeen& op, std::uint32_t block, UidRange range) {
  const std::string key = seen_key(op.folder, block, op.identity);
  TRY_ASSIGN(const auto raw, txn_.get(index_.seen, key));
  std::string bits(raw.value_or(std::string_view()));
  bits.resize(kSeenBlockBytes);
  TRY_ASSIGN(const auto first, find_chunk(txn_, index_, op.folder, range.first));
  // A range of messages that all exist may span UIDs that do not.
  std::optional<FoundChunk> found = first;
  while (found) {
    const ChunkView view = found->chunk.view();
    for (std::size_t i = view.lower_bound(range.first);
         i < view.size() && view.uid(i) <= range.last; ++i)
      set_bits(bits, {view.uid(i), view.uid(i)}, op.seen);
    const std::uint32_t last = view.uid(view.size() - 1);
    if (last >= range.last) break;
    TRY_ASSIGN(found, find_chunk(txn_, index_, op.folder, last + 1));
  }
  return store_bits(txn_, index_.seen, key, bits);
}

Result<> Applier::forget_seen(FolderId folder, UidRange range) {
  const std::string prefix = folder_key(folder);
  std::string next = seen_prefix(folder, seen_block(range.first));
  while (true) {
    std::string key;
    std::string bits;
    {
      TRY_ASSIGN(Cursor cursor, Cursor::open(txn_, index_.seen));
      TRY_ASSIGN(const bool here, cursor.seek(next));
      if (!here || !cursor.key().starts_with(prefix) || cursor.key().size() != 24) return {};
      key = cursor.key();
      bits = cursor.value();
    }
    const auto block = load_be<std::uint32_t>(key.data() + prefix.size());
    if (block > seen_block(range.last)) return {};
    const std::string before = bits;
    bits.resize(kSeenBlockBytes);
    set_bits(bits, within_block(block, range), false);
    if (bits != before) TRY(store_bits(txn_, index_.seen, key, bits));
    next = key + '\0';
  }
}

// Its mailbox is gone, so nobody is it any more.
Result<> Applier::forget_identity(const Guid& identity) {
  for (const Table table : {index_.acl, index_.seen}) {
    std::vector<std::string> keys;
    {
      TRY_ASSIGN(Cursor cursor, Cursor::open(txn_, table));
      TRY_ASSIGN(bool here, cursor.first());
      while (here) {
        if (cursor.key().ends_with(identity.as_bytes())) keys.emplace_back(cursor.key());
        TRY_ASSIGN(here, cursor.next());
      }
    }
    for (const std::string& key : keys) TRY(txn_.remove(table, key));
  }
  return {};
}

}  // namespace hauspost::store
