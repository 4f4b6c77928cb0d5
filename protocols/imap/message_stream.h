// Writes FETCH responses for a set of messages: the loop that FETCH and STORE share. Slices with
// fresh snapshots, back-pressure, and other sessions in between.
#pragma once

#include "protocols/imap/fetch_writer.h"
#include "protocols/imap/session_core.h"

namespace hauspost::imap {

struct Streamed {
  std::uint64_t missing = 0;  // expunged by others, which the client has not been told
  std::uint64_t unreadable = 0;
  bool unknown_encoding = false;
  store::UidSet unseen;  // written without \Seen
};

// `uids` as MailboxView::resolve gives them. Errors: the client is gone.
Task<Result<Streamed>> stream_messages(Session& session, const store::UidSet& uids,
                                       FetchWriter& writer);

}  // namespace hauspost::imap
