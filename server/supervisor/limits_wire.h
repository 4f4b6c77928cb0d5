// Limits between the admin API and the directory.
#pragma once

#include "server/directory/limits.h"
#include "server/supervisor/admin_api.h"

namespace hauspost::supervisor {

admin::Limits to_wire(const directory::Limits& limits);
admin::Limits to_wire(const directory::EffectiveLimits& limits);
// kInvalid: a time below 0, or no session allowed.
Result<directory::LimitChanges> from_wire(const admin::LimitChanges& changes);

}  // namespace hauspost::supervisor
