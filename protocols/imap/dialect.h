// What a client has switched on for its connection: by ENABLE (RFC 5161) or by the commands that
// enable CONDSTORE (RFC 7162 section 3.1).
#pragma once

namespace hauspost::imap {

struct Dialect {
  bool condstore = false;  // MODSEQ and UID with every change
  bool qresync = false;    // VANISHED instead of EXPUNGE; implies condstore
  bool utf8 = false;       // UTF-8 in quoted strings and mailbox names (RFC 6855, RFC 9051)
  bool utf8_accept = false;  // ENABLE UTF8=ACCEPT, which asks for more than that
  bool rev2 = false;       // ENABLE IMAP4rev2 (RFC 9051): implies utf8
  bool uid_only = false;   // UIDFETCH, VANISHED and no sequence numbers (RFC 9586)

  bool vanished() const { return qresync || uid_only; }
};

}  // namespace hauspost::imap
