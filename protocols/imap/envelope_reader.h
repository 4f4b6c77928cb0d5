// Reads ENVELOPE back out of the text that was made at delivery (RFC 3501 section 7.4.2): what SORT
// and THREAD look at, without parsing the message again.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hauspost::imap {

struct EnvelopeAddress {
  std::optional<std::string> name;  // as in the message, encoded words not decoded
  std::optional<std::string> mailbox;
  std::optional<std::string> host;
};

// nullopt where the envelope says NIL.
struct Envelope {
  std::optional<std::string> date;
  std::optional<std::string> subject;  // as in the message, encoded words not decoded
  // The first address of each.
  std::optional<EnvelopeAddress> from;
  std::optional<EnvelopeAddress> to;
  std::optional<EnvelopeAddress> cc;
  std::optional<std::string> in_reply_to;
  std::optional<std::string> message_id;
};

// nullopt: this is no envelope.
std::optional<Envelope> read_envelope(std::string_view text);

}  // namespace hauspost::imap
