// The admin API's calls about what goes on (admin_api.h has the pattern).
#pragma once

#include "server/supervisor/admin_api.h"
#include "server/supervisor/admin_observe.pb.h"

namespace hauspost::admin {

template <>
struct CallOf<MetricsRequest> : Call<Method::kMetrics, MetricsReply> {};
template <>
struct CallOf<SessionListRequest> : Call<Method::kSessionList, SessionListReply> {};
template <>
struct CallOf<SessionKillRequest> : Call<Method::kSessionKill, SessionKillReply> {};
template <>
struct CallOf<LogLevelRequest> : Call<Method::kLogLevel, LogLevelReply> {};

}  // namespace hauspost::admin
