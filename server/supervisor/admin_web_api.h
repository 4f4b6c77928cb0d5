// The admin API's calls about hauspost-web (admin_api.h has the pattern).
#pragma once

#include "server/supervisor/admin_api.h"
#include "server/supervisor/admin_web.pb.h"

namespace hauspost::admin {

template <>
struct CallOf<WebShowRequest> : Call<Method::kWebShow, WebShowReply> {};
template <>
struct CallOf<WebSetRequest> : Call<Method::kWebSet, WebSetReply> {};

}  // namespace hauspost::admin
