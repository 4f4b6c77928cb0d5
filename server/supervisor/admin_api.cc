#include "server/supervisor/admin_api.h"

namespace hauspost::admin {

std::string admin_socket(const std::string& data_root) { return data_root + "/run/admin.sock"; }

}  // namespace hauspost::admin
