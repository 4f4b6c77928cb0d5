// Who has seen what: \Seen of those who look into a mailbox that is not their own (table seen), and
// the grants that let them (table acl). For the store's own files.
#pragma once

#include <optional>
#include <utility>

#include "store/schema.h"

namespace hauspost::store {

// The rows of one folder, for the folders (most) that have none at the price of one look. REQUIRES:
// the transaction outlives it and changes no such row meanwhile.
class SeenRows {
 public:
  static Result<SeenRows> of(const Txn& txn, const Index& index, FolderId folder);
  Result<bool> has(const Guid& identity, Uid uid) const;
  Result<std::vector<Guid>> seen_by(Uid uid) const;

 private:
  SeenRows(const Txn& txn, const Index& index, FolderId folder, bool any)
      : txn_(txn), index_(index), folder_(folder), any_(any) {}
  const Txn& txn_;
  const Index& index_;
  FolderId folder_;
  bool any_;
};

// Whose eyes a snapshot has.
struct Viewer {
  Guid identity;  // nil: the owners'
  MailboxId own;  // the identity's; 0: it has none here
  // The folder last asked about, and whether it is foreign: whoever reads message by message asks
  // about the same one each time.
  std::optional<std::pair<FolderId, bool>> asked = {};

  bool is_foreign(MailboxId mailbox) const { return !identity.is_nil() && mailbox != own; }
};

// The messages of one folder as a viewer sees them. What cannot be read counts as not seen.
class SeenOverlay {
 public:
  SeenOverlay(const Txn& txn, const Index& index, Viewer& viewer, FolderId folder);
  FlagBits shown(std::uint32_t uid, FlagBits flags) {
    return foreign_ ? overlaid(uid, flags) : flags;
  }
  void show(Message& message) { message.flags = shown(message.uid.value, message.flags); }

 private:
  FlagBits overlaid(std::uint32_t uid, FlagBits flags);
  const Txn& txn_;
  const Index& index_;
  const Viewer& viewer_;
  FolderId folder_;
  bool foreign_ = false;
  std::optional<std::uint32_t> block_;  // of `bits_`
  std::string_view bits_;               // empty: nothing seen
};

// Sets `unseen` to what the viewer has not seen. REQUIRES: the viewer is foreign there.
Result<> count_unseen(const Txn& txn, const Index& index, const Viewer& viewer, Folder& folder);

// What is granted on the folder; nil, which is anyone, comes first.
Result<std::vector<FolderRight>> read_rights(const Txn& txn, const Index& index, FolderId folder);

}  // namespace hauspost::store
