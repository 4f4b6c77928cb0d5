// Arguments of the rights commands (RFC 4314 section 4).
#include "protocols/imap/parse_rules.h"

namespace hauspost::imap {

Parsed<Arguments> parse_acl_mailbox(Cursor& in) {
  AclRequest request;
  TRY_ASSIGN(request.mailbox, in.mailbox());
  return request;
}

Parsed<Arguments> parse_acl_identifier(Cursor& in) {
  AclRequest request;
  TRY_ASSIGN(request.mailbox, in.mailbox());
  TRY(in.space());
  TRY_ASSIGN(request.identifier, in.astring());
  return request;
}

Parsed<Arguments> parse_setacl(Cursor& in) {
  AclRequest request;
  TRY_ASSIGN(request.mailbox, in.mailbox());
  TRY(in.space());
  TRY_ASSIGN(request.identifier, in.astring());
  TRY(in.space());
  TRY_ASSIGN(request.rights, in.astring());
  return request;
}

}  // namespace hauspost::imap
