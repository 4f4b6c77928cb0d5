// Object identifiers (RFC 8474): names of mailboxes and contents that outlive renaming and moving.
#pragma once

#include <string>
#include <string_view>

#include "store/types.h"

namespace hauspost::imap {

// EMAILID: "M" and the content's hash: the same bytes have the same id wherever they lie, also
// after a backup was put back.
std::string email_id(std::string_view content_hash);
// MAILBOXID: "F", the folder's number and its UIDVALIDITY, which no two folders of a database share
// at any time: a database that was put back to an earlier moment gives its folders new ones.
std::string mailbox_id(const store::Folder& folder);

}  // namespace hauspost::imap
