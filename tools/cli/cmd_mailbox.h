// What the files of `hauspost mailbox` share.
#pragma once

#include "tools/cli/commands.h"

namespace hauspost::cli {

// cmd_mailbox_limits.cc: set, stats, folders, disable, connect, purge
void add_mailbox_limit_commands(CLI::App& noun, Verb& chosen);
// cmd_mailbox_recover.cc: recover list, restore, purge
void add_mailbox_recover_commands(CLI::App& noun, Verb& chosen);

// `mailbox list --disconnected`.
Outcome<> list_disconnected(Context& context, const std::string& database);

}  // namespace hauspost::cli
