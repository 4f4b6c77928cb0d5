// GETQUOTA, GETQUOTAROOT and SETQUOTA (RFC 9208). One quota root, "", holds all of a user's
// mailboxes; a user without a quota has none.
#include <fmt/format.h>

#include "protocols/imap/command_table.h"
#include "protocols/imap/mailbox_name.h"

namespace hauspost::imap {
namespace {

constexpr std::uint64_t kStorageUnit = 1024;  // RFC 9208 section 5.1

bool has_quota(const Session& session) {
  return session.rules().storage_bytes_max != store::kUnlimited;
}

void write_quota(Session& session) {
  const auto mailbox = session.database().snapshot().mailbox(session.actor().user);
  const std::uint64_t used = mailbox ? mailbox->bytes : 0;
  session.out().untagged(fmt::format("QUOTA \"\" (STORAGE {} {})",
                                     (used + kStorageUnit - 1) / kStorageUnit,
                                     session.rules().storage_bytes_max / kStorageUnit));
}

}  // namespace

Task<Result<Reply>> cmd_getquota(Session& session, Command& command) {
  const auto& quota = std::get<QuotaRequest>(command.arguments);
  if (!quota.name.empty() || !has_quota(session)) co_return no("NONEXISTENT", "No such quota root");
  write_quota(session);
  co_return Reply{};
}

Task<Result<Reply>> cmd_getquotaroot(Session& session, Command& command) {
  const auto& quota = std::get<QuotaRequest>(command.arguments);
  const auto folder = session.find_folder(quota.name);
  if (!folder) co_return no("NONEXISTENT", "No such mailbox");
  const bool limited = has_quota(session);
  session.out().untagged(
      fmt::format("QUOTAROOT {}{}", quoted_mailbox(folder->path, session.dialect().utf8),
                  limited ? " \"\"" : ""));
  if (limited) write_quota(session);
  co_return Reply{};
}

Task<Result<Reply>> cmd_setquota(Session&, Command&) {
  co_return no("NOPERM", "Quotas are the administrator's to set");
}

}  // namespace hauspost::imap
