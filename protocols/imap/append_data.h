// The messages of APPEND and REPLACE, made ready for the store; of CATENATE (RFC 4469) put together
// from literals and parts of messages.
#pragma once

#include <expected>
#include <vector>

#include "protocols/imap/session_core.h"

namespace hauspost::imap {

using AppendData = std::expected<std::vector<store::NewMessage>, Reply>;

// In the order of the messages, or the reply that says why not. Takes what `messages` hold.
// Others run between the parts of CATENATE. Errors: the client is gone.
Task<Result<AppendData>> append_data(Session& session, std::vector<AppendMessage>& messages);

// Takes away the flags that may not be set with these rights (RFC 4314 section 4).
void leave_flags(std::vector<store::NewMessage>& messages, store::RightBits rights);

// "APPENDUID validity uids".
std::string appenduid(const store::Appended& appended);
// Why an append failed; a mailbox that is gone may be created.
Reply append_failure(const Error& error);

}  // namespace hauspost::imap
