// The index tables' keys and values (store/README.md has the table of tables). Keys are big-endian
// so that they sort, values little-endian.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "store/environment.h"
#include "store/types.h"

namespace hauspost::store {

struct MetadataEntry;  // store/metadata.h
struct MetadataPlace;

inline constexpr std::uint32_t kIndexFormat = 3;
// Read as it is: what it lacks are tables, which then are empty. The next change makes it 3.
inline constexpr std::uint32_t kOldestIndexFormat = 2;
inline constexpr std::string_view kIndexFile = "index.mdb";

// The environment of an index, which may be replaced by a smaller one while others read.
// Thread-safe.
class EnvironmentSlot {
 public:
  EnvironmentSlot() = default;
  EnvironmentSlot(EnvironmentSlot&& other) noexcept : current_(other.get()) {}
  EnvironmentSlot& operator=(std::shared_ptr<Environment> environment) {
    const std::scoped_lock lock(mutex_);
    current_ = std::move(environment);
    return *this;
  }
  // The one of this moment: transactions keep it alive, everything else should be short.
  std::shared_ptr<Environment> operator->() const { return get(); }
  std::shared_ptr<Environment> get() const {
    const std::scoped_lock lock(mutex_);
    return current_;
  }
  std::shared_ptr<Environment> exchange(std::shared_ptr<Environment> environment) const;
  // Somebody still reads in one that was replaced.
  bool former_in_use() const;

 private:
  // Guards what follows. std::atomic<std::shared_ptr> of libstdc++ 12 has a race of its own.
  mutable std::mutex mutex_;
  mutable std::shared_ptr<Environment> current_;  // shared with its transactions
  mutable std::vector<std::weak_ptr<Environment>> former_;
};

// An environment with the handles of its tables, which are the same in every one of them.
struct Index {
  EnvironmentSlot environment;
  Table state;  // the root table
  Table mailboxes;
  Table folders;
  Table folder_names;
  Table messages;
  Table annotations;
  Table bodies;
  Table segments;
  Table tombstones;
  Table deliveries;
  Table usage;
  // Since format 3; absent in an older one that is opened read-only.
  Table acl;
  Table seen;
  Table metadata;

  // kCorrupt: not an index, or a damaged one.
  static Result<Index> open(const std::string& path, std::uint64_t bytes_max, bool read_only);
};

// Row "state" of the root table: numbers of the database as a whole.
struct State {
  Guid database;
  Lsn applied;  // last record this index holds
  std::uint64_t epoch = 0;
  std::uint32_t next_mailbox = 1;
  std::uint32_t next_folder = 1;
  std::uint64_t next_body = 1;
  std::uint32_t last_uid_validity = 0;
  std::uint64_t messages = 0;
};
inline constexpr std::string_view kStateKey = "hauspost.state";
std::string encode(const State& state);
Result<State> decode_state(std::string_view bytes);
// Default values when the index is new.
Result<State> read_state(const Txn& txn, const Index& index);

// Folder as stored: what types.h has, and what only the store needs.
struct FolderRow {
  Folder folder;  // without id, path and has_children
  std::uint32_t tombstones = 0;
  ModSeq tombstone_floor;  // expunges up to here are no longer listed
};
std::string encode(const FolderRow& row);
Result<FolderRow> decode_folder(FolderId id, std::string_view bytes);
Result<std::optional<FolderRow>> read_folder(const Txn& txn, const Index& index, FolderId id);

// Without its sums, which are a UsageRow.
std::string encode(const Mailbox& mailbox);
Result<Mailbox> decode_mailbox(const Guid& guid, std::string_view bytes);

// Sums over a mailbox's folders, and the way from its id back to its GUID.
struct UsageRow {
  Guid mailbox;
  std::uint64_t messages = 0;  // the folder of deleted messages apart
  std::uint64_t bytes = 0;
  std::uint64_t recoverable_messages = 0;
  std::uint64_t recoverable_bytes = 0;
};
std::string encode(const UsageRow& row);
Result<UsageRow> decode_usage(std::string_view bytes);
// kCorrupt: none.
Result<UsageRow> read_usage(const Txn& txn, const Index& index, MailboxId id);

struct BodyRow {
  Lsn segment;
  std::uint64_t offset = 0;  // of the blob in the segment file
  std::uint64_t bytes = 0;   // of the blob
  std::uint32_t references = 0;
};
std::string encode(const BodyRow& row);
Result<BodyRow> decode_body(std::string_view bytes);

struct SegmentRow {
  std::uint64_t live_bytes = 0;
  std::uint64_t dead_bytes = 0;
  bool dropped = false;  // the file is gone or may go
};
std::string encode(const SegmentRow& row);
Result<SegmentRow> decode_segment(std::string_view bytes);

std::string folder_key(FolderId id);
std::string folder_name_key(MailboxId mailbox, FolderId parent, std::string_view name);
std::string folder_name_prefix(MailboxId mailbox);
std::string folder_name_prefix(MailboxId mailbox, FolderId parent);
std::string usage_key(MailboxId id);
std::string message_key(FolderId folder, std::uint32_t uid);  // also of annotations
std::string body_key(BodyId id);
std::string segment_key(Lsn first);
std::string tombstone_key(FolderId folder, ModSeq modseq, std::uint32_t first_uid);
std::string delivery_key(const Guid& delivery, MailboxId mailbox);
std::string right_key(FolderId folder, const Guid& identity);

// Table seen: of each block of UIDs, who has seen which; a bit a UID, the lowest bit of the first
// byte is the block's first.
inline constexpr std::uint32_t kSeenBlockUids = 2048;
inline constexpr std::size_t kSeenBlockBytes = kSeenBlockUids / 8;
std::string seen_prefix(FolderId folder, std::uint32_t block);
std::string seen_key(FolderId folder, std::uint32_t block, const Guid& identity);
constexpr std::uint32_t seen_block(std::uint32_t uid) { return uid / kSeenBlockUids; }
// REQUIRES: `bits` has kSeenBlockBytes.
constexpr bool seen_bit(std::string_view bits, std::uint32_t uid) {
  const std::uint32_t at = uid % kSeenBlockUids;
  return (static_cast<unsigned char>(bits[at / 8]) >> at % 8 & 1) != 0;
}

// The names below which a place's entries lie, with `name` as they compare. Begins with the folder,
// for a mailbox's own entries with folder 0 and the mailbox.
std::string metadata_key(const MetadataPlace& place, std::string_view name);
std::string encode(const MetadataEntry& entry);
Result<MetadataEntry> decode_metadata(std::string_view bytes);

// What table acl grants; kCorrupt: no such value.
std::string encode_rights(RightBits rights);
Result<RightBits> decode_rights(std::string_view bytes);

// The folder at `path` of the mailbox; a first level INBOX in any case. nullopt: there is none.
Result<std::optional<FolderId>> find_path(const Txn& txn, const Index& index, MailboxId mailbox,
                                          std::string_view path);
Result<std::optional<FolderId>> find_child(const Txn& txn, const Index& index, MailboxId mailbox,
                                           FolderId parent, std::string_view name);
// The name as it is stored: INBOX at the top level in upper case.
std::string stored_name(FolderId parent, std::string_view name);

}  // namespace hauspost::store
