// What a store worker measures when somebody asks, and what its sessions are at.
#pragma once

#include <string>
#include <unordered_map>

#include "base/metrics.h"
#include "protocols/session_activity.h"
#include "store/database.h"
#include "store/scan_state.h"

namespace hauspost::store_worker {

void measure_database(const store::Database& database, const store::ScanState& scan,
                      metrics::Snapshot& out);

// SessionStatesRequest -> SessionStatesReply (sessions.proto). kInvalid: it does not parse.
Result<std::string> session_states(const store::Database& database,
                                   const std::unordered_map<Guid, SessionActivity>& activities,
                                   const std::string& body);

}  // namespace hauspost::store_worker
