// What a client that was away must be told of the mailbox it selected (RFC 7162).
#pragma once

#include "protocols/imap/session_core.h"

namespace hauspost::imap {

// Those of `uids` that changed after `since` (RFC 7162 section 3.1.4.1).
store::UidSet changed_since(Session& session, const store::UidSet& uids, store::ModSeq since);

// Writes VANISHED (EARLIER): those of `known` that were expunged after `since`, and all that are
// not there any more when the store does not remember that far back. Never a message that this
// session still shows. Errors: the client is gone.
Task<Result<>> write_vanished_earlier(Session& session, const store::UidSet& known,
                                      store::ModSeq since);

// Answers SELECT (QRESYNC (...)): what vanished and what changed (RFC 7162 section 3.2.5).
// REQUIRES: the mailbox is selected; `folder` as it was opened. Errors: the client is gone.
Task<Result<>> resynchronize(Session& session, const store::Folder& folder,
                             const ResyncRequest& request);

// The greatest UID up to which the client's sample agrees with the mailbox; 0: none. Nothing below
// can have vanished without its knowledge (RFC 7162 section 3.2.5.2).
std::uint32_t matching_prefix(std::span<const std::uint32_t> uids, const SequenceSet& sequences,
                              const SequenceSet& known_uids);

}  // namespace hauspost::imap
