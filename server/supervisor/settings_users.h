// Section [users] of hauspost.toml: the Unix user of each role. Without it nobody switches.
#pragma once

#include "server/child/users.h"
#include "server/supervisor/settings_section.h"

namespace hauspost::supervisor {

// kInvalid with one line, as parse_settings(): a role without a user, two with the same, root.
Result<> read_users(const toml::table& file, UserNames& users);
// The section as text; empty when nobody switches.
std::string format_users(const UserNames& users);

}  // namespace hauspost::supervisor
