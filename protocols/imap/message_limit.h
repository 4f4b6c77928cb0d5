// How many messages one command may process (RFC 9738): what does not fit is left, from the lowest
// UID on, and the client told where to go on.
#pragma once

#include "protocols/imap/session_core.h"

namespace hauspost::imap {

// 0: there is no limit.
inline std::uint64_t message_limit(const Session& session) {
  return session.offers(Extension::kMessageLimit) ? session.limits().command_messages_max : 0;
}

struct Limited {
  store::UidSet uids;
  std::optional<store::Uid> cut_at;  // the lowest that is left in; nullopt: nothing was taken out
};
// Of `uids` the highest that the client knows, as many as one command may process. REQUIRES: a
// mailbox is selected.
Limited limited(Session& session, store::UidSet uids);

// NO [MESSAGELIMIT n uid]: nothing was done. `cut_at` where known.
Reply over_limit(const Session& session, std::optional<store::Uid> cut_at, std::string text);
// A range that is wider than a command may be; nullopt: it is not.
std::optional<Reply> partial_refusal(const Session& session, const PartialRange& range);

// Says with `reply`, or ahead of one that has another code, that the command ended at `cut_at`;
// nothing when that is nullopt.
void tell_limit(Session& session, Reply& reply, std::optional<store::Uid> cut_at);

}  // namespace hauspost::imap
