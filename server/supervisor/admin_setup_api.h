// The admin API's calls about what the DNS is to say of the server (admin_api.h has the pattern).
#pragma once

#include "server/supervisor/admin_api.h"
#include "server/supervisor/admin_setup.pb.h"

namespace hauspost::admin {

template <>
struct CallOf<SetupShowRequest> : Call<Method::kSetupShow, SetupShowReply> {};
template <>
struct CallOf<SetupSetRequest> : Call<Method::kSetupSet, SetupSetReply> {};

}  // namespace hauspost::admin
