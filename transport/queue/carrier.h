// Carrier: what takes a message from a queue to its next hop.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/async.h"
#include "transport/queue/envelope.h"

namespace hauspost::transport {

// Where a queue leads. Two messages with the same next hop wait in the same queue.
struct NextHop {
  enum class Kind : std::uint8_t {
    kUnreachable,  // no way yet: waits for a change of configuration
    kDatabase,     // a mailbox database of ours
    kConnector,    // out through a send connector
  };
  Kind kind = Kind::kUnreachable;
  // kDatabase: the database; empty: an address of ours that is no mailbox, so that the carrier must
  // look again what it is (unknown, a group, a contact, forwarded). kConnector: the send connector.
  std::string name;
  std::string
      domain;  // kConnector: lower case, A-labels; empty where all domains share smart hosts
  auto operator<=>(const NextHop&) const = default;
};

// What became of one recipient in one attempt.
struct RecipientResult {
  enum class Kind : std::uint8_t {
    kDelivered,     // in the mailbox
    kRelayed,       // taken by a next hop that reports on it itself (DSN)
    kRelayedBlind,  // taken by a next hop that does not know DSN (RFC 3461 section 5.2.2)
    kDeferred,      // not now
    kFailed,        // never
  };
  Kind kind = Kind::kDeferred;
  std::string status;       // enhanced status code, "5.1.1" (RFC 3463)
  std::string diagnostic;   // the reply as received, "550 5.1.1 No such user", else our own words
  std::string remote_host;  // who gave it; empty: we did
};

struct CarryReport {
  // The next hop could not be reached or refused all mail for now: nothing is known of any
  // recipient, and the other messages of the queue need not be tried.
  bool hop_failed = false;
  std::string error;                        // of hop_failed
  std::vector<RecipientResult> recipients;  // one each, in the envelope's order, unless hop_failed
};

class Carrier {
 public:
  virtual ~Carrier() = default;
  // Tries the message once for all recipients of the envelope. `message` must live until the call
  // returns. Cancelled: as hop_failed. Safe to repeat: a mailbox takes a delivery id once; a remote
  // host may get a message twice only when its answer to the end of data was lost.
  virtual Task<CarryReport> carry(const NextHop& hop, const Envelope& envelope,
                                  std::string_view message) = 0;
};

// Who decides where mail for an address goes next. Called on the io thread; a memory read.
class Router {
 public:
  virtual ~Router() = default;
  virtual NextHop route(const Recipient& recipient, std::uint64_t message_bytes) const = 0;
};

}  // namespace hauspost::transport
