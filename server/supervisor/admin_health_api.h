// The calls of admin_health.proto, tied to their methods as in admin_api.h.
#pragma once

#include "server/supervisor/admin_api.h"
#include "server/supervisor/admin_health.pb.h"

namespace hauspost::admin {

template <>
struct CallOf<HealthShowRequest> : Call<Method::kHealthShow, HealthShowReply> {};
template <>
struct CallOf<HealthSetRequest> : Call<Method::kHealthSet, HealthSetReply> {};
template <>
struct CallOf<HealthOverrideRequest> : Call<Method::kHealthOverride, HealthOverrideReply> {};
template <>
struct CallOf<HealthTestRequest> : Call<Method::kHealthTest, HealthTestReply> {};

}  // namespace hauspost::admin
