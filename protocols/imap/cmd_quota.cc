// GETQUOTA, GETQUOTAROOT and SETQUOTA (RFC 9208). One quota root, "", holds all of a user's
// mailboxes; a user without a quota has none.
#include <fmt/format.h>

#include "protocols/imap/command_table.h"
#include "protocols/imap/mailbox_name.h"
#include "protocols/imap/sharing.h"

namespace hauspost::imap {
namespace {

constexpr std::uint64_t kStorageUnit = 1024;  // RFC 9208 section 5.1

// A quota root: all mailboxes of one owner.
struct Root {
  std::string name;  // "" for one's own, "Shared/them" for others'
  std::uint64_t used = 0;
  std::uint64_t limit = store::kUnlimited;

  bool is_limited() const { return limit != store::kUnlimited; }
};

Root root_of(const Session& session, store::MailboxId id, std::string name) {
  Root root{.name = std::move(name)};
  const auto mailbox = session.snapshot().mailbox(id);
  if (!mailbox) return root;
  root.used = mailbox->bytes;
  if (id == session.mailbox()) {
    root.limit = session.rules().storage_bytes_max;
  } else if (session.services().rules) {
    root.limit = session.services().rules(mailbox->guid).storage_bytes_max;
  }
  return root;
}

Root root_of(const Session& session, const store::Folder& folder) {
  if (folder.mailbox == session.mailbox()) return root_of(session, folder.mailbox, "");
  const std::size_t level = folder.path.find(store::kHierarchySeparator) + 1;
  return root_of(session, folder.mailbox,
                 folder.path.substr(0, folder.path.find(store::kHierarchySeparator, level)));
}

void write_quota(Session& session, const Root& root) {
  session.out().untagged(fmt::format("QUOTA {} (STORAGE {} {})",
                                     quoted_mailbox(root.name, session.dialect().utf8),
                                     (root.used + kStorageUnit - 1) / kStorageUnit,
                                     root.limit / kStorageUnit));
}

}  // namespace

Task<Result<Reply>> cmd_getquota(Session& session, Command& command) {
  const auto& quota = std::get<QuotaRequest>(command.arguments);
  std::optional<Root> root;
  if (quota.name.empty()) {
    if (is_master(session, session.mailbox())) root = root_of(session, session.mailbox(), "");
  } else if (const auto place = place_of(session, quota.name + "/INBOX");
             place && !place->own && place->path == "INBOX") {
    root = root_of(session, place->mailbox, quota.name);
  }
  if (!root || !root->is_limited()) co_return no("NONEXISTENT", "No such quota root");
  write_quota(session, *root);
  co_return Reply{};
}

Task<Result<Reply>> cmd_getquotaroot(Session& session, Command& command) {
  const auto& quota = std::get<QuotaRequest>(command.arguments);
  const auto folder = session.find_folder(quota.name);
  if (!folder) co_return no("NONEXISTENT", "No such mailbox");
  if (auto refused = refusal(session, *folder, store::kMayRead)) co_return *std::move(refused);
  const Root root = root_of(session, *folder);
  const bool utf8 = session.dialect().utf8;
  session.out().untagged(
      fmt::format("QUOTAROOT {}{}", quoted_mailbox(folder->path, utf8),
                  root.is_limited() ? " " + quoted_mailbox(root.name, utf8) : ""));
  if (root.is_limited()) write_quota(session, root);
  co_return Reply{};
}

Task<Result<Reply>> cmd_setquota(Session&, Command&) {
  co_return no("NOPERM", "Quotas are the administrator's to set");
}

}  // namespace hauspost::imap
