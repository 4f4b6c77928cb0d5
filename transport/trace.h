// Trace fields (RFC 5321 section 4.4) and dates (RFC 5322 section 3.3). Each field ends in CRLF.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/link/session_link.h"

namespace hauspost::transport {

// "Sat, 21 Nov 2026 19:15:00 +0000"
std::string rfc5322_date(WallTime time);

// `sender` as it stands between <>. Put in front at final delivery, and only then.
std::string return_path_field(std::string_view sender);

struct ReceivedInfo {
  std::string_view hostname;   // ours
  std::string_view id;         // of the message, as the client was told
  std::string_view recipient;  // empty unless there is exactly one
  bool smtputf8 = false;
  WallTime time;
  bool lmtp = false;
};
// Says who sent and how (RFC 3848, RFC 6531 section 4.3), and of us the public name only.
std::string received_field(const link::SessionStart& start, const ReceivedInfo& info);

}  // namespace hauspost::transport
