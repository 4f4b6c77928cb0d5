// One POP3 client after login, served inside the store worker of its database (RFC 1939).
#pragma once

#include "base/link/session_link.h"
#include "base/stream.h"
#include "protocols/pop3/limits.h"
#include "protocols/pop3/maildrop.h"
#include "protocols/session_activity.h"
#include "protocols/session_end.h"
#include "store/database.h"

namespace hauspost::pop3 {

struct Services {
  store::Database& database;
  Limits limits;
  SortOrder order = SortOrder::kOldestFirst;
};

// Serves the client until it quits, goes away, breaks a rule that ends sessions, or the task is
// cancelled. First writes the answer to the PASS or AUTH that logged in. Deletes nothing but at
// QUIT, and then all that was marked or nothing.
// REQUIRES: start.mailbox is set; stream, start and services outlive the task; spawned in a
// TaskGroup. Never throws for what a client or the store does.
// `activity` tells meanwhile what it is at; it outlives the task.
Task<SessionEnd> serve(Stream& stream, const link::SessionStart& start, const Services& services,
                       SessionActivity* activity = nullptr);

}  // namespace hauspost::pop3
