// APPEND (RFC 3501 section 6.3.11, UIDPLUS: RFC 4315, MULTIAPPEND: RFC 3502, BINARY: RFC 3516,
// CATENATE: RFC 4469).
#include "protocols/imap/append_data.h"
#include "protocols/imap/command_table.h"
#include "protocols/imap/message_limit.h"
#include "protocols/imap/sharing.h"

namespace hauspost::imap {

Task<Result<Reply>> cmd_append(Session& session, Command& command) {
  auto& append = std::get<AppendRequest>(command.arguments);
  const auto folder = session.find_folder(append.mailbox);
  if (!folder) co_return no("TRYCREATE", "No such mailbox");
  const store::RightBits rights = rights_on(session, *folder);
  if (auto refused = insertion_refusal(rights)) co_return *std::move(refused);
  if (const std::uint64_t limit = message_limit(session); limit != 0 && append.messages.size() > limit)
    co_return over_limit(session, {}, "Too many messages to append");
  CO_TRY_ASSIGN(auto messages, co_await append_data(session, append.messages));
  if (!messages) co_return std::move(messages).error();
  leave_flags(*messages, rights);
  const auto appended =
      co_await session.database().append(session.actor(), folder->id, *std::move(messages));
  if (!appended) co_return append_failure(appended.error());
  if (session.is_selected(folder->id)) session.view().note_appended();
  co_return ok("", session.offers(Extension::kUidPlus) ? appenduid(*appended) : "");
}

}  // namespace hauspost::imap
