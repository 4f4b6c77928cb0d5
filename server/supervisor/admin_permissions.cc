// What others than its owner may do with a mailbox: full access is the directory's, rights on
// folders are the store's.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "protocols/imap/sharing.h"
#include "server/child/control.h"
#include "server/supervisor/admin_service.h"
#include "store/types.h"

namespace hauspost::supervisor {

namespace {

using child::ControlMethod;
namespace wire = child::wire;

constexpr Duration kAskTime = std::chrono::seconds(20);
constexpr std::string_view kAnyone = "anyone";
constexpr std::string_view kFull = "full";

// Names for what is mostly wanted.
constexpr std::pair<std::string_view, std::string_view> kRoles[] = {
    {"reader", "lrs"}, {"contributor", "lip"}, {"editor", "lrswipte"}, {"manager", "lrswipkxte"}};

Result<store::RightBits> rights_named(const std::string& text) {
  const auto* const role =
      std::ranges::find(kRoles, text, &std::pair<std::string_view, std::string_view>::first);
  const auto rights = imap::parse_rights(role != std::end(kRoles) ? role->second : text);
  if (rights && *rights != 0) return *rights;
  return fail(ErrorCode::kInvalid,
              fmt::format("\"{}\" names no rights; give letters of lrswipkxtea, or one of full, "
                          "reader, contributor, editor, manager",
                          escape_for_log(text)));
}

std::string_view send_word(directory::SendGrant grant) {
  return grant == directory::SendGrant::kAs ? "as" : "on-behalf";
}

std::string identity_bytes(const std::optional<directory::MailboxEntry>& user) {
  return user ? std::string(user->guid.as_bytes()) : std::string();
}

// Addresses of those who are granted something, whether they are still there or not.
std::string user_text(const directory::DirectoryReader& reader, const std::string& bytes) {
  if (bytes.empty()) return std::string(kAnyone);
  const auto guid = Guid::from_bytes(bytes);
  if (!guid) return "?";
  const auto entry = reader.mailbox(*guid);
  if (entry && *entry) return (*entry)->address;
  const auto mail_user = reader.recipient(*guid);
  return mail_user && *mail_user ? (*mail_user)->address : guid->to_string();
}

}  // namespace

Result<std::optional<directory::MailboxEntry>> AdminService::find_grantee(
    const std::string& name, const directory::MailboxEntry& mailbox) const {
  if (iequals(name, kAnyone)) return std::nullopt;
  TRY_ASSIGN(auto user, find_mailbox(name));
  if (!iequals(user.database, mailbox.database)) {
    return fail(
        ErrorCode::kDenied,
        fmt::format("{} lives in database {}, mailbox {} in {}: what is shared is seen in "
                    "one's own database only; make the shared mailbox there: hauspost "
                    "mailbox create ADDRESS --shared --database {}",
                    user.address, user.database, mailbox.address, mailbox.database, user.database));
  }
  return std::optional(std::move(user));
}

Task<Result<std::uint32_t>> AdminService::set_folder_rights(
    directory::MailboxEntry mailbox, std::string folder,
    std::optional<directory::MailboxEntry> user, std::uint32_t rights, bool dry_run) {
  wire::SetFolderRightsRequest question;
  question.set_guid(std::string(mailbox.guid.as_bytes()));
  question.set_label(mailbox.address);
  question.set_folder(folder);
  question.set_identity(identity_bytes(user));
  question.set_rights(rights);
  question.set_dry_run(dry_run);
  auto answer = co_await ask_store(mailbox.database, ControlMethod::kSetFolderRights,
                                   question.SerializeAsString(), kAskTime);
  if (!answer && answer.error().code == ErrorCode::kNotFound) {
    co_return fail(ErrorCode::kNotFound,
                   fmt::format("mailbox {} has no folder \"{}\"; see: hauspost mailbox folders {}",
                               mailbox.address, escape_for_log(folder), mailbox.address));
  }
  if (!answer) co_return fail(std::move(answer).error());
  wire::SetFolderRightsReply told;
  if (!told.ParseFromString(*answer))
    co_return fail(ErrorCode::kCorrupt, "the store's answer does not parse");
  co_return told.folders();
}

// Who logs in: a mailbox's user or a mail user.
Result<directory::MailboxEntry> AdminService::find_user(const std::string& name) const {
  TRY_ASSIGN(auto entry, supervisor_.directory().reader().find_login(name));
  if (entry && !entry->opens && !entry->shared && !entry->system) return std::move(*entry);
  return fail(ErrorCode::kNotFound,
              fmt::format("nobody logs in as \"{}\"; see: hauspost mailbox list",
                          escape_for_log(name)));
}

Result<admin::MailboxPermissionAddReply> AdminService::grant_sending(
    const admin::MailboxPermissionAddRequest& request, directory::SendGrant grant) {
  TRY_ASSIGN(const auto as, find_sendable(request.name()));
  TRY_ASSIGN(const auto user, find_user(request.user()));
  TRY(supervisor_.directory().set_send_grant(user.guid, as.first, grant));
  admin::MailboxPermissionAddReply reply;
  reply.mutable_mailbox()->set_address(as.second);
  admin::Permission& out = *reply.mutable_permission();
  out.set_user(user.address);
  out.set_send(std::string(send_word(grant)));
  return reply;
}

// Who may send under the addresses of a mailbox or group.
Result<> AdminService::list_sending(const Guid& as, admin::MailboxPermissionListReply& reply) const {
  const directory::DirectoryReader& reader = supervisor_.directory().reader();
  TRY_ASSIGN(const auto granted, reader.send_grants_on(as));
  for (const auto& [user, grant] : granted) {
    admin::Permission& out = *reply.add_permissions();
    out.set_user(user_text(reader, std::string(user.as_bytes())));
    out.set_send(std::string(send_word(grant)));
  }
  return {};
}

Task<Result<admin::MailboxPermissionListReply>> AdminService::mailbox_permission_list(
    admin::MailboxPermissionListRequest request) {
  const directory::DirectoryReader& reader = supervisor_.directory().reader();
  CO_TRY_ASSIGN(const auto as, find_sendable(request.name()));
  admin::MailboxPermissionListReply reply;
  CO_TRY_ASSIGN(const auto mailbox, reader.mailbox(as.first));
  if (!mailbox) {  // a group
    reply.mutable_mailbox()->set_address(as.second);
    CO_TRY(list_sending(as.first, reply));
    co_return reply;
  }
  const directory::MailboxEntry& entry = *mailbox;
  *reply.mutable_mailbox() = to_wire(entry);
  CO_TRY(list_sending(entry.guid, reply));
  CO_TRY_ASSIGN(const auto users, reader.full_access_to(entry.guid));
  for (const Guid& user : users) {
    admin::Permission& out = *reply.add_permissions();
    out.set_user(user_text(reader, std::string(user.as_bytes())));
    out.set_full_access(true);
    out.set_rights(imap::rights_text(store::kAllRights));
  }
  wire::MailboxRequest question;
  question.set_guid(std::string(entry.guid.as_bytes()));
  const auto answer = co_await ask_store(entry.database, ControlMethod::kFolderRights,
                                         question.SerializeAsString(), kAskTime);
  wire::FolderRights told;
  // A mailbox that the store has never seen has no folders yet.
  if (!answer && answer.error().code == ErrorCode::kNotFound) co_return reply;
  if (!answer || !told.ParseFromString(*answer)) {
    reply.set_folders_unknown(true);
    co_return reply;
  }
  for (const wire::FolderRight& right : told.rights()) {
    admin::Permission& out = *reply.add_permissions();
    out.set_user(user_text(reader, right.identity()));
    out.set_folder(right.folder());
    out.set_rights(imap::rights_text(right.rights()));
  }
  co_return reply;
}

Task<Result<admin::MailboxPermissionAddReply>> AdminService::mailbox_permission_add(
    admin::MailboxPermissionAddRequest request) {
  for (const auto grant : {directory::SendGrant::kAs, directory::SendGrant::kOnBehalf}) {
    if (request.rights() == fmt::format("send-{}", send_word(grant)))
      co_return grant_sending(request, grant);
  }
  CO_TRY_ASSIGN(const auto entry, find_mailbox(request.name()));
  CO_TRY_ASSIGN(const auto user, find_grantee(request.user(), entry));
  admin::MailboxPermissionAddReply reply;
  *reply.mutable_mailbox() = to_wire(entry);
  admin::Permission& out = *reply.mutable_permission();
  out.set_user(user ? user->address : std::string(kAnyone));
  out.set_folder(request.folder());
  if (request.rights() == kFull && request.folder().empty()) {
    if (!user) {
      co_return fail(ErrorCode::kInvalid,
                     "full access is a user's, not anyone's; name some rights, as reader");
    }
    CO_TRY(supervisor_.directory().set_full_access(user->guid, entry.guid, true));
    out.set_full_access(true);
    out.set_rights(imap::rights_text(store::kAllRights));
    co_return reply;
  }
  store::RightBits rights = store::kAllRights;
  if (request.rights() != kFull) {
    CO_TRY_ASSIGN(rights, rights_named(request.rights()));
  }
  CO_TRY_ASSIGN(const std::uint32_t folders,
                co_await set_folder_rights(entry, request.folder(), user, rights, false));
  reply.set_folders(folders);
  out.set_rights(imap::rights_text(rights));
  co_return reply;
}

Task<Result<admin::MailboxPermissionRemoveReply>> AdminService::mailbox_permission_remove(
    admin::MailboxPermissionRemoveRequest request) {
  const directory::DirectoryReader& reader = supervisor_.directory().reader();
  bool could_send = false;
  if (request.folder().empty() && !iequals(request.user(), kAnyone)) {
    CO_TRY_ASSIGN(const auto as, find_sendable(request.name()));
    const auto sender = find_user(request.user());
    CO_TRY_ASSIGN(const auto mailbox, reader.mailbox(as.first));
    // Who never logs in, as a shared mailbox, may have rights on folders all the same.
    if (!sender && !mailbox) co_return fail(sender.error());
    if (sender) {
      CO_TRY_ASSIGN(const auto grant, reader.send_grant(sender->guid, as.first));
      could_send = grant.has_value();
    }
    if (could_send && !request.dry_run())
      CO_TRY(supervisor_.directory().set_send_grant(sender->guid, as.first, std::nullopt));
    // A group has no folders, nor does a mail user's database.
    if (!mailbox || (sender && (!sender->is_mailbox() ||
                                (could_send && !iequals(mailbox->database, sender->database))))) {
      admin::MailboxPermissionRemoveReply reply;
      reply.mutable_mailbox()->set_address(as.second);
      reply.set_send(could_send);
      co_return reply;
    }
  }
  CO_TRY_ASSIGN(const auto entry, find_mailbox(request.name()));
  CO_TRY_ASSIGN(const auto user, find_grantee(request.user(), entry));
  admin::MailboxPermissionRemoveReply reply;
  *reply.mutable_mailbox() = to_wire(entry);
  reply.set_send(could_send);
  if (user && request.folder().empty()) {
    CO_TRY_ASSIGN(const bool had, reader.has_full_access(user->guid, entry.guid));
    reply.set_full_access(had);
    if (had && !request.dry_run())
      CO_TRY(supervisor_.directory().set_full_access(user->guid, entry.guid, false));
  }
  CO_TRY_ASSIGN(const std::uint32_t folders,
                co_await set_folder_rights(entry, request.folder(), user, 0, request.dry_run()));
  reply.set_folders(folders);
  co_return reply;
}

}  // namespace hauspost::supervisor
