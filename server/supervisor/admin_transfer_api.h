// Calls of the admin API about imports and exports.
#pragma once

#include "server/supervisor/admin_api.h"
#include "server/supervisor/admin_transfer.pb.h"

namespace hauspost::admin {

template <>
struct CallOf<TransferNewRequest> : Call<Method::kTransferNew, TransferNewReply> {};
template <>
struct CallOf<TransferListRequest> : Call<Method::kTransferList, TransferListReply> {};
template <>
struct CallOf<TransferWorkRequest> : Call<Method::kTransferWork, TransferWorkReply> {};
template <>
struct CallOf<TransferReportRequest> : Call<Method::kTransferReport, TransferReportReply> {};

}  // namespace hauspost::admin
