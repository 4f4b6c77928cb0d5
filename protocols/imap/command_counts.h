// How often each command was carried out, with what outcome, and how long it took.
#pragma once

#include "protocols/imap/command_table.h"

namespace hauspost::imap {

// An error: the client went away meanwhile. What waits for news (IDLE) has no time of its own.
void count_command(const CommandEntry& entry, const Result<Reply>& answered, Duration time);

}  // namespace hauspost::imap
