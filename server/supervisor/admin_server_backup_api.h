// The admin API's call that copies what is in no database's backup (admin_api.h has the pattern).
#pragma once

#include "server/supervisor/admin_api.h"
#include "server/supervisor/admin_server_backup.pb.h"

namespace hauspost::admin {

template <>
struct CallOf<ServerBackupRequest> : Call<Method::kServerBackup, ServerBackupReply> {};

}  // namespace hauspost::admin
