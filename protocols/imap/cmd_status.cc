// STATUS (RFC 3501 section 6.3.10).
#include <fmt/format.h>

#include "protocols/imap/command_table.h"
#include "protocols/imap/status_reply.h"

namespace hauspost::imap {

std::string status_reply(const store::Folder& folder, std::span<const StatusItem> items,
                         const Limits& limits) {
  std::string out = fmt::format("STATUS {} (", quoted_mailbox(folder.path));
  for (const StatusItem item : items) {
    if (out.back() != '(') out += ' ';
    switch (item) {
      case StatusItem::kMessages: out += fmt::format("MESSAGES {}", folder.messages); break;
      // Recent messages belong to the session that selects the mailbox next; none is ours.
      case StatusItem::kRecent: out += "RECENT 0"; break;
      case StatusItem::kUidNext: out += fmt::format("UIDNEXT {}", folder.uid_next.value); break;
      case StatusItem::kUidValidity:
        out += fmt::format("UIDVALIDITY {}", folder.uid_validity);
        break;
      case StatusItem::kUnseen: out += fmt::format("UNSEEN {}", folder.unseen); break;
      case StatusItem::kDeleted: out += fmt::format("DELETED {}", folder.deleted); break;
      case StatusItem::kHighestModSeq:
        out += fmt::format("HIGHESTMODSEQ {}", folder.highest_modseq.value);
        break;
      case StatusItem::kSize: out += fmt::format("SIZE {}", folder.bytes); break;
      case StatusItem::kAppendLimit:
        out += fmt::format("APPENDLIMIT {}", limits.message_bytes_max);
        break;
    }
  }
  out += ')';
  return out;
}

Task<Result<Reply>> cmd_status(Session& session, Command& command) {
  const auto& status = std::get<StatusRequest>(command.arguments);
  const auto folder = session.find_folder(status.mailbox);
  if (!folder) co_return no("NONEXISTENT", "No such mailbox");
  // RFC 7162 section 3.1: asking for it is a CONDSTORE enabling command.
  if (std::ranges::find(status.items, StatusItem::kHighestModSeq) != status.items.end())
    session.enable_condstore();
  session.out().untagged(status_reply(*folder, status.items, session.services().limits));
  co_return Reply{};
}

}  // namespace hauspost::imap
