// Delivery status notifications (RFC 3461 to 3464): what is told to a sender, as a message.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "transport/queue/carrier.h"

namespace hauspost::transport {

enum class DsnAction : std::uint8_t { kFailed, kDelayed, kDelivered, kRelayed, kExpanded };

struct DsnRecipient {
  Recipient recipient;
  DsnAction action = DsnAction::kFailed;
  RecipientResult result;
  WallTime last_attempt;
  WallTime will_retry_until;  // of kDelayed
};

struct DsnOptions {
  std::string reporting_mta;                       // our host name
  std::string postmaster;                          // From of the report, a mailbox address
  std::uint64_t original_bytes_max = 10ULL << 20;  // larger originals: their header alone
};

// A message, CRLF throughout, ready to be queued for the envelope's sender under the null
// reverse-path. REQUIRES: envelope.sender is not empty, recipients is not.
std::string compose_dsn(const DsnOptions& options, const Envelope& original,
                        std::string_view original_message,
                        const std::vector<DsnRecipient>& recipients, WallTime now);

// Whether the recipient's NOTIFY asks for such a report (RFC 3461 section 4.1); without one,
// failures and delays are reported.
bool is_wanted(const Recipient& recipient, DsnAction action);

}  // namespace hauspost::transport
