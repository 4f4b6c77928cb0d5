// LocalCarrier: takes queued mail into mailbox databases, through the store workers' delivery
// calls.
#pragma once

#include "transport/delivery/delivery_clients.h"
#include "transport/directory.h"
#include "transport/queue/carrier.h"

namespace hauspost::transport {

// REQUIRES: both outlive it. A recipient whom the directory does not know any more has failed.
class LocalCarrier final : public Carrier {
 public:
  LocalCarrier(const Directory& directory, DeliveryClients& clients, Milliseconds timeout)
      : directory_(directory), clients_(clients), timeout_(timeout) {}

  Task<CarryReport> carry(const NextHop& hop, const Envelope& envelope,
                          std::string_view message) override;

 private:
  const Directory& directory_;
  DeliveryClients& clients_;
  Milliseconds timeout_;
};

// Chooses by the kind of hop. REQUIRES: both outlive it.
class CarrierSet final : public Carrier {
 public:
  CarrierSet(Carrier& local, Carrier* remote) : local_(local), remote_(remote) {}

  Task<CarryReport> carry(const NextHop& hop, const Envelope& envelope,
                          std::string_view message) override;

 private:
  Carrier& local_;
  Carrier* remote_;  // null: nothing leaves
};

}  // namespace hauspost::transport
