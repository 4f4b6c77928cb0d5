// STATUS (RFC 3501 section 6.3.10).
#include <fmt/format.h>

#include "protocols/imap/command_table.h"
#include "protocols/imap/mailbox_name.h"
#include "protocols/imap/object_id.h"
#include "protocols/imap/sharing.h"
#include "protocols/imap/status_reply.h"

namespace hauspost::imap {

namespace {

// What an EXPUNGE would free. Few folders have any such messages, and their counts say so.
std::uint64_t deleted_bytes(const store::Database& database, const store::Folder& folder) {
  if (folder.deleted == 0) return 0;
  std::uint64_t bytes = 0;
  database.snapshot().for_each_message(folder.id, {1, UINT32_MAX},
                                       [&](const store::Message& message) {
                                         if ((message.flags & store::kDeleted) != 0)
                                           bytes += message.size;
                                         return true;
                                       });
  return bytes;
}

// Those that no session has claimed: whoever selects the mailbox next has them.
std::uint64_t recent_messages(const store::Database& database, const store::Folder& folder) {
  const store::Uid first = database.recent_from(folder.id, folder.uid_next);
  if (first >= folder.uid_next) return 0;
  std::uint64_t count = 0;
  database.snapshot().for_each_message(folder.id, {first.value, UINT32_MAX},
                                       [&](const store::Message&) {
                                         ++count;
                                         return true;
                                       });
  return count;
}

}  // namespace

std::string status_reply(Session& session, const store::Folder& folder,
                         std::span<const StatusItem> items) {
  std::string out =
      fmt::format("STATUS {} (", quoted_mailbox(folder.path, session.dialect().utf8));
  for (const StatusItem item : items) {
    if (out.back() != '(') out += ' ';
    switch (item) {
      case StatusItem::kMessages: out += fmt::format("MESSAGES {}", folder.messages); break;
      case StatusItem::kRecent:
        // IMAP4rev2 knows of none; who asks all the same gets an answer.
        out += fmt::format("RECENT {}", session.dialect().rev2
                                            ? 0
                                            : recent_messages(session.database(), folder));
        break;
      case StatusItem::kMailboxId: out += fmt::format("MAILBOXID ({})", mailbox_id(folder)); break;
      case StatusItem::kUidNext: out += fmt::format("UIDNEXT {}", folder.uid_next.value); break;
      case StatusItem::kUidValidity:
        out += fmt::format("UIDVALIDITY {}", folder.uid_validity);
        break;
      case StatusItem::kUnseen: out += fmt::format("UNSEEN {}", folder.unseen); break;
      case StatusItem::kDeleted: out += fmt::format("DELETED {}", folder.deleted); break;
      case StatusItem::kDeletedStorage:
        out += fmt::format("DELETED-STORAGE {}", deleted_bytes(session.database(), folder));
        break;
      case StatusItem::kHighestModSeq:
        out += fmt::format("HIGHESTMODSEQ {}", folder.highest_modseq.value);
        break;
      case StatusItem::kSize: out += fmt::format("SIZE {}", folder.bytes); break;
      case StatusItem::kAppendLimit:
        out += fmt::format("APPENDLIMIT {}", session.limits().message_bytes_max);
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
  if (auto refused = refusal(session, *folder, store::kMayRead)) co_return *std::move(refused);
  // RFC 7162 section 3.1: asking for it is a CONDSTORE enabling command.
  if (std::ranges::find(status.items, StatusItem::kHighestModSeq) != status.items.end())
    session.enable_condstore();
  session.out().untagged(status_reply(session, *folder, status.items));
  co_return Reply{};
}

}  // namespace hauspost::imap
