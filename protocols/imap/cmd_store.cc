// STORE and UID STORE (RFC 3501 section 6.4.6, UNCHANGEDSINCE: RFC 7162 section 3.1.3).
#include <fmt/format.h>

#include "protocols/imap/command_table.h"
#include "protocols/imap/message_limit.h"
#include "protocols/imap/message_stream.h"
#include "protocols/imap/sharing.h"
#include "protocols/imap/uid_text.h"

namespace hauspost::imap {
namespace {

// Which flags a client wants to change.
store::FlagBits flags_asked(const StoreRequest& request) {
  if (request.mode == store::FlagMode::kReplace) return ~store::FlagBits{0};
  return request.flags.system | (request.flags.keywords.empty() ? 0 : ~store::kSystemFlags);
}

store::FlagChange change_of(StoreRequest& request, const store::UidSet& uids,
                            store::RightBits rights) {
  store::FlagChange change;
  change.uids = uids;
  change.mode = request.mode;
  change.flags = request.flags.system;
  change.may_change = changeable(rights);
  change.keywords = std::move(request.flags.keywords);
  if (request.unchanged_since) change.unchanged_since = store::ModSeq(*request.unchanged_since);
  return change;
}

// What the untagged FETCH responses show; empty: none are due.
std::vector<FetchItem> items_shown(const StoreRequest& request, bool condstore) {
  std::vector<FetchItem> items;
  if (!request.silent) items.push_back({.attribute = FetchAttribute::kFlags});
  // RFC 7162 section 3.1.3: also with .SILENT, since the client must learn the new mod-sequence.
  if (condstore) items.push_back({.attribute = FetchAttribute::kModSeq});
  // RFC 7162 section 3.2.4: and UID with it, whatever form of the command it was.
  if (!items.empty() && (request.uid || condstore))
    items.insert(items.begin(), FetchItem{.attribute = FetchAttribute::kUid});
  return items;
}

}  // namespace

Task<Result<Reply>> cmd_store(Session& session, Command& command) {
  auto& request = std::get<StoreRequest>(command.arguments);
  MailboxView& view = session.view();
  if (view.read_only()) co_return no("READ-ONLY", "Mailbox is read-only");
  auto asked_for = view.resolve(request.set, request.uid);
  if (!asked_for) co_return bad("No such message");
  // RFC 4314 section 4: what may be changed is, unless nothing of it may.
  if (const store::FlagBits asked = flags_asked(request);
      asked != 0 && (asked & changeable(view.rights())) == 0)
    co_return no("NOPERM", "Permission denied");
  if (request.unchanged_since) session.enable_condstore();
  if (view.count_known(*asked_for) == 0) co_return Reply{};
  const auto [uids, cut_at] = limited(session, *std::move(asked_for));
  const std::vector<FetchItem> items = items_shown(request, session.condstore());
  const auto done = co_await session.database().change_flags(session.actor(), view.folder(),
                                                             change_of(request, uids, view.rights()));
  if (!done) co_return reply_for(done.error());
  if (!items.empty()) {
    FetchWriter writer(items, session.dialect().uid_only);
    CO_TRY(co_await stream_messages(session, request.silent ? done->changed : uids, writer));
  }
  const store::UidSet modified = request.uid ? done->modified : view.sequences_of(done->modified);
  Reply reply;
  if (!modified.empty())
    reply = ok("Conditional STORE failed for some",
               fmt::format("MODIFIED {}", set_text(modified)));
  tell_limit(session, reply, cut_at);
  co_return reply;
}

}  // namespace hauspost::imap
