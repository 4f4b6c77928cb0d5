// CREATE DELETE RENAME SUBSCRIBE UNSUBSCRIBE (RFC 3501 section 6.3).
#include <fmt/format.h>

#include <algorithm>

#include "protocols/imap/command_table.h"
#include "protocols/imap/mailbox_name.h"
#include "protocols/imap/object_id.h"

namespace hauspost::imap {

Task<Result<Reply>> cmd_create(Session& session, Command& command) {
  const auto& create = std::get<CreateRequest>(command.arguments);
  if (create.use != store::SpecialUse::kNone) {
    // RFC 6154 section 3: one mailbox a use, or clients would have to choose.
    const auto folders = session.database().snapshot().folders(session.mailbox());
    const bool taken = std::ranges::any_of(
        folders, [&](const store::Folder& folder) { return folder.special_use == create.use; });
    if (taken) co_return no("USEATTR", "Another mailbox has this use");
  }
  const auto created = co_await session.database().create_folder(session.actor(), session.mailbox(),
                                                                 create.mailbox, create.use);
  if (!created) co_return reply_for(created.error());
  const auto folder = session.database().snapshot().folder(*created);
  if (folder && session.dialect().rev2 && folder->path != create.spelled)
    session.out().untagged(list_of_name(folder->path, create.spelled, session.dialect().utf8));
  // Somebody else may have deleted it by now; then it has no id to tell.
  const bool tells_id = folder && session.offers(Extension::kObjectId);
  co_return ok("", tells_id ? fmt::format("MAILBOXID ({})", mailbox_id(*folder)) : "");
}

Task<Result<Reply>> cmd_delete(Session& session, Command& command) {
  const auto& path = std::get<MailboxRequest>(command.arguments).mailbox;
  const auto folder = session.find_folder(path);
  if (!folder) co_return no("NONEXISTENT", "No such mailbox");
  const auto folders = session.database().snapshot().folders(session.mailbox());
  // RFC 9051 section 7.1: not because its children could not stay, but because \Noselect confuses.
  if (std::ranges::find(folders, folder->id, &store::Folder::parent) != folders.end())
    co_return no("HASCHILDREN", "The mailbox has children");
  const bool ours = session.is_selected(folder->id);
  const auto deleted = co_await session.database().delete_folder(session.actor(), folder->id);
  if (!deleted) co_return reply_for(deleted.error());
  if (ours) {
    session.unselect();
    session.out().untagged("OK [CLOSED] The selected mailbox was deleted");
  }
  co_return Reply{};
}

Task<Result<Reply>> cmd_rename(Session& session, Command& command) {
  const auto& rename = std::get<RenameRequest>(command.arguments);
  const auto folder = session.find_folder(rename.from);
  if (!folder) co_return no("NONEXISTENT", "No such mailbox");
  const auto renamed =
      co_await session.database().rename_folder(session.actor(), folder->id, rename.to);
  if (!renamed) co_return reply_for(renamed.error());
  // RFC 9051 section 6.3.6. INBOX stays where it is.
  if (session.dialect().rev2 && folder->special_use != store::SpecialUse::kInbox)
    session.out().untagged(list_of_name(rename.to, folder->path, session.dialect().utf8));
  co_return Reply{};
}

Task<Result<Reply>> cmd_subscribe(Session& session, Command& command) {
  const auto& path = std::get<MailboxRequest>(command.arguments).mailbox;
  const auto folder = session.find_folder(path);
  if (!folder) co_return no("NONEXISTENT", "No such mailbox");
  const auto done = co_await session.database().set_subscribed(session.actor(), folder->id, true);
  if (!done) co_return reply_for(done.error());
  co_return Reply{};
}

// A mailbox that is gone is not subscribed: clients say this after RENAME with the old name.
Task<Result<Reply>> cmd_unsubscribe(Session& session, Command& command) {
  const auto& path = std::get<MailboxRequest>(command.arguments).mailbox;
  const auto folder = session.find_folder(path);
  if (!folder) co_return Reply{};
  const auto done = co_await session.database().set_subscribed(session.actor(), folder->id, false);
  if (!done) co_return reply_for(done.error());
  co_return Reply{};
}

}  // namespace hauspost::imap
