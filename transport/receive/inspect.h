// What is looked at between the end of a message and its delivery: who it is from.
#pragma once

#include <optional>

#include "transport/receive/hand_over.h"

namespace hauspost::transport {

struct InspectInput {
  std::string client_address;
  std::string hello;
};

// SPF, DKIM, ARC and DMARC of a message from outside. Puts what was found on top of the trace
// fields and marks the message as junk where that is wanted; its own octets stay as they are. The
// reply refuses it (550 5.7.26); nothing: it goes on. No cost for those who are not looked at.
Task<std::optional<smtp::Reply>> inspect_message(Services& services, const InspectInput& input,
                                                 Incoming& incoming);

// Takes out of the message what others pretend that we had found. To be called
// once its signatures were looked at. REQUIRES: services.authentication.
void remove_false_results(const Services& services, Incoming& incoming);

}  // namespace hauspost::transport
