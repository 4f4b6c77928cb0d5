// REPLACE and UID REPLACE (RFC 8508).
#include <fmt/format.h>

#include "protocols/imap/append_data.h"
#include "protocols/imap/command_table.h"
#include "protocols/imap/sharing.h"

namespace hauspost::imap {
namespace {

// The UID of the message to replace, or the reply that says why not.
std::expected<std::uint32_t, Reply> replaced(const MailboxView& view,
                                             const ReplaceRequest& request) {
  if (request.number == SequenceSet::kStar) {
    if (view.size() == 0) return std::unexpected(bad("No such message"));
    return view.last_uid();
  }
  if (request.uid) {
    if (view.sequence_of(request.number) == 0)
      return std::unexpected(no("NONEXISTENT", "No such message"));
    return request.number;
  }
  if (request.number > view.size()) return std::unexpected(bad("No such message"));
  return view.uids()[request.number - 1];
}

}  // namespace

// The new message first: whatever happens in between, one of the two is there.
Task<Result<Reply>> cmd_replace(Session& session, Command& command) {
  auto& request = std::get<ReplaceRequest>(command.arguments);
  MailboxView& view = session.view();
  if (view.read_only()) co_return no("READ-ONLY", "Mailbox is read-only");
  const auto uid = replaced(view, request);
  if (!uid) co_return uid.error();
  const auto folder = session.find_folder(request.mailbox);
  if (!folder) co_return no("TRYCREATE", "No such mailbox");
  const store::RightBits rights = rights_on(session, *folder);
  if (auto refused = insertion_refusal(rights)) co_return *std::move(refused);
  if (auto refused = refusal(view.rights(), store::kMayDeleteMessages | store::kMayExpunge))
    co_return *std::move(refused);
  std::vector<AppendMessage> one;
  one.push_back(std::move(request.message));
  CO_TRY_ASSIGN(auto messages, co_await append_data(session, one));
  if (!messages) co_return std::move(messages).error();
  leave_flags(*messages, rights);
  const auto appended =
      co_await session.database().append(session.actor(), folder->id, *std::move(messages));
  if (!appended) co_return append_failure(appended.error());
  if (session.is_selected(folder->id)) view.note_appended();
  // RFC 8508 section 4.3: ahead of the EXPUNGE response.
  if (session.offers(Extension::kUidPlus))
    session.out().untagged(fmt::format("OK [{}] Replacement is stored", appenduid(*appended)));
  const auto removed = co_await session.database().expunge(session.actor(), view.folder(),
                                                           store::UidSet{{*uid, *uid}}, false);
  if (!removed) co_return reply_for(removed.error());
  view.note_expunged(*removed);
  Reply reply;
  reply.tells_modseq = !removed->empty();
  co_return reply;
}

}  // namespace hauspost::imap
