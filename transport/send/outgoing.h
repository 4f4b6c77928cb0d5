// Outgoing: one message made ready for what one server can take (RFC 5321, 6152, 6531, 3030, 3461,
// 8689, 6710, 2852). Pure: nothing is sent here.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "protocols/smtp/peer_extensions.h"
#include "store/mime/plain_lines.h"
#include "transport/queue/carrier.h"

namespace hauspost::transport {

// A message on its way to one next hop. Views and references live as long as the attempt.
struct Outgoing {
  const Envelope& envelope;
  std::string_view message;
  mime::ContentFacts facts;  // of message
  WallTime now;
  // Of recipients, in the envelope's order; without a value: not answered yet.
  std::vector<std::optional<RecipientResult>> results;
};

// What of a session decides how a message goes out.
struct SessionFacts {
  const smtp::PeerExtensions& peer;
  bool lmtp = false;
  // TLS with a server that is who it should be, as REQUIRETLS wants it (RFC 8689 section 4.2.1).
  bool authenticated_tls = false;
};

// How the message goes to this server.
struct Prepared {
  std::string mail;  // the MAIL command without its CRLF
  bool dsn = false;  // NOTIFY and ORCPT are told
  bool smtputf8 = false;
  bool chunking = false;  // BDAT instead of DATA
  std::string converted;  // the message where it had to be changed; else empty
  std::string_view content(std::string_view message) const {
    return converted.empty() ? message : std::string_view(converted);
  }
};

// The refusal is for every recipient: this server cannot be given this message. Statuses: 5.3.4 too
// big, 5.6.3 8-bit or binary contents that cannot be converted, 5.6.7 SMTPUTF8 is needed, 5.7.30
// REQUIRETLS, 5.3.3 DELIVERBY with by-mode R.
std::expected<Prepared, RecipientResult> prepare(const Outgoing& outgoing,
                                                 const SessionFacts& session);

// The RCPT command without its CRLF; nullopt: the address cannot be said to this server (a local
// part outside of ASCII where SMTPUTF8 is not used, a control octet): 5.6.7.
std::optional<std::string> rcpt_command(const Recipient& recipient, const Prepared& prepared);

// `content` as DATA wants it: pieces that end in CRLF.CRLF, with a dot doubled that stands at the
// start of a line (RFC 5321 section 4.5.2). Views into `content` and into constants. REQUIRES: no
// bare CR or LF in it.
std::vector<std::string_view> data_pieces(std::string_view content);

}  // namespace hauspost::transport
