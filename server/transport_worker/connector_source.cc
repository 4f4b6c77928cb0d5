#include "server/transport_worker/connector_source.h"

#include <fmt/format.h>

namespace hauspost::transport_worker {

Result<Secret> DirectoryConnectors::password(std::string_view connector) const {
  auto secret = child::read_transport_secret(data_root_, child::send_password_name(connector));
  if (secret || secret.error().code != ErrorCode::kNotFound) return secret;
  return fail(ErrorCode::kNotFound,
              fmt::format("send connector {} has no password; set it with: hauspost connector send "
                          "set {} --password",
                          connector, connector));
}

}  // namespace hauspost::transport_worker
