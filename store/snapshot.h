// Snapshot: a consistent view of one database at one moment. Cheap to take; keep it short.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "store/types.h"
#include "store/uid_set.h"

namespace hauspost::store {

class SegmentMap;     // one mapped segment of the change log
struct MetadataEntry;  // store/metadata.h
struct MetadataPlace;

// A message's bytes, straight from the mapped log. Valid as long as this object lives, also after
// the snapshot has ended, the message was expunged or the segment dropped.
struct Body {
  std::string_view bytes;
  std::string_view summary;                   // what OpenOptions::summarize made; empty without
  std::shared_ptr<const SegmentMap> segment;  // keeps the bytes mapped
  std::string_view content_hash;              // BLAKE2b-128 of `bytes`
  std::uint64_t offset = 0;                   // of all this in its segment

  // kCorrupt: these are not the bytes that were stored.
  Result<> check() const;
};

// REQUIRES: used by one thread, and never held across a co_await: an open snapshot pins index
// pages. Views into the index die with it. Disk corruption shows as kCorrupt from the functions
// that return Result.
class Snapshot {
 public:
  Snapshot(Snapshot&&) noexcept;
  Snapshot& operator=(Snapshot&&) noexcept;
  ~Snapshot();

  // From now on folders and messages of every mailbox but the identity's own show the \Seen of this
  // identity, Folder::unseen too. Nil, as it begins: the owners'.
  void view_as(const Guid& identity);

  std::optional<Mailbox> mailbox(const Guid& guid) const;
  std::optional<Mailbox> mailbox(MailboxId id) const;
  std::vector<Mailbox> mailboxes() const;

  // Every folder of the mailbox but the hidden one, sorted by path with INBOX first.
  std::vector<Folder> folders(MailboxId mailbox) const;
  std::optional<Folder> folder(FolderId id) const;
  // `path` as in Folder::path; its first level compares without case when it is INBOX.
  std::optional<Folder> find_folder(MailboxId mailbox, std::string_view path) const;

  // What is granted on the folder, anyone's first.
  std::vector<FolderRight> rights(FolderId folder) const;
  // What a user who does not own the folder may do there: the own grant and anyone's.
  RightBits rights_of(FolderId folder, const Guid& identity) const;
  // Mailboxes with a folder on which somebody else has granted this identity, or anyone, a right.
  // Looks at every grant of the database.
  std::vector<MailboxId> granted_to(const Guid& identity) const;

  // The folder of deleted messages (types.h, origin_of); nullopt: nothing was deleted yet.
  std::optional<Folder> recoverable(MailboxId mailbox) const;

  std::optional<Message> message(FolderId folder, Uid uid) const;
  // Rising UIDs within the range; stops when `visit` returns false.
  void for_each_message(FolderId folder, UidRange range,
                        const std::function<bool(const Message&)>& visit) const;
  // As above, but skips what did not change after `since` without looking at each (RFC 7162
  // CHANGEDSINCE).
  void for_each_changed(FolderId folder, ModSeq since,
                        const std::function<bool(const Message&)>& visit) const;
  // All UIDs in rising order: a session's sequence-number view.
  std::vector<std::uint32_t> uids(FolderId folder) const;
  // The first message that carries none of `flags`.
  std::optional<Uid> first_lacking(FolderId folder, FlagBits flags) const;
  // UIDs expunged after `since`, as far back as tombstones are kept; nullopt when they do not reach
  // back that far.
  std::optional<UidSet> expunged_since(FolderId folder, ModSeq since) const;

  Result<Body> body(BodyId id) const;
  // As body(), for who has other proof of what it uses or calls check() when it uses the rest: the
  // bytes of a large body are not even read from the disk before that.
  Result<Body> unchecked_body(BodyId id) const;
  // Ids of bodies from `first` on, rising; stops when `visit` returns false.
  void for_each_body(BodyId first, const std::function<bool(BodyId)>& visit) const;
  BodyId next_body() const;  // above all that were given so far
  std::string annotation(FolderId folder, Uid uid) const;  // empty: none

  std::optional<MetadataEntry> metadata(const MetadataPlace& place, std::string_view name) const;
  // The entry `name` and all below it, by rising name; empty: all of the place.
  void for_each_metadata(const MetadataPlace& place, std::string_view name,
                         const std::function<void(const MetadataEntry&)>& visit) const;

 private:
  friend class Database;
  class Impl;
  explicit Snapshot(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hauspost::store
