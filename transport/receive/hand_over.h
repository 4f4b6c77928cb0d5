// The last step of receiving: who can get the message now gets it, the queue keeps it for the
// others, and only then the client is told.
#pragma once

#include "transport/receive/transaction.h"

namespace hauspost::mailauth {
struct Verdicts;
}

namespace hauspost::transport {

struct Incoming {
  Envelope envelope;  // without recipients: they are in `recipients`
  std::vector<TakenRecipient> recipients;
  std::string id;      // of the message, as the client is told
  std::string prefix;  // trace fields and what else stands in front of the message
  std::string message;
  // What was found out about who it is from; null: nobody looked.
  std::shared_ptr<const mailauth::Verdicts> verdicts = {};  // shared by the copies for LMTP
};

// 250 2.0.0 once everything is durable; 452 4.3.1 when mailboxes or disk are full and nobody got
// it; 451 4.3.0 when it could be kept nowhere. kCancelled: nothing may be said to the client.
Task<Result<smtp::Reply>> hand_over(Services& services, Incoming incoming);

// Mail that we made ourselves: reports, notices, what a rule sends. Its recipients are resolved like
// any other's; durable when it returns. Cancelled or failed: it may be kept for some recipients and
// can be submitted again under the same delivery id.
Task<Result<>> submit_internal(Services& services, Envelope envelope, std::string message);

}  // namespace hauspost::transport
