// Plan: one change becoming one log record. The plan_ functions look first and change nothing until
// every test has passed; what they then emit is applied to the index at once, so that later steps
// see it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "store/applier.h"
#include "store/database.h"
#include "store/log_format.h"

namespace hauspost::store {

inline constexpr std::int64_t kDeliveriesKept_s = 7 * 24 * 3600;
inline constexpr std::size_t kLabelMax = 320;
inline constexpr std::size_t kKeywordBytesMax = 128;

// Most messages that one step of a long deletion takes, so that others get their turn between.
inline constexpr std::size_t kStepMax = 2000;

// OpenOptions::limits; may be empty.
using LimitsOf = std::function<MailboxLimits(const Guid& mailbox)>;

using Bodies = std::vector<std::shared_ptr<const PreparedBody>>;

class Plan {
 public:
  Plan(Applier& applier, const RecordHeader& header, Bodies bodies)
      : applier_(applier), header_(header), bodies_(std::move(bodies)) {
    applier.begin(header, static_cast<std::uint32_t>(bodies_.size()));
  }

  // A failure here is one of the index and takes the whole transaction with it.
  Result<> emit(const Operation& operation) {
    ++operations_;
    encode(operation, bytes_);
    return applier_.apply(operation);
  }
  // The record's bodies get ids. REQUIRES: once, before the messages that use them.
  Result<BodyId> emit_bodies() {
    const BodyId first(applier_.state().next_body);
    TRY(emit(AddBodies{first}));
    return first;
  }

  Applier& applier() { return applier_; }
  const Txn& txn() const { return applier_.txn(); }
  const Index& index() const { return applier_.index(); }
  const Guid& user() const { return header_.actor.user; }
  std::int64_t now_s() const { return header_.time_us / 1'000'000; }
  bool untouched() const { return operations_ == 0; }
  std::uint32_t operations() const { return operations_; }
  const std::string& bytes() const { return bytes_; }
  Bodies take_bodies() { return std::move(bodies_); }

 private:
  Applier& applier_;
  const RecordHeader& header_;
  Bodies bodies_;
  std::string bytes_;
  std::uint32_t operations_ = 0;
};

// Failures as database.h documents them. The plan is untouched after a failure of the caller's.
Result<MailboxId> plan_open_mailbox(Plan& plan, const Guid& guid, const std::string& label);
// One step: false when messages are left and another step must follow.
Result<bool> plan_delete_mailbox(Plan& plan, const Guid& guid);
Result<> plan_set_disconnected(Plan& plan, const Guid& guid, std::int64_t time_s);
Result<FolderId> plan_create_folder(Plan& plan, MailboxId mailbox, std::string_view path,
                                    SpecialUse use);
// One step, as with a mailbox.
Result<bool> plan_delete_folder(Plan& plan, FolderId folder, const LimitsOf& limits);
// One step; true when nothing is left in it.
Result<bool> plan_empty_folder(Plan& plan, FolderId folder, const LimitsOf& limits);
Result<> plan_rename_folder(Plan& plan, FolderId folder, std::string_view new_path);
Result<> plan_set_subscribed(Plan& plan, FolderId folder, bool subscribed);
// The plan's bodies are those of `messages`, in order.
// `note` (may be null) is an entry on the mailbox as a whole.
Result<Appended> plan_append(Plan& plan, FolderId folder, const std::vector<NewMessage>& messages,
                             const LimitsOf& limits, const MetadataChange* note = nullptr);
// The plan has one body.
Result<std::vector<Delivered>> plan_deliver(Plan& plan, const Delivery& delivery,
                                            const LimitsOf& limits);
struct CopyMode {
  bool move = false;
  FlagBits keep = ~FlagBits{0};  // what the copies may carry
};
Result<Copied> plan_copy(Plan& plan, FolderId from, const UidSet& uids, FolderId to,
                         const CopyMode& mode, const LimitsOf& limits);
Result<FlagsChanged> plan_change_flags(Plan& plan, FolderId folder, const FlagChange& change);
Result<UidSet> plan_expunge(Plan& plan, FolderId folder, const UidSet& uids, bool only_deleted,
                            const LimitsOf& limits);
Result<std::uint64_t> plan_trim(Plan& plan, const Guid& mailbox, const LimitsOf& limits);
Result<Restored> plan_restore(Plan& plan, const Guid& mailbox, const UidSet& uids,
                              const LimitsOf& limits);
Result<> plan_renew_uid_validity(Plan& plan);
// What a change of metadata comes to; emits nothing yet. `mailbox` counts with folder 0 alone.
Result<std::vector<SetMetadata>> decide_metadata(Plan& plan, MailboxId mailbox, FolderId folder,
                                                 const std::vector<MetadataChange>& changes);
// `mailbox` counts with folder 0 alone.
Result<> plan_set_metadata(Plan& plan, MailboxId mailbox, FolderId folder,
                           const std::vector<MetadataChange>& changes);
Result<> plan_set_rights(Plan& plan, FolderId folder, const Guid& identity, RightBits rights);
Result<> plan_annotate(Plan& plan, FolderId folder, Uid uid, const std::string& annotation);

// kNotFound when there is no such folder.
Result<const Folder*> wanted_folder(Plan& plan, FolderId folder);
// Who makes the change in a mailbox that is not their own, and so has a \Seen of their own there;
// nil: its owner or the server.
Result<Guid> viewer_in(Plan& plan, MailboxId mailbox);
// What is granted on `from` is granted on `to` as well.
Result<> emit_same_rights(Plan& plan, FolderId from, FolderId to);
// What plan_rename_folder does to an INBOX.
Result<> move_all(Plan& plan, FolderId from, FolderId to);
// kExhausted.
Result<> check_uids_left(const Folder& folder, std::uint64_t wanted);
// kOverQuota when the mailbox may not grow by `bytes`.
Result<> check_quota(Plan& plan, MailboxId mailbox, std::uint64_t bytes, const LimitsOf& limits);
Result<bool> is_nearly_full(Plan& plan, MailboxId mailbox, const LimitsOf& limits);
// Takes messages that all exist out of their folder: into that of deleted messages, or for good
// when the mailbox keeps none. REQUIRES: `uids` is not empty.
Result<> emit_removal(Plan& plan, FolderId folder, const UidSet& uids, const LimitsOf& limits);
Result<FolderId> emit_folder(Plan& plan, MailboxId mailbox, FolderId parent, std::string_view name,
                             SpecialUse use, bool subscribed);
// Calls `visit` for the messages of `uids` that exist, in rising order.
Result<> visit_messages(Plan& plan, FolderId folder, const UidSet& uids,
                        const std::function<Result<>(const Message&)>& visit);

}  // namespace hauspost::store
