// The LIST response, for those besides LIST that send it (RFC 5465 sections 5.4 and 5.5).
#pragma once

#include <string>
#include <string_view>

#include "protocols/imap/session_core.h"

namespace hauspost::imap {

// "\Sent"; empty: none that clients are told of.
std::string_view special_use_attribute(store::SpecialUse use);

// "LIST (attributes) "/" "name"" without "* " and CRLF; \Subscribed is among the attributes when it
// holds. `old_path`: what the client knows the mailbox by; empty: the same name.
std::string list_reply(const Session& session, const store::Folder& folder,
                       std::string_view old_path);

}  // namespace hauspost::imap
