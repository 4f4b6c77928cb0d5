// EXPUNGE and UID EXPUNGE (RFC 3501 section 6.4.3, RFC 4315).
#include "protocols/imap/command_table.h"

namespace hauspost::imap {

Task<Result<Reply>> cmd_expunge(Session& session, Command& command) {
  const auto& expunge = std::get<ExpungeRequest>(command.arguments);
  MailboxView& view = session.view();
  if (view.read_only()) co_return no("READ-ONLY", "Mailbox is read-only");
  if ((view.rights() & store::kMayExpunge) == 0) co_return no("NOPERM", "Permission denied");
  // Only what this client knows: a message that came unseen with \Deleted is not its to remove.
  store::UidSet uids;
  if (view.size() > 0) uids.add({1, view.last_uid()});
  if (expunge.uids) uids = *view.resolve(*expunge.uids, true);
  const auto folder = session.snapshot().folder(view.folder());
  if (uids.empty() || !folder || folder->deleted == 0) co_return Reply{};
  const auto removed =
      co_await session.database().expunge(session.actor(), view.folder(), std::move(uids), true);
  if (!removed) co_return reply_for(removed.error());
  view.note_expunged(*removed);
  Reply reply;
  reply.tells_modseq = !removed->empty();
  co_return reply;
}

}  // namespace hauspost::imap
