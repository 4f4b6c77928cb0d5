// What IMAP offers a mailbox, and what is withdrawn from devices.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "protocols/imap/extensions.h"
#include "server/child/control.h"
#include "server/directory/imap_settings.h"
#include "server/supervisor/admin_service.h"
#include "server/supervisor/connection_wire.h"

namespace hauspost::supervisor {

namespace {

namespace wire = child::wire;

constexpr Duration kAskTime = std::chrono::seconds(10);

// As CAPABILITY spells it.
Result<std::string> canonical_extension(const std::string& name) {
  const auto extension = imap::extension_named(name);
  if (extension) return std::string(imap::name_of(*extension));
  return fail(ErrorCode::kInvalid,
              fmt::format("IMAP has no capability \"{}\" that can be switched off; the names are "
                          "those of CAPABILITY after login, without what follows \"=\" where that "
                          "is a number",
                          escape_for_log(name)));
}

admin::ImapWithdrawal to_admin(const std::string& database, const wire::Withdrawal& from) {
  admin::ImapWithdrawal to;
  to.set_database(database);
  to.set_user(from.user());
  *to.mutable_withdrawal() = from;
  return to;
}

}  // namespace

Result<directory::MailboxEntry> AdminService::set_imap_without(
    const directory::MailboxEntry& entry, const admin::ImapWithout& without) {
  std::vector<std::string> names;
  for (const std::string& name : without.names()) {
    TRY_ASSIGN(std::string known, canonical_extension(name));
    if (std::ranges::find(names, known) == names.end()) names.push_back(std::move(known));
  }
  return supervisor_.directory().set_mailbox_imap_without(entry.guid, std::move(names));
}

Task<Result<admin::ImapShowReply>> AdminService::imap_show(admin::ImapShowRequest) {
  CO_TRY_ASSIGN(const auto settings, directory::imap_settings(supervisor_.directory().reader()));
  admin::ImapShowReply reply;
  reply.mutable_settings()->set_command_messages_max(settings.command_messages_max);
  show_connections<admin::ImapSetRequest>(supervisor_.directory().reader(), "imap", nullptr,
                                          *reply.mutable_settings());
  co_return reply;
}

Task<Result<admin::ImapSetReply>> AdminService::imap_set(admin::ImapSetRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  CO_TRY_ASSIGN(auto settings, directory::imap_settings(supervisor_.directory().reader()));
  if (request.has_command_messages_max())
    settings.command_messages_max = request.command_messages_max();
  CO_TRY(directory::check(settings));
  CO_TRY(set_connections(supervisor_.directory(), "imap",
                         request.has_external() ? &request.external() : nullptr,
                         request.has_internal() ? &request.internal() : nullptr,
                         request.dry_run()));
  CO_TRY(request.dry_run() ? directory::check(settings)
                           : directory::set_imap_settings(supervisor_.directory(), settings));
  admin::ImapSetReply reply;
  reply.mutable_settings()->set_command_messages_max(settings.command_messages_max);
  show_connections(supervisor_.directory().reader(), "imap", &request,
                   *reply.mutable_settings());
  co_return reply;
}

Task<Result<admin::ImapWithdrawnListReply>> AdminService::imap_withdrawn_list(
    admin::ImapWithdrawnListRequest) {
  CO_TRY_ASSIGN(const auto databases, supervisor_.directory().reader().databases());
  admin::ImapWithdrawnListReply reply;
  for (const directory::DatabaseEntry& database : databases) {
    if (!database.mounted) continue;  // nobody is offered anything there
    const auto answer = co_await ask_store(database.name, child::ControlMethod::kWithdrawnList,
                                           wire::WithdrawnRequest().SerializeAsString(), kAskTime);
    wire::WithdrawnReply told;
    if (!answer || !told.ParseFromString(*answer)) {
      reply.add_silent(database.name);
      continue;
    }
    for (const wire::Withdrawal& one : told.withdrawals())
      *reply.add_withdrawals() = to_admin(database.name, one);
  }
  std::ranges::sort(*reply.mutable_withdrawals(), std::ranges::greater(),
                    [](const admin::ImapWithdrawal& one) { return one.withdrawal().since_s(); });
  co_return reply;
}

Task<Result<admin::ImapWithdrawnLiftReply>> AdminService::imap_withdrawn_lift(
    admin::ImapWithdrawnLiftRequest request) {
  wire::WithdrawnRequest told;
  told.set_dry_run(request.dry_run());
  if (!request.extension().empty()) {
    CO_TRY_ASSIGN(*told.mutable_extension(), canonical_extension(request.extension()));
  }
  std::vector<std::string> names;
  if (!request.name().empty()) {
    CO_TRY_ASSIGN(const auto entry, find_mailbox(request.name()));
    told.set_mailbox(std::string(entry.guid.as_bytes()));
    names.push_back(entry.database);
  } else {
    CO_TRY_ASSIGN(const auto databases, supervisor_.directory().reader().databases());
    for (const directory::DatabaseEntry& database : databases) {
      if (database.mounted) names.push_back(database.name);
    }
  }
  admin::ImapWithdrawnLiftReply reply;
  for (const std::string& name : names) {
    const auto answer = co_await ask_store(name, child::ControlMethod::kWithdrawnLift,
                                           told.SerializeAsString(), kAskTime);
    wire::WithdrawnReply lifted;
    if (!answer || !lifted.ParseFromString(*answer)) {
      reply.add_silent(name);
      continue;
    }
    for (const wire::Withdrawal& one : lifted.withdrawals())
      *reply.add_lifted() = to_admin(name, one);
  }
  co_return reply;
}

}  // namespace hauspost::supervisor
