// Plans about others than a mailbox's owner.
#include "store/plan.h"
#include "store/seen.h"

namespace hauspost::store {

Result<Guid> viewer_in(Plan& plan, MailboxId mailbox) {
  if (plan.user().is_nil()) return Guid{};
  TRY_ASSIGN(const UsageRow* const usage, plan.applier().usage(mailbox));
  return usage->mailbox == plan.user() ? Guid{} : plan.user();
}

Result<> emit_same_rights(Plan& plan, FolderId from, FolderId to) {
  TRY_ASSIGN(const auto rights, read_rights(plan.txn(), plan.index(), from));
  for (const FolderRight& right : rights)
    TRY(plan.emit(SetRights{to, right.identity, right.rights}));
  return {};
}

Result<> plan_set_rights(Plan& plan, FolderId id, const Guid& identity, RightBits rights) {
  TRY_ASSIGN(const Folder* const folder, wanted_folder(plan, id));
  if ((rights & ~kAllRights) != 0) return fail(ErrorCode::kInvalid, "there is no such right");
  if (folder->special_use == SpecialUse::kRecoverable)
    return fail(ErrorCode::kNotFound, "no such folder");
  TRY_ASSIGN(const UsageRow* const usage, plan.applier().usage(folder->mailbox));
  if (usage->mailbox == identity)
    return fail(ErrorCode::kInvalid, "the mailbox's owner has every right already");
  TRY_ASSIGN(const auto raw, plan.txn().get(plan.index().acl, right_key(id, identity)));
  RightBits before = 0;
  if (raw) {
    TRY_ASSIGN(before, decode_rights(*raw));
  }
  if (before == rights) return {};
  return plan.emit(SetRights{id, identity, rights});
}

}  // namespace hauspost::store
