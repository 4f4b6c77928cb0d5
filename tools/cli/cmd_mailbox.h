// What the files of `hauspost mailbox` share.
#pragma once

#include "tools/cli/commands.h"

namespace hauspost::cli {

// cmd_mailbox_limits.cc: set, stats, folders, disable, connect, purge
void add_mailbox_limit_commands(CLI::App& noun, Verb& chosen);
// cmd_app_password.cc: app-password create, list, revoke
void add_app_password_commands(CLI::App& noun, Verb& chosen);
// cmd_mailbox_recover.cc: recover list, restore, purge
void add_mailbox_recover_commands(CLI::App& noun, Verb& chosen);

// cmd_transfer.cc: import and export new, list, show, stats, report, set, suspend, resume, remove
void add_mailbox_transfer_commands(CLI::App& noun, Verb& chosen);

// cmd_mailbox_permission.cc: permission list, add, remove
void add_mailbox_permission_commands(CLI::App& noun, Verb& chosen);

// "MOVE UIDONLY": what its IMAP sessions are not offered.
std::string imap_without_text(const admin::Mailbox& mailbox);
// "to bob@example.net, a copy stays"; REQUIRES: it is forwarded.
std::string forwarding_text(const admin::Mailbox& mailbox);
// ", and 2 open sessions are ended"; empty for none.
std::string sessions_ended_text(std::uint32_t sessions);
// `mailbox list --disconnected`.
Outcome<> list_disconnected(Context& context, const std::string& database);

}  // namespace hauspost::cli
