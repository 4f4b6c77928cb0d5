// The MYRIGHTS response, shared by MYRIGHTS (RFC 4314 section 3.8) and LIST ... RETURN (MYRIGHTS)
// (RFC 8440).
#pragma once

#include <string>

#include "protocols/imap/session_core.h"

namespace hauspost::imap {

// "MYRIGHTS "name" rights" without "* " and CRLF.
std::string my_rights_reply(const Session& session, const store::Folder& folder,
                            store::RightBits rights);

}  // namespace hauspost::imap
