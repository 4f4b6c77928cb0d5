// The options of `mailbox set` and `database set` that say what mailboxes may hold, and how limits
// are shown.
#pragma once

#include <string>

#include "tools/cli/commands.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

enum class LimitScope : std::uint8_t { kDatabase, kMailbox };

// As given; empty: not given.
struct LimitOptions {
  std::string warn;
  std::string prohibit_send;
  std::string prohibit_receive;
  std::string recoverable;
  std::string keep_deleted;
  std::string keep_disconnected;
  std::string message_size;
  std::string sessions;
  bool exchange_quotas = false;
  bool use_defaults = false;
};

void add_limit_options(CLI::App& verb, LimitOptions& options, LimitScope scope);
bool any_given(const LimitOptions& options);
// Exit::kUsage names the option that cannot be read.
Outcome<admin::LimitChanges> to_changes(const LimitOptions& options);

// Rows FIELD, VALUE of what holds; `own` marks what this level says itself.
void add_limit_rows(Table& table, const admin::Limits& effective, const admin::Limits& own,
                    LimitScope scope);
// What is set, by name; "unlimited" is null.
Json to_json(const admin::Limits& limits);

}  // namespace hauspost::cli
