// COMPRESS DEFLATE (RFC 4978).
#include "protocols/imap/command_table.h"

namespace hauspost::imap {

Task<Result<Reply>> cmd_compress(Session& session, Command&) {
  if (session.compresses()) co_return no("COMPRESSIONACTIVE", "DEFLATE is active already");
  // RFC 4978 section 3: nothing may follow before our answer. What did could be of either kind.
  if (session.input().has_bytes()) co_return bad("Nothing may be sent behind COMPRESS");
  session.out().tagged(session.tag(), ok("DEFLATE active"));
  CO_TRY(co_await session.out().flush());
  session.start_compression();
  Reply reply;
  reply.written = true;
  co_return reply;
}

}  // namespace hauspost::imap
