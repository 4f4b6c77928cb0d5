// What mailboxes may hold, the mail of mailboxes without an owner, and deleted messages.
#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "server/auth/auth_client.h"
#include "server/child/control.h"
#include "server/supervisor/admin_service.h"
#include "server/supervisor/limits_wire.h"

namespace hauspost::supervisor {

namespace {

namespace wire = child::wire;
using child::ControlMethod;

constexpr Duration kAskTime = std::chrono::seconds(10);
// A worker deletes some hundred thousand messages in this time, and goes on afterwards.
constexpr Duration kDeleteTime = std::chrono::seconds(60);
constexpr Duration kRecoverTime = std::chrono::seconds(60);
// "Its retention ended long ago": what is left of it goes with the next round, whatever happens.
constexpr std::int64_t kOverdue_s = 1;

std::string guid_text(const std::string& bytes) {
  const auto guid = Guid::from_bytes(bytes);
  return guid ? guid->to_string() : std::string();
}

template <class Reply>
Result<Reply> parse(const std::string& bytes) {
  Reply reply;
  if (!reply.ParseFromString(bytes))
    return fail(ErrorCode::kCorrupt, "the store worker's answer does not parse");
  return reply;
}

std::int64_t keep_disconnected_s(const directory::DatabaseEntry& database) {
  directory::EffectiveLimits limits;
  apply(database.limits, limits);
  return limits.keep_disconnected_s;
}

directory::LoginChanges login_changes(const admin::MailboxSetRequest& request) {
  directory::LoginChanges changes;
  if (request.has_imap()) changes.imap = request.imap();
  if (request.has_pop3()) changes.pop3 = request.pop3();
  if (request.has_smtp()) changes.smtp = request.smtp();
  if (request.has_protocol_restricted()) changes.protocol_restricted = request.protocol_restricted();
  if (request.has_app_passwords_only()) changes.app_passwords_only = request.app_passwords_only();
  return changes;
}

// By which nobody gets in any more.
std::vector<std::string> protocols_closed_by(const admin::MailboxSetRequest& request) {
  const bool restricted = request.has_protocol_restricted() && request.protocol_restricted();
  std::vector<std::string> protocols;
  if (restricted || (request.has_imap() && !request.imap())) protocols.emplace_back("imap");
  if (restricted || (request.has_pop3() && !request.pop3())) protocols.emplace_back("pop3");
  if (request.has_smtp() && !request.smtp()) protocols.emplace_back("smtp");
  return protocols;
}

}  // namespace

Task<Result<std::string>> AdminService::ask_store(std::string database, ControlMethod method,
                                                  std::string body, Duration timeout) {
  ChildProcess* const worker = supervisor_.stores().find(database);
  const auto control = worker == nullptr ? nullptr : worker->control();
  if (!control) {
    co_return fail(ErrorCode::kUnavailable,
                   fmt::format("database {} is not mounted; mount it first: hauspost database "
                               "mount {}",
                               database, database));
  }
  co_return co_await control->call(static_cast<std::uint16_t>(method), body, timeout);
}

Result<admin::Limits> AdminService::effective_limits(const Guid& mailbox) const {
  TRY_ASSIGN(const auto limits, supervisor_.directory().reader().limits(mailbox));
  return to_wire(limits);
}

Task<Result<admin::MailboxSetReply>> AdminService::mailbox_set(admin::MailboxSetRequest request) {
  CO_TRY_ASSIGN(const auto entry, find_mailbox(request.name()));
  CO_TRY_ASSIGN(const auto changes, from_wire(request.limits()));
  if (changes.set.keep_disconnected_s)
    co_return fail(ErrorCode::kInvalid,
                   "how long disconnected mailboxes are kept is a setting of their database");
  directory::NameChanges names;
  if (request.has_display_name()) names.display_name = request.display_name();
  names.add_aliases.assign(request.add_aliases().begin(), request.add_aliases().end());
  names.remove_aliases.assign(request.remove_aliases().begin(), request.remove_aliases().end());
  if (names.display_name || !names.add_aliases.empty() || !names.remove_aliases.empty())
    CO_TRY(supervisor_.directory().set_mailbox_names(entry.guid, names));
  if (request.has_imap_without()) CO_TRY(set_imap_without(entry, request.imap_without()));
  if (request.has_forward_to()) {
    CO_TRY(supervisor_.directory().set_forwarding(entry.guid, request.forward_to(),
                                                  !request.forward_only()));
  }
  CO_TRY(supervisor_.directory().set_mailbox_login(entry.guid, login_changes(request)));
  CO_TRY_ASSIGN(const auto changed,
                supervisor_.directory().set_mailbox_limits(entry.guid, changes));
  admin::MailboxSetReply reply;
  *reply.mutable_mailbox() = to_wire(changed);
  CO_TRY_ASSIGN(*reply.mutable_effective(), effective_limits(entry.guid));
  auto closed = protocols_closed_by(request);
  // A mailbox that is restricted is so for everybody who opens it.
  if (!closed.empty()) {
    reply.set_sessions_ended(co_await end_logins(
        entry.guid, {}, request.has_protocol_restricted() && request.protocol_restricted(),
        std::move(closed)));
  }
  co_return reply;
}

// Takes the owner away: nobody logs in or delivers from then on. False when nothing was ever stored
// for it. A worker that is not there now finds out by itself when it is back.
Task<Result<bool>> AdminService::take_owner_away(directory::MailboxEntry entry) {
  CO_TRY(supervisor_.directory().remove_mailbox(entry.guid));
  // What is left of a verifier without its mailbox is of no use to anyone.
  if (const auto control = auth_control()) {
    const auto forgotten = co_await auth::remove(**control, entry.guid);
    if (!forgotten)
      log::warning("auth.remove", {{"mailbox", entry.address}, {"cause", forgotten.error()}});
  }
  wire::SetDisconnectedRequest told;
  told.set_guid(std::string(entry.guid.as_bytes()));
  told.set_time_s(unix_now());
  const auto answer = co_await ask_store(entry.database, ControlMethod::kSetDisconnected,
                                         told.SerializeAsString(), kAskTime);
  co_return answer || answer.error().code != ErrorCode::kNotFound;
}

Task<Result<admin::MailboxDisableReply>> AdminService::mailbox_disable(
    admin::MailboxDisableRequest request) {
  CO_TRY_ASSIGN(const auto entry, find_mailbox(request.name()));
  CO_TRY_ASSIGN(const auto database, find_database(entry.database));
  admin::MailboxDisableReply reply;
  *reply.mutable_mailbox() = to_wire(entry);
  reply.set_purge_s(unix_now() + keep_disconnected_s(database));
  if (request.dry_run()) co_return reply;
  CO_TRY(co_await take_owner_away(entry));
  reply.set_sessions_ended(co_await end_logins(entry.guid, {}, true));
  co_return reply;
}

Task<Result<admin::MailboxRemoveReply>> AdminService::mailbox_remove(
    admin::MailboxRemoveRequest request) {
  CO_TRY_ASSIGN(const auto entry, find_mailbox(request.name()));
  CO_TRY_ASSIGN(const auto database, find_database(entry.database));
  admin::MailboxRemoveReply reply;
  *reply.mutable_mailbox() = to_wire(entry);
  if (request.dry_run()) {
    admin::MailboxStatsRequest question;
    question.set_name(request.name());
    CO_TRY_ASSIGN(const auto stats, co_await mailbox_stats(std::move(question)));
    const bool never_stored = stats.known() && !stats.has_stored();
    if (request.permanent() || never_stored) co_return reply;
    reply.set_messages_left(true);
    reply.set_purge_s(unix_now() + keep_disconnected_s(database));
    co_return reply;
  }
  CO_TRY_ASSIGN(const bool stored, co_await take_owner_away(entry));
  reply.set_sessions_ended(co_await end_logins(entry.guid, {}, true));
  if (!stored) co_return reply;
  if (request.permanent() && co_await delete_stored_mailbox(entry.database, entry.guid))
    co_return reply;
  reply.set_messages_left(true);
  reply.set_purge_s(unix_now() + keep_disconnected_s(database));
  co_return reply;
}

// True when nothing of it is left in its database.
Task<bool> AdminService::delete_stored_mailbox(std::string database, Guid guid) {
  wire::SetDisconnectedRequest overdue;
  overdue.set_guid(std::string(guid.as_bytes()));
  overdue.set_time_s(kOverdue_s);
  const auto marked = co_await ask_store(database, ControlMethod::kSetDisconnected,
                                         overdue.SerializeAsString(), kAskTime);
  if (!marked) co_return marked.error().code == ErrorCode::kNotFound;
  wire::DeleteMailboxRequest request;
  request.set_guid(std::string(guid.as_bytes()));
  const auto answer = co_await ask_store(database, ControlMethod::kStoreDeleteMailbox,
                                         request.SerializeAsString(), kDeleteTime);
  co_return answer.has_value() || answer.error().code == ErrorCode::kNotFound;
}

Task<Result<admin::MailboxDisconnectedReply>> AdminService::mailbox_disconnected(
    admin::MailboxDisconnectedRequest request) {
  std::vector<directory::DatabaseEntry> databases;
  if (request.database().empty()) {
    CO_TRY_ASSIGN(databases, supervisor_.directory().reader().databases());
  } else {
    CO_TRY_ASSIGN(auto one, find_database(request.database()));
    databases.push_back(std::move(one));
  }
  admin::MailboxDisconnectedReply reply;
  for (const directory::DatabaseEntry& database : databases) {
    const auto bytes =
        co_await ask_store(database.name, ControlMethod::kDisconnected, {}, kAskTime);
    const auto found = bytes ? parse<wire::StoredMailboxes>(*bytes) : fail(bytes.error());
    if (!found) {
      reply.add_unknown(database.name);
      continue;
    }
    std::vector<const wire::StoredMailbox*> sorted;
    for (const auto& stored : found->mailboxes()) sorted.push_back(&stored);
    std::ranges::sort(sorted, {}, [](const auto* stored) { return stored->label(); });
    for (const wire::StoredMailbox* stored : sorted) {
      admin::DisconnectedMailbox& out = *reply.add_mailboxes();
      out.set_database(database.name);
      *out.mutable_stored() = *stored;
      out.set_purge_s(stored->disconnected_s() + keep_disconnected_s(database));
    }
  }
  co_return reply;
}

// `name`: a GUID, or the former address when only one disconnected mailbox had it.
Task<Result<admin::DisconnectedMailbox>> AdminService::find_disconnected(std::string name,
                                                                         std::string database) {
  admin::MailboxDisconnectedRequest request;
  request.set_database(database);
  CO_TRY_ASSIGN(const auto all, co_await mailbox_disconnected(std::move(request)));
  std::vector<const admin::DisconnectedMailbox*> matches;
  for (const admin::DisconnectedMailbox& mailbox : all.mailboxes()) {
    if (iequals(name, guid_text(mailbox.stored().guid())) ||
        iequals(name, mailbox.stored().label()))
      matches.push_back(&mailbox);
  }
  if (matches.size() == 1) co_return *matches.front();
  if (matches.size() > 1) {
    co_return fail(ErrorCode::kInvalid,
                   fmt::format("{} disconnected mailboxes were named {}; name one by its GUID: "
                               "hauspost mailbox list --disconnected",
                               matches.size(), escape_for_log(name)));
  }
  std::string unknown;
  for (const std::string& one : all.unknown())
    unknown += fmt::format("{}{}", unknown.empty() ? "" : ", ", one);
  co_return fail(
      ErrorCode::kNotFound,
      fmt::format("no disconnected mailbox is named \"{}\"{}; see: hauspost mailbox "
                  "list --disconnected",
                  escape_for_log(name), unknown.empty() ? "" : " (not mounted: " + unknown + ")"));
}

Task<Result<admin::MailboxConnectReply>> AdminService::mailbox_connect(
    admin::MailboxConnectRequest request) {
  CO_TRY_ASSIGN(const auto found, co_await find_disconnected(request.name(), request.database()));
  directory::MailboxOrder order{
      .guid = Guid::from_bytes(found.stored().guid()).value_or(Guid{}),
      .address = request.to().address(),
      .aliases = {request.to().aliases().begin(), request.to().aliases().end()},
      .display_name = request.to().display_name(),
      .database = found.database()};
  directory::DirectoryWriter& directory = supervisor_.directory();
  const std::span orders(&order, 1);
  CO_TRY_ASSIGN(auto planned, directory.create_mailboxes(orders, unix_now(), true));
  if (!planned.front()) co_return fail(std::move(planned.front()).error());
  admin::MailboxConnectReply reply;
  *reply.mutable_mailbox() = to_wire(*planned.front());
  *reply.mutable_stored() = found.stored();
  if (request.dry_run()) co_return reply;
  Secret password(std::move(*request.mutable_to()->mutable_password()));
  if (!password.empty()) CO_TRY(co_await store_password(order.guid, std::move(password)));
  CO_TRY_ASSIGN(auto created, directory.create_mailboxes(orders, unix_now(), false));
  if (!created.front()) co_return fail(std::move(created.front()).error());
  wire::SetDisconnectedRequest told;
  told.set_guid(found.stored().guid());
  // When this is lost, the worker sees in the directory that the mailbox has an owner.
  const auto answer = co_await ask_store(found.database(), ControlMethod::kSetDisconnected,
                                         told.SerializeAsString(), kAskTime);
  if (!answer) log::warning("mailbox.connect", {{"cause", answer.error()}});
  co_return reply;
}

Task<Result<admin::MailboxPurgeReply>> AdminService::mailbox_purge(
    admin::MailboxPurgeRequest request) {
  admin::MailboxPurgeReply reply;
  CO_TRY_ASSIGN(*reply.mutable_mailbox(),
                co_await find_disconnected(request.name(), request.database()));
  if (request.dry_run()) co_return reply;
  const Guid guid = Guid::from_bytes(reply.mailbox().stored().guid()).value_or(Guid{});
  reply.set_done(co_await delete_stored_mailbox(reply.mailbox().database(), guid));
  co_return reply;
}

Task<Result<admin::MailboxStatsReply>> AdminService::mailbox_stats(
    admin::MailboxStatsRequest request) {
  CO_TRY_ASSIGN(const auto entry, find_mailbox(request.name()));
  admin::MailboxStatsReply reply;
  *reply.mutable_mailbox() = to_wire(entry);
  CO_TRY_ASSIGN(*reply.mutable_effective(), effective_limits(entry.guid));
  wire::MailboxRequest question;
  question.set_guid(std::string(entry.guid.as_bytes()));
  const auto answer = co_await ask_store(entry.database, ControlMethod::kStoredMailbox,
                                         question.SerializeAsString(), kAskTime);
  reply.set_known(answer || answer.error().code == ErrorCode::kNotFound);
  if (answer) {
    CO_TRY_ASSIGN(*reply.mutable_stored(), parse<wire::StoredMailbox>(*answer));
  }
  co_return reply;
}

Task<Result<admin::MailboxFoldersReply>> AdminService::mailbox_folders(
    admin::MailboxFoldersRequest request) {
  CO_TRY_ASSIGN(const auto entry, find_mailbox(request.name()));
  wire::MailboxRequest question;
  question.set_guid(std::string(entry.guid.as_bytes()));
  const auto answer = co_await ask_store(entry.database, ControlMethod::kStoredFolders,
                                         question.SerializeAsString(), kAskTime);
  admin::MailboxFoldersReply reply;
  *reply.mutable_mailbox() = to_wire(entry);
  if (!answer && answer.error().code == ErrorCode::kNotFound) co_return reply;  // none yet
  if (!answer) co_return fail(answer.error());
  CO_TRY_ASSIGN(const auto found, parse<wire::StoredFolders>(*answer));
  *reply.mutable_folders() = found.folders();
  co_return reply;
}

// Passes a question about deleted messages on. kNotFound (nothing stored yet) is an empty answer.
template <class Reply, class Request>
Task<Result<Reply>> AdminService::ask_recover(directory::MailboxEntry entry, ControlMethod method,
                                              const Request& request) {
  wire::RecoverRequest question;
  question.set_guid(std::string(entry.guid.as_bytes()));
  *question.mutable_filter() = request.filter();
  question.set_after(request.after());
  question.set_limit(request.limit());
  if constexpr (requires { request.dry_run(); }) question.set_dry_run(request.dry_run());
  const auto answer =
      co_await ask_store(entry.database, method, question.SerializeAsString(), kRecoverTime);
  if (!answer && answer.error().code == ErrorCode::kNotFound) co_return Reply();
  if (!answer) co_return fail(Error(answer.error()).within("mailbox " + entry.address));
  co_return parse<Reply>(*answer);
}

Task<Result<admin::MailboxRecoverListReply>> AdminService::mailbox_recover_list(
    admin::MailboxRecoverListRequest request) {
  CO_TRY_ASSIGN(const auto entry, find_mailbox(request.name()));
  admin::MailboxRecoverListReply reply;
  *reply.mutable_mailbox() = to_wire(entry);
  CO_TRY_ASSIGN(*reply.mutable_found(), co_await ask_recover<wire::RecoverListReply>(
                                            entry, ControlMethod::kRecoverList, request));
  co_return reply;
}

Task<Result<admin::MailboxRecoverRestoreReply>> AdminService::mailbox_recover_restore(
    admin::MailboxRecoverRestoreRequest request) {
  CO_TRY_ASSIGN(const auto entry, find_mailbox(request.name()));
  admin::MailboxRecoverRestoreReply reply;
  CO_TRY_ASSIGN(*reply.mutable_step(), co_await ask_recover<wire::RecoverStepReply>(
                                           entry, ControlMethod::kRecoverRestore, request));
  co_return reply;
}

Task<Result<admin::MailboxRecoverPurgeReply>> AdminService::mailbox_recover_purge(
    admin::MailboxRecoverPurgeRequest request) {
  CO_TRY_ASSIGN(const auto entry, find_mailbox(request.name()));
  admin::MailboxRecoverPurgeReply reply;
  CO_TRY_ASSIGN(*reply.mutable_step(), co_await ask_recover<wire::RecoverStepReply>(
                                           entry, ControlMethod::kRecoverPurge, request));
  co_return reply;
}

}  // namespace hauspost::supervisor
