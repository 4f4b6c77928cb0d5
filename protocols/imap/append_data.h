// The messages of APPEND and REPLACE, made ready for the store; of CATENATE (RFC 4469) put together
// from literals and parts of messages.
#pragma once

#include <expected>
#include <vector>

#include "protocols/imap/session_core.h"

namespace hauspost::imap {

// In the order of the messages, or the reply that says why not. Takes what `messages` hold.
std::expected<std::vector<store::NewMessage>, Reply> append_data(
    Session& session, std::vector<AppendMessage>& messages);

// "APPENDUID validity uids".
std::string appenduid(const store::Appended& appended);
// Why an append failed; a mailbox that is gone may be created.
Reply append_failure(const Error& error);

}  // namespace hauspost::imap
