#include "server/store_worker/mailbox_calls.h"

#include <algorithm>

#include "server/child/mailbox.pb.h"
#include "server/store_worker/recover.h"

namespace hauspost::store_worker {

namespace {

using child::ControlMethod;

std::unexpected<Error> unreadable() {
  return fail(ErrorCode::kInvalid, "the request does not parse");
}

Result<store::Mailbox> find_mailbox(const store::Snapshot& snapshot, const std::string& body) {
  child::wire::MailboxRequest request;
  const auto guid = request.ParseFromString(body) ? Guid::from_bytes(request.guid()) : std::nullopt;
  if (!guid) return unreadable();
  auto mailbox = snapshot.mailbox(*guid);
  if (!mailbox) return fail(ErrorCode::kNotFound, "nothing was ever stored for this mailbox");
  return *std::move(mailbox);
}

child::wire::StoredMailbox to_wire(const MailboxCalls& calls, const store::Snapshot& snapshot,
                                   const store::Mailbox& from) {
  child::wire::StoredMailbox to;
  to.set_guid(std::string(from.guid.as_bytes()));
  to.set_label(from.label);
  to.set_created_s(from.created_s);
  to.set_disconnected_s(from.disconnected_s);
  to.set_messages(from.messages);
  to.set_bytes(from.bytes);
  to.set_recoverable_messages(from.recoverable_messages);
  to.set_recoverable_bytes(from.recoverable_bytes);
  to.set_folders(static_cast<std::uint32_t>(snapshot.folders(from.id).size()));
  to.set_sessions(static_cast<std::uint32_t>(calls.sessions(from.guid)));
  return to;
}

Result<std::string> stored_mailbox(const MailboxCalls& calls, const std::string& body) {
  const store::Snapshot snapshot = calls.database.snapshot();
  TRY_ASSIGN(const store::Mailbox mailbox, find_mailbox(snapshot, body));
  return to_wire(calls, snapshot, mailbox).SerializeAsString();
}

Result<std::string> disconnected(const MailboxCalls& calls) {
  const store::Snapshot snapshot = calls.database.snapshot();
  child::wire::StoredMailboxes reply;
  for (const store::Mailbox& mailbox : snapshot.mailboxes()) {
    if (mailbox.disconnected_s != 0) *reply.add_mailboxes() = to_wire(calls, snapshot, mailbox);
  }
  return reply.SerializeAsString();
}

std::string_view use_word(store::SpecialUse use) {
  switch (use) {
    case store::SpecialUse::kInbox: return "inbox";
    case store::SpecialUse::kDrafts: return "drafts";
    case store::SpecialUse::kSent: return "sent";
    case store::SpecialUse::kJunk: return "junk";
    case store::SpecialUse::kTrash: return "trash";
    case store::SpecialUse::kArchive: return "archive";
    case store::SpecialUse::kAll: return "all";
    case store::SpecialUse::kFlagged: return "flagged";
    case store::SpecialUse::kRecoverable: return "deleted items";
    case store::SpecialUse::kNone: break;
  }
  return {};
}

child::wire::StoredFolder to_wire(const store::Folder& from) {
  child::wire::StoredFolder to;
  const bool hidden = from.special_use == store::SpecialUse::kRecoverable;
  to.set_path(hidden ? "" : from.path);
  to.set_special_use(std::string(use_word(from.special_use)));
  to.set_messages(from.messages);
  to.set_unseen(from.unseen);
  to.set_deleted(hidden ? 0 : from.deleted);
  to.set_bytes(from.bytes);
  to.set_uid_validity(from.uid_validity);
  to.set_uid_next(from.uid_next.value);
  to.set_subscribed(from.subscribed);
  return to;
}

Result<std::string> stored_folders(const MailboxCalls& calls, const std::string& body) {
  const store::Snapshot snapshot = calls.database.snapshot();
  TRY_ASSIGN(const store::Mailbox mailbox, find_mailbox(snapshot, body));
  child::wire::StoredFolders reply;
  for (const store::Folder& folder : snapshot.folders(mailbox.id))
    *reply.add_folders() = to_wire(folder);
  if (const auto hidden = snapshot.recoverable(mailbox.id)) *reply.add_folders() = to_wire(*hidden);
  return reply.SerializeAsString();
}

Task<Result<std::string>> set_disconnected(MailboxCalls& calls, std::string body) {
  child::wire::SetDisconnectedRequest request;
  const auto guid = request.ParseFromString(body) ? Guid::from_bytes(request.guid()) : std::nullopt;
  if (!guid) co_return unreadable();
  CO_TRY(co_await calls.database.set_disconnected({}, *guid, request.time_s()));
  co_return std::string();
}

Result<std::string> folder_rights(const MailboxCalls& calls, const std::string& body) {
  const store::Snapshot snapshot = calls.database.snapshot();
  TRY_ASSIGN(const store::Mailbox mailbox, find_mailbox(snapshot, body));
  child::wire::FolderRights reply;
  for (const store::Folder& folder : snapshot.folders(mailbox.id)) {
    for (const store::FolderRight& right : snapshot.rights(folder.id)) {
      child::wire::FolderRight& out = *reply.add_rights();
      out.set_folder(folder.path);
      if (!right.identity.is_nil()) out.set_identity(std::string(right.identity.as_bytes()));
      out.set_rights(right.rights);
    }
  }
  return reply.SerializeAsString();
}

// The folders whose grant to `identity` is another one.
Result<std::vector<store::FolderId>> folders_to_change(
    const store::Snapshot& snapshot, store::MailboxId mailbox,
    const child::wire::SetFolderRightsRequest& request, const Guid& identity) {
  std::vector<store::Folder> folders = snapshot.folders(mailbox);
  if (!request.folder().empty()) {
    const auto found = snapshot.find_folder(mailbox, request.folder());
    if (!found) return fail(ErrorCode::kNotFound, "there is no such folder");
    folders = {*found};
  }
  std::vector<store::FolderId> chosen;
  for (const store::Folder& folder : folders) {
    const auto rights = snapshot.rights(folder.id);
    const auto before = std::ranges::find(rights, identity, &store::FolderRight::identity);
    if ((before == rights.end() ? 0 : before->rights) != request.rights())
      chosen.push_back(folder.id);
  }
  return chosen;
}

Task<Result<std::string>> set_folder_rights(MailboxCalls& calls, std::string body) {
  child::wire::SetFolderRightsRequest request;
  const auto guid = request.ParseFromString(body) ? Guid::from_bytes(request.guid()) : std::nullopt;
  const auto identity =
      request.identity().empty() ? std::optional(Guid{}) : Guid::from_bytes(request.identity());
  if (!guid || !identity) co_return unreadable();
  CO_TRY_ASSIGN(const store::MailboxId mailbox,
                co_await calls.database.open_mailbox({}, *guid, request.label()));
  CO_TRY_ASSIGN(const auto folders,
                folders_to_change(calls.database.snapshot(), mailbox, request, *identity));
  child::wire::SetFolderRightsReply reply;
  for (const store::FolderId folder : folders) {
    if (!request.dry_run())
      CO_TRY(co_await calls.database.set_rights({}, folder, *identity, request.rights()));
    reply.set_folders(reply.folders() + 1);
  }
  co_return reply.SerializeAsString();
}

Task<Result<std::string>> recover(MailboxCalls& calls, ControlMethod method, std::string body) {
  child::wire::RecoverRequest request;
  if (!request.ParseFromString(body)) co_return unreadable();
  if (method == ControlMethod::kRecoverList) {
    CO_TRY_ASSIGN(const auto reply,
                  co_await list_deleted(calls.database, calls.limits, std::move(request)));
    co_return reply.SerializeAsString();
  }
  const bool purge = method == ControlMethod::kRecoverPurge;
  CO_TRY_ASSIGN(const auto reply, co_await take_deleted(calls.database, std::move(request), purge));
  co_return reply.SerializeAsString();
}

}  // namespace

bool is_mailbox_call(ControlMethod method) {
  if (method == ControlMethod::kFolderRights || method == ControlMethod::kSetFolderRights)
    return true;
  return method >= ControlMethod::kStoredMailbox && method <= ControlMethod::kRecoverPurge;
}

Task<Result<std::string>> answer_mailbox_call(MailboxCalls& calls, ControlMethod method,
                                              std::string body) {
  switch (method) {
    case ControlMethod::kStoredMailbox: co_return stored_mailbox(calls, body);
    case ControlMethod::kDisconnected: co_return disconnected(calls);
    case ControlMethod::kSetDisconnected:
      co_return co_await set_disconnected(calls, std::move(body));
    case ControlMethod::kStoredFolders: co_return stored_folders(calls, body);
    case ControlMethod::kFolderRights: co_return folder_rights(calls, body);
    case ControlMethod::kSetFolderRights:
      co_return co_await set_folder_rights(calls, std::move(body));
    case ControlMethod::kRecoverList:
    case ControlMethod::kRecoverRestore:
    case ControlMethod::kRecoverPurge: co_return co_await recover(calls, method, std::move(body));
    default: co_return fail(ErrorCode::kInvalid, "unknown control method");
  }
}

}  // namespace hauspost::store_worker
