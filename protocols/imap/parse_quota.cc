// Arguments of the quota commands (RFC 9208 section 7).
#include "protocols/imap/parse_rules.h"

namespace hauspost::imap {

Parsed<Arguments> parse_getquota(Cursor& in) {
  TRY_ASSIGN(std::string root, in.astring());
  return QuotaRequest{std::move(root)};
}

Parsed<Arguments> parse_getquotaroot(Cursor& in) {
  TRY_ASSIGN(std::string mailbox, in.mailbox());
  return QuotaRequest{std::move(mailbox)};
}

// What is to be set is read only to see that it is well formed: nobody may set it.
Parsed<Arguments> parse_setquota(Cursor& in) {
  TRY_ASSIGN(std::string root, in.astring());
  TRY(in.space());
  TRY(in.list(0, [&]() -> Parsed<> {
    TRY(in.atom());
    TRY(in.space());
    TRY(in.number64());
    return {};
  }));
  return QuotaRequest{std::move(root)};
}

}  // namespace hauspost::imap
