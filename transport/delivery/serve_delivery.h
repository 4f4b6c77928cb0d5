// The store worker's side of delivery.
#pragma once

#include <functional>

#include "base/async.h"
#include "store/database.h"

namespace hauspost::transport {

// Hears of mailboxes that were too full for a message.
using RefusedHook = std::function<void(const Guid& mailbox)>;

// Serves one connection of transport until it ends or the task is cancelled. A message is answered
// when it is durable. `database` must outlive the task.
Task<Result<>> serve_delivery(UnixSocket socket, store::Database& database,
                              RefusedHook refused = {});

}  // namespace hauspost::transport
