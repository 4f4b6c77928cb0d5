// What a server offers in its answer to EHLO or LHLO, as a client reads it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/smtp/received_reply.h"

namespace hauspost::smtp {

struct PeerExtensions {
  std::string name;  // what the server calls itself; lower case
  bool size = false;
  std::uint64_t message_bytes_max = 0;  // of SIZE; 0: not told
  bool pipelining = false;              // RFC 2920
  bool eight_bit_mime = false;          // RFC 6152
  bool smtputf8 = false;                // RFC 6531
  bool chunking = false;                // RFC 3030
  bool binary_mime = false;             // RFC 3030; only with CHUNKING
  bool dsn = false;                     // RFC 3461
  bool starttls = false;                // RFC 3207
  bool require_tls = false;             // RFC 8689
  bool mt_priority = false;             // RFC 6710
  bool deliver_by = false;              // RFC 2852
  std::uint64_t deliver_by_least_s = 0;
  bool enhanced_codes = false;    // RFC 2034
  std::vector<std::string> auth;  // mechanisms, upper case
  // LIMITS (RFC 9422); 0: none.
  std::uint64_t recipients_max = 0;
  std::uint64_t recipient_domains_max = 0;
  std::uint64_t messages_max = 0;

  bool offers_auth(std::string_view mechanism) const;
};

// REQUIRES: a 2xx reply. What is not understood is not there.
PeerExtensions parse_extensions(const ReceivedReply& reply);

}  // namespace hauspost::smtp
