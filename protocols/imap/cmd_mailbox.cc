// CREATE DELETE RENAME SUBSCRIBE UNSUBSCRIBE (RFC 3501 section 6.3).
#include <fmt/format.h>

#include <algorithm>

#include "protocols/imap/command_table.h"
#include "protocols/imap/mailbox_name.h"
#include "protocols/imap/object_id.h"
#include "protocols/imap/sharing.h"

namespace hauspost::imap {

Task<Result<Reply>> cmd_create(Session& session, Command& command) {
  const auto& create = std::get<CreateRequest>(command.arguments);
  const auto place = place_of(session, create.mailbox);
  if (!place) co_return no("CANNOT", "No mailbox of others is there");
  if (auto refused = creation_refusal(session, *place)) co_return *std::move(refused);
  if (place->own && create.mailbox == kSharedRoot && has_shared(session))
    co_return no("CANNOT", "Mailboxes of others are there");
  if (create.use != store::SpecialUse::kNone) {
    // RFC 6154 section 3: one mailbox a use, or clients would have to choose.
    const auto folders = session.snapshot().folders(place->mailbox);
    const bool taken = std::ranges::any_of(
        folders, [&](const store::Folder& folder) { return folder.special_use == create.use; });
    if (taken) co_return no("USEATTR", "Another mailbox has this use");
  }
  const auto created = co_await session.database().create_folder(session.actor(), place->mailbox,
                                                                 place->path, create.use);
  if (!created) co_return reply_for(created.error());
  auto folder = session.snapshot().folder(*created);
  if (folder && !place->own) folder->path = create.mailbox;
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
  if (auto refused = refusal(session, *folder, store::kMayDeleteFolder))
    co_return *std::move(refused);
  const auto folders = session.snapshot().folders(folder->mailbox);
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
  if (auto refused = refusal(session, *folder, store::kMayDeleteFolder))
    co_return *std::move(refused);
  const auto place = place_of(session, rename.to);
  if (!place || place->mailbox != folder->mailbox)
    co_return no("CANNOT", "A mailbox stays with whom it belongs to");
  if (auto refused = creation_refusal(session, *place)) co_return *std::move(refused);
  const auto renamed =
      co_await session.database().rename_folder(session.actor(), folder->id, place->path);
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
  if (auto refused = refusal(session, *folder, store::kMayLookUp)) co_return *std::move(refused);
  // Its owner's subscription is the owner's.
  if (folder->mailbox != session.mailbox() || !is_master(session, folder->mailbox))
    co_return Reply{};
  const auto done = co_await session.database().set_subscribed(session.actor(), folder->id, true);
  if (!done) co_return reply_for(done.error());
  co_return Reply{};
}

// A mailbox that is gone is not subscribed: clients say this after RENAME with the old name.
Task<Result<Reply>> cmd_unsubscribe(Session& session, Command& command) {
  const auto& path = std::get<MailboxRequest>(command.arguments).mailbox;
  const auto folder = session.find_folder(path);
  if (!folder || (rights_on(session, *folder) & store::kMayLookUp) == 0) co_return Reply{};
  if (folder->mailbox != session.mailbox() || !is_master(session, folder->mailbox))
    co_return no("CANNOT", "What others share stays subscribed");
  const auto done = co_await session.database().set_subscribed(session.actor(), folder->id, false);
  if (!done) co_return reply_for(done.error());
  co_return Reply{};
}

}  // namespace hauspost::imap
