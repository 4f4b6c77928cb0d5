#include "protocols/imap/message_limit.h"

#include <fmt/format.h>

namespace hauspost::imap {
namespace {

std::string code_of(const Session& session, std::optional<store::Uid> cut_at) {
  std::string code = fmt::format("MESSAGELIMIT {}", message_limit(session));
  if (cut_at) code += fmt::format(" {}", cut_at->value);
  return code;
}

}  // namespace

Limited limited(Session& session, store::UidSet uids) {
  const std::uint64_t limit = message_limit(session);
  if (limit == 0 || session.view().count_known(uids) <= limit) return {std::move(uids), {}};
  const PartialRange latest{
      .first = 1, .last = static_cast<std::uint32_t>(limit), .from_end = true};
  Limited part{session.view().partial(uids, latest), {}};
  part.cut_at = store::Uid(part.uids.ranges().front().first);
  return part;
}

Reply over_limit(const Session& session, std::optional<store::Uid> cut_at, std::string text) {
  return no(code_of(session, cut_at), std::move(text));
}

std::optional<Reply> partial_refusal(const Session& session, const PartialRange& range) {
  const std::uint64_t limit = message_limit(session);
  const auto [low, high] = std::minmax(range.first, range.last);
  if (limit == 0 || std::uint64_t{high} - low < limit) return std::nullopt;
  return over_limit(session, {}, "The range has more messages than one command may process");
}

void tell_limit(Session& session, Reply& reply, std::optional<store::Uid> cut_at) {
  if (!cut_at) return;
  const std::string code = code_of(session, cut_at);
  // RFC 9738 section 3.1, of EXPUNGEISSUED; QRESYNC claims the code, too.
  const bool claimed = reply.status != ReplyStatus::kOk || !reply.code.empty() ||
                       (reply.tells_modseq && session.dialect().qresync);
  if (claimed) {
    session.out().untagged(fmt::format("NO [{}] Only the latest messages were processed", code));
  } else {
    reply.code = code;
    reply.text = "Only the latest messages were processed";
  }
}

}  // namespace hauspost::imap
