// LocalCarrier: takes queued mail into mailbox databases, through the store workers' delivery
// calls.
#pragma once

#include <functional>

#include "transport/delivery/delivery_clients.h"
#include "transport/directory.h"
#include "transport/queue/carrier.h"

namespace hauspost::transport {

// Resolves recipients as if the message had just come; durable when it returns without an error.
// kDenied: never.
using SubmitAgain = std::function<Task<Result<>>(Envelope envelope, std::string message)>;

// REQUIRES: both outlive it. A recipient whom the directory does not know any more has failed; one
// that became a group, a contact or another domain's is submitted again.
class LocalCarrier final : public Carrier {
 public:
  // `again` empty: such recipients wait.
  LocalCarrier(const Directory& directory, DeliveryClients& clients, Milliseconds timeout,
               SubmitAgain again = {})
      : directory_(directory), clients_(clients), timeout_(timeout), again_(std::move(again)) {}

  Task<CarryReport> carry(const NextHop& hop, const Envelope& envelope,
                          std::string_view message) override;

 private:
  Task<RecipientResult> submit_again(Envelope envelope, Recipient recipient,
                                     std::string_view message);

  const Directory& directory_;
  DeliveryClients& clients_;
  Milliseconds timeout_;
  SubmitAgain again_;
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
