// COPY and MOVE (RFC 3501 section 6.4.7, RFC 6851, COPYUID: RFC 4315).
#include <fmt/format.h>

#include "protocols/imap/command_table.h"
#include "protocols/imap/message_limit.h"
#include "protocols/imap/sharing.h"
#include "protocols/imap/uid_text.h"

namespace hauspost::imap {
namespace {

std::string copyuid(const store::Copied& copied) {
  return fmt::format("COPYUID {} {} {}", copied.uid_validity,
                     set_text(std::span<const store::Uid>(copied.from)),
                     set_text(std::span<const store::Uid>(copied.to)));
}

struct Plan {
  store::FolderId to;
  store::UidSet uids;
  store::FlagBits keep = 0;  // flags that may be set there
};

// What both need before they can start, or the reply that says why not.
std::expected<Plan, Reply> plan(Session& session, const CopyRequest& copy) {
  auto uids = session.view().resolve(copy.set, copy.uid);
  if (!uids) return std::unexpected(bad("No such message"));
  const auto folder = session.find_folder(copy.mailbox);
  if (!folder) return std::unexpected(no("TRYCREATE", "No such mailbox"));
  const store::RightBits rights = rights_on(session, *folder);
  if (auto refused = insertion_refusal(rights)) return std::unexpected(*std::move(refused));
  return Plan{folder->id, *std::move(uids), changeable(rights)};
}

Reply failure(const Error& error) {
  if (error.code == ErrorCode::kNotFound) return no("TRYCREATE", "No such mailbox");
  return reply_for(error, "OVERQUOTA");
}

}  // namespace

Task<Result<Reply>> cmd_copy(Session& session, Command& command) {
  const auto planned = plan(session, std::get<CopyRequest>(command.arguments));
  if (!planned) co_return planned.error();
  if (session.view().count_known(planned->uids) == 0) co_return Reply{};
  // All or nothing (RFC 9051 section 6.4.7).
  if (const Limited part = limited(session, planned->uids); part.cut_at)
    co_return over_limit(session, part.cut_at, "Too many messages to copy");
  const auto copied = co_await session.database().copy(
      session.actor(), session.view().folder(), planned->uids, planned->to, planned->keep);
  if (!copied) co_return failure(copied.error());
  if (session.is_selected(planned->to)) session.view().note_appended();
  if (copied->from.empty()) co_return Reply{};
  co_return ok("", session.offers(Extension::kUidPlus) ? copyuid(*copied) : "");
}

Task<Result<Reply>> cmd_move(Session& session, Command& command) {
  if (session.view().read_only()) co_return no("READ-ONLY", "Mailbox is read-only");
  // RFC 6851 section 4.4: what COPY, STORE +FLAGS \Deleted and EXPUNGE need.
  if (auto refused =
          refusal(session.view().rights(), store::kMayDeleteMessages | store::kMayExpunge))
    co_return *std::move(refused);
  const auto planned = plan(session, std::get<CopyRequest>(command.arguments));
  if (!planned) co_return planned.error();
  if (session.view().count_known(planned->uids) == 0) co_return Reply{};
  const Limited part = limited(session, planned->uids);
  const auto moved = co_await session.database().move(
      session.actor(), session.view().folder(), part.uids, planned->to, planned->keep);
  if (!moved) co_return failure(moved.error());
  if (session.is_selected(planned->to)) session.view().note_appended();
  Reply reply;
  if (moved->from.empty()) {
    tell_limit(session, reply, part.cut_at);
    co_return reply;
  }
  store::UidSet gone;
  for (const store::Uid uid : moved->from) gone.add(uid.value);
  session.view().note_expunged(gone);
  // RFC 6851 section 4.3: COPYUID goes ahead of the EXPUNGE responses.
  if (session.offers(Extension::kUidPlus))
    session.out().untagged(fmt::format("OK [{}] Moved", copyuid(*moved)));
  reply.tells_modseq = true;
  tell_limit(session, reply, part.cut_at);
  co_return reply;
}

}  // namespace hauspost::imap
