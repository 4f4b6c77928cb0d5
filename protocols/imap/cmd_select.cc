// SELECT EXAMINE CLOSE UNSELECT (RFC 3501 section 6.3.1, RFC 3691, CONDSTORE and QRESYNC: RFC 7162,
// MAILBOXID: RFC 8474).
#include <fmt/format.h>

#include "protocols/imap/command_table.h"
#include "protocols/imap/mailbox_name.h"
#include "protocols/imap/object_id.h"
#include "protocols/imap/resync.h"
#include "protocols/imap/sharing.h"

namespace hauspost::imap {
namespace {

// The sequence number of the first message that is not \Seen; 0: none. The folder's count spares
// the walk when all are.
std::uint32_t first_unseen(Session& session, const store::Folder& folder, const MailboxView& view) {
  if (folder.unseen == 0) return 0;
  const auto first = session.snapshot().first_lacking(folder.id, store::kSeen);
  return first ? view.sequence_of(first->value) : 0;
}

void write_opening(Session& session, const store::Folder& folder, const MailboxView& view) {
  ReplyWriter& out = session.out();
  out.untagged(fmt::format("FLAGS {}", view.flags_text(folder, false)));
  if (view.read_only()) {
    out.untagged("OK [PERMANENTFLAGS ()] Nothing can be changed");
  } else {
    out.untagged(fmt::format("OK [PERMANENTFLAGS {}] Flags permitted", view.permanent_flags(folder)));
  }
  out.untagged(fmt::format("{} EXISTS", view.size()));
  const Dialect& dialect = session.dialect();
  if (!dialect.rev2) {
    out.untagged(fmt::format("{} RECENT", view.recent_count()));
    // RFC 9586 section 3.6: a sequence number.
    const std::uint32_t unseen = dialect.uid_only ? 0 : first_unseen(session, folder, view);
    if (unseen != 0) out.untagged(fmt::format("OK [UNSEEN {}] First unseen", unseen));
  }
  out.untagged(fmt::format("OK [UIDVALIDITY {}] UIDs valid", folder.uid_validity));
  out.untagged(fmt::format("OK [UIDNEXT {}] Predicted next UID", folder.uid_next.value));
  if (session.offers(Extension::kCondstore))
    out.untagged(fmt::format("OK [HIGHESTMODSEQ {}] Highest", folder.highest_modseq.value));
  if (session.offers(Extension::kObjectId))
    out.untagged(fmt::format("OK [MAILBOXID ({})] Mailbox id", mailbox_id(folder)));
}

}  // namespace

Task<Result<Reply>> cmd_select(Session& session, Command& command) {
  const auto& select = std::get<SelectRequest>(command.arguments);
  if (select.resync && !session.dialect().qresync) {
    session.note_fault(Extension::kQresync, "used QRESYNC without enabling it");
    co_return bad("QRESYNC is not enabled");
  }
  if (select.resync && session.dialect().uid_only && !select.resync->match_sequences.ranges.empty())
    co_return uid_required();
  // Whatever comes of it, the mailbox selected before is left (RFC 3501 section 6.3.1).
  if (session.state() == State::kSelected) {
    session.unselect();
    session.out().untagged("OK [CLOSED] Previous mailbox is closed");
  }
  if (select.condstore) session.enable_condstore();
  auto found = session.find_folder(select.mailbox);
  if (!found && session.dialect().utf8) found = session.find_folder(net_unicode(select.mailbox));
  if (!found) co_return no("NONEXISTENT", "No such mailbox");
  const store::RightBits rights = rights_on(session, *found);
  if (auto refused = refusal(rights, store::kMayRead)) co_return *std::move(refused);
  const bool read_only = command.name == CommandName::kExamine || (rights & kChanging) == 0;
  auto view = session.make_view(found->id, read_only);
  view->look_as(session.identity(), rights,
                session.works_in_own() && found->mailbox == session.mailbox());
  auto folder = view->open();
  if (!folder) co_return no("NONEXISTENT", "No such mailbox");
  folder->path = found->path;
  write_opening(session, *folder, *view);
  // RFC 9051 section 6.3.2.
  if (session.dialect().rev2)
    session.out().untagged(list_of_name(folder->path, select.spelled, session.dialect().utf8));
  session.select(std::move(view));
  if (select.resync) CO_TRY(co_await resynchronize(session, *folder, *select.resync));
  co_return ok(command.name == CommandName::kExamine ? "EXAMINE completed" : "SELECT completed",
               read_only ? "READ-ONLY" : "READ-WRITE");
}

Task<Result<Reply>> cmd_close(Session& session, Command&) {
  const store::FolderId id = session.view().folder();
  const bool read_only =
      session.view().read_only() || (session.view().rights() & store::kMayExpunge) == 0;
  const std::uint32_t last = session.view().last_uid();
  session.unselect();
  if (read_only || last == 0) co_return Reply{};
  const auto folder = session.snapshot().folder(id);
  if (!folder || folder->deleted == 0) co_return Reply{};
  const auto removed =
      co_await session.database().expunge(session.actor(), id, store::UidSet{{1, last}}, true);
  if (!removed && removed.error().code != ErrorCode::kNotFound)
    co_return reply_for(removed.error());
  co_return Reply{};
}

Task<Result<Reply>> cmd_unselect(Session& session, Command&) {
  session.unselect();
  co_return Reply{};
}

}  // namespace hauspost::imap
