// The admin API's calls about certificates that the server orders (admin_api.h has the pattern).
#pragma once

#include "server/supervisor/admin_acme.pb.h"
#include "server/supervisor/admin_api.h"

namespace hauspost::admin {

template <>
struct CallOf<AcmeEnableRequest> : Call<Method::kAcmeEnable, AcmeEnableReply> {};
template <>
struct CallOf<AcmeShowRequest> : Call<Method::kAcmeShow, AcmeShowReply> {};
template <>
struct CallOf<AcmeRenewRequest> : Call<Method::kAcmeRenew, AcmeRenewReply> {};
template <>
struct CallOf<AcmeDisableRequest> : Call<Method::kAcmeDisable, AcmeDisableReply> {};
template <>
struct CallOf<AcmeRevokeRequest> : Call<Method::kAcmeRevoke, AcmeRevokeReply> {};

}  // namespace hauspost::admin
