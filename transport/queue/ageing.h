// Ageing: what a sender hears because of time alone.
#pragma once

#include "transport/dsn/report.h"

namespace hauspost::transport {

struct Age {
  WallTime now;
  WallTime expires;   // of the message
  Seconds notice{};   // after which a sender hears that it takes long; 0: never
  std::string error;  // of the next hop; empty: each recipient's own
};

// Takes out of the envelope who has no more time (status 4.4.7; 5.4.7 where DELIVERBY's time ran
// out), and marks whose delay is reported now, once for each. Gives back all of them.
std::vector<DsnRecipient> age_recipients(Envelope& envelope, const Age& age);

}  // namespace hauspost::transport
