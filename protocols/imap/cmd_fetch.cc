// FETCH and UID FETCH (RFC 3501 section 6.4.5, CHANGEDSINCE and VANISHED: RFC 7162, PARTIAL: RFC
// 9394).
#include <algorithm>

#include "base/log.h"
#include "protocols/imap/command_table.h"
#include "protocols/imap/message_limit.h"
#include "protocols/imap/message_stream.h"
#include "protocols/imap/resync.h"

namespace hauspost::imap {
namespace {

// BODY[] and its like make messages \Seen: one change for the whole command, told as FETCH FLAGS.
Task<Result<>> mark_seen(Session& session, store::UidSet unseen) {
  const auto changed = co_await session.database().change_flags(
      session.actor(), session.view().folder(),
      {.uids = std::move(unseen), .mode = store::FlagMode::kAdd, .flags = store::kSeen});
  if (!changed) {
    log::warning("imap.seen.failed", {{"error", changed.error()}});
    co_return Result<>{};
  }
  std::vector<FetchItem> items = {{.attribute = FetchAttribute::kUid},
                                  {.attribute = FetchAttribute::kFlags}};
  if (session.condstore()) items.push_back({.attribute = FetchAttribute::kModSeq});
  FetchWriter writer(items, session.dialect().uid_only);
  CO_TRY(co_await stream_messages(session, changed->changed, writer));
  co_return Result<>{};
}

Reply outcome_of(const Streamed& streamed) {
  if (streamed.unreadable > 0) return no("CORRUPTION", "Some messages cannot be read");
  if (streamed.unknown_encoding)
    return no("UNKNOWN-CTE", "Some parts have an unknown transfer encoding");
  // RFC 5530: the client learns by NOOP what is gone.
  if (streamed.missing > 0) return ok("Some messages were expunged", "EXPUNGEISSUED");
  return Reply{};
}

}  // namespace

Task<Result<Reply>> cmd_fetch(Session& session, Command& command) {
  const auto& fetch = std::get<FetchRequest>(command.arguments);
  if (fetch.vanished && !session.dialect().qresync) {
    session.note_fault(Extension::kQresync, "used QRESYNC without enabling it");
    co_return bad("QRESYNC is not enabled");
  }
  auto uids = session.view().resolve(fetch.set, fetch.uid);
  if (!uids) co_return bad("No such message");
  if (fetch.partial) {
    if (auto refusal = partial_refusal(session, *fetch.partial)) co_return *std::move(refusal);
  }
  const bool names_modseq = std::ranges::find(fetch.items, FetchAttribute::kModSeq,
                                              &FetchItem::attribute) != fetch.items.end();
  if (names_modseq) session.enable_condstore();
  if (fetch.vanished) {
    // Not as the view resolves it: what lies behind its last UID may have vanished too.
    const store::UidSet asked =
        fetch.set.saved ? *uids : fetch.set.resolve(session.view().last_uid());
    CO_TRY(co_await write_vanished_earlier(session, asked, store::ModSeq(*fetch.changed_since)));
  }
  if (fetch.partial) uids = session.view().partial(*uids, *fetch.partial);
  if (fetch.changed_since)
    uids = changed_since(session, *uids, store::ModSeq(*fetch.changed_since));
  const Limited part = limited(session, *std::move(uids));
  FetchWriter writer(fetch.items, session.dialect().uid_only);
  CO_TRY_ASSIGN(Streamed streamed, co_await stream_messages(session, part.uids, writer));
  const bool keeps_seen = (session.view().rights() & store::kMayKeepSeen) != 0;
  if (writer.sets_seen() && keeps_seen && !session.view().read_only() && !streamed.unseen.empty())
    CO_TRY(co_await mark_seen(session, std::move(streamed.unseen)));
  Reply reply = outcome_of(streamed);
  tell_limit(session, reply, part.cut_at);
  co_return reply;
}

}  // namespace hauspost::imap
