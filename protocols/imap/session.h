// One IMAP client after login, served inside the store worker of its database (RFC 3501).
#pragma once

#include <string>

#include "base/clock.h"
#include "base/link/session_link.h"
#include "base/stream.h"
#include "protocols/imap/limits.h"
#include "protocols/imap/withdrawals.h"
#include "protocols/session_activity.h"
#include "protocols/session_end.h"
#include "store/database.h"

namespace hauspost::imap {

// What an administrator lets one user have.
struct MailboxRules {
  std::uint64_t storage_bytes_max = store::kUnlimited;  // RFC 9208
  std::uint64_t message_bytes_max = store::kUnlimited;  // RFC 7889; Limits' own holds all the same
  bool gone = false;  // there is no such user any more: the session ends
  Extensions without;  // not offered; looked at when a session begins
  std::uint64_t command_messages_max = 0;  // RFC 9738; 0: no limit; looked at with `without`
};

class People;  // protocols/imap/sharing.h

struct Services {
  store::Database& database;
  const Clock& clock;
  Limits limits;
  std::function<MailboxRules(const Guid& mailbox)> rules;  // as of now; empty: none
  std::string server_name;  // shown to nobody but in ID; may be empty
  const People* people = nullptr;      // null: nothing is ever shared
  Withdrawals* withdrawals = nullptr;  // may be null: nothing is ever withdrawn
};

// The CAPABILITY list after login, without the word CAPABILITY and without those extensions and
// what rests on them.
std::string capabilities(const Limits& limits, Extensions without = {});

// Serves the client until it logs out, goes away, breaks a rule that ends sessions, or the task is
// cancelled. First writes the tagged OK that answers `start.client_tag`'s LOGIN or AUTHENTICATE.
// REQUIRES: start.mailbox is set; stream, start and services outlive the task; spawned in a
// TaskGroup. Never throws for what a client or the store does.
// `activity` tells meanwhile what it is at; it outlives the task.
Task<SessionEnd> serve(Stream& stream, const link::SessionStart& start, const Services& services,
                       SessionActivity* activity = nullptr);

}  // namespace hauspost::imap
