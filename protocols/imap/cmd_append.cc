// APPEND (RFC 3501 section 6.3.11, UIDPLUS: RFC 4315, MULTIAPPEND: RFC 3502, BINARY: RFC 3516).
#include <fmt/format.h>

#include "protocols/imap/command_table.h"
#include "protocols/imap/uid_text.h"

namespace hauspost::imap {

Task<Result<Reply>> cmd_append(Session& session, Command& command) {
  auto& append = std::get<AppendRequest>(command.arguments);
  const auto folder = session.find_folder(append.mailbox);
  if (!folder) co_return no("TRYCREATE", "No such mailbox");
  const std::int64_t now_s =
      std::chrono::floor<Seconds>(session.services().clock.now()).time_since_epoch().count();
  std::vector<store::NewMessage> messages;
  messages.reserve(append.messages.size());
  for (AppendMessage& message : append.messages) {
    messages.push_back({.body = std::move(message.bytes),
                        .flags = message.flags.system,
                        .keywords = std::move(message.flags.keywords),
                        .internal_date_s = message.internal_date_s.value_or(now_s)});
  }
  const auto appended =
      co_await session.database().append(session.actor(), folder->id, std::move(messages));
  if (!appended) {
    if (appended.error().code == ErrorCode::kNotFound) co_return no("TRYCREATE", "No such mailbox");
    co_return reply_for(appended.error(), "OVERQUOTA");
  }
  if (session.is_selected(folder->id)) session.view().note_appended();
  co_return ok("", fmt::format("APPENDUID {} {}", appended->uid_validity,
                               set_text(std::span<const store::Uid>(appended->uids))));
}

}  // namespace hauspost::imap
