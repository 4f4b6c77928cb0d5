// EXPUNGE and UID EXPUNGE (RFC 3501 section 6.4.3, RFC 4315).
#include "protocols/imap/command_table.h"
#include "protocols/imap/message_limit.h"
#include "protocols/imap/search_run.h"

namespace hauspost::imap {
namespace {

// Of the messages with \Deleted in `uids`, as many as one command may process.
Task<Result<Limited>> limited_deleted(Session& session, const store::Folder& folder,
                                      const store::UidSet& uids) {
  SearchKey key{.op = SearchOp::kAnd};
  key.keys.push_back({.op = SearchOp::kHasFlags, .flags = store::kDeleted});
  SearchKey& among = key.keys.emplace_back(SearchKey{.op = SearchOp::kUid});
  for (const store::UidRange range : uids.ranges())
    among.set.ranges.push_back({range.first, range.last});
  CO_TRY_ASSIGN(const SearchFound found,
                co_await search_folder(session, key, folder, session.view().uids(), nullptr));
  store::UidSet deleted;
  for (const SearchHit& hit : found.hits) deleted.add(hit.uid.value);
  co_return limited(session, std::move(deleted));
}

}  // namespace

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
  std::optional<store::Uid> cut_at;
  // RFC 9738 section 3.1: EXPUNGE has no limit.
  if (const std::uint64_t limit = message_limit(session);
      expunge.uids && limit != 0 && folder->deleted > limit) {
    CO_TRY_ASSIGN(Limited part, co_await limited_deleted(session, *folder, uids));
    uids = std::move(part.uids);
    cut_at = part.cut_at;
  }
  const auto removed =
      co_await session.database().expunge(session.actor(), view.folder(), std::move(uids), true);
  if (!removed) co_return reply_for(removed.error());
  view.note_expunged(*removed);
  Reply reply;
  reply.tells_modseq = !removed->empty();
  tell_limit(session, reply, cut_at);
  co_return reply;
}

}  // namespace hauspost::imap
