// The STATUS response, shared by STATUS and LIST ... RETURN (STATUS ...) (RFC 5819).
#pragma once

#include <span>
#include <string>

#include "protocols/imap/command.h"
#include "protocols/imap/session_core.h"

namespace hauspost::imap {

// "STATUS "name" (item value ...)" without "* " and CRLF.
std::string status_reply(Session& session, const store::Folder& folder,
                         std::span<const StatusItem> items);

}  // namespace hauspost::imap
