// Operations: what a change log record says. Every number is already decided, so applying one needs
// no choice and gives the same index everywhere. Kind numbers are for ever.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "store/types.h"
#include "store/uid_set.h"

namespace hauspost::store {

struct CreateMailbox {
  MailboxId id;
  Guid guid;
  std::string label;
  std::int64_t created_s = 0;
};
struct DeleteMailbox {
  MailboxId id;
  Guid guid;
};
struct CreateFolder {
  FolderId id;
  MailboxId mailbox;
  FolderId parent;
  std::string name;
  std::uint32_t uid_validity = 0;
  SpecialUse special_use = SpecialUse::kNone;
  bool subscribed = false;
};
struct DeleteFolder {
  FolderId id;
};
struct RenameFolder {
  FolderId id;
  FolderId parent;
  std::string name;
};
struct SetSubscribed {
  FolderId id;
  bool subscribed = false;
};
// The keyword gets the folder's next bit.
struct AddKeyword {
  FolderId folder;
  std::string keyword;
};
// The record's bodies get the ids `first`, `first` + 1 ... in order.
struct AddBodies {
  BodyId first;
};
struct AddMessage {
  FolderId folder;
  Uid uid;
  std::uint32_t size = 0;
  FlagBits flags = 0;
  std::int64_t internal_date_s = 0;
  BodyId body;
  std::int64_t save_date_s = 0;
  std::string annotation;
};
// flags = (flags & ~clear) | set, for messages that all exist.
struct SetFlags {
  FolderId folder;
  FlagBits clear = 0;
  FlagBits set = 0;
  UidSet uids;
};
struct Expunge {
  FolderId folder;
  UidSet uids;  // all of them exist
};
struct Annotate {
  FolderId folder;
  Uid uid;
  std::string annotation;  // empty removes
};
struct NoteDelivery {
  Guid delivery;
  MailboxId mailbox;
  std::int64_t time_s = 0;
};
struct ForgetDeliveries {
  std::int64_t before_s = 0;
};
// The record's bodies are those of `bodies`, in order, in a new place; 0: died before it was moved.
struct RelocateBodies {
  std::vector<BodyId> bodies;
};
// No body lives in the segment any more and an image of the index covers its records: the file may
// go.
struct DropSegment {
  Lsn first;
};
// Clients forget what they know of the folder: its messages may not be those they saw.
struct RenewUidValidity {
  FolderId folder;
  std::uint32_t uid_validity = 0;
};

// Messages that all exist move into the folder of deleted messages and get the UIDs `first_uid`,
// `first_uid` + 1 ... there, in rising order.
struct Retire {
  FolderId from;
  FolderId into;
  Uid first_uid;
  std::int64_t time_s = 0;
  UidSet uids;
};
struct SetMailboxState {
  MailboxId id;
  Guid guid;
  std::int64_t disconnected_s = 0;
};
struct SetRights {
  FolderId folder;
  Guid identity;         // nil: anyone
  RightBits rights = 0;  // 0: none any more
};
// \Seen of somebody who is not the mailbox's owner, on messages that all exist.
struct SetSeen {
  FolderId folder;
  Guid identity;
  bool seen = false;
  UidSet uids;
};
// An entry of a folder or, with folder 0, of the mailbox as a whole gets a value, or goes.
struct SetMetadata {
  MailboxId mailbox;
  FolderId folder;
  Guid owner;  // nil: shared
  std::string name;
  bool present = false;
  std::string value;  // empty when it goes
};

using Operation =
    std::variant<CreateMailbox, DeleteMailbox, CreateFolder, DeleteFolder, RenameFolder,
                 SetSubscribed, AddKeyword, AddBodies, AddMessage, SetFlags, Expunge, Annotate,
                 NoteDelivery, ForgetDeliveries, RelocateBodies, DropSegment, Retire,
                 SetMailboxState, RenewUidValidity, SetRights, SetSeen, SetMetadata>;

void encode(const Operation& operation, std::string& out);
// Takes one operation from the front of `bytes`. kCorrupt: unknown kind or cut short.
Result<Operation> decode_operation(std::string_view& bytes);
// One line for people: "append folder=3 uid=17 ...". Never shows message content.
std::string describe(const Operation& operation);

}  // namespace hauspost::store
