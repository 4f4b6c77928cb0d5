#include "server/frontend/settings_from.h"

#include "base/text.h"
#include "server/child/child.h"
#include "server/directory/receive_connectors.h"

namespace hauspost::frontend {

FrontendSettings settings_from(const child::Settings& child,
                               const directory::DirectoryReader& directory,
                               const directory::ReceiveConnectors& connectors) {
  FrontendSettings settings;
  settings.hostname = child.hostname;
  settings.message_bytes_max = child.message_bytes_max;
  settings.certificate_file = child.certificate_file;
  settings.key_file = child.key_file;
  settings.client_ca_file = child.client_ca_file;
  settings.bearer_error = child.bearer_error;
  settings.limit_setting = [&directory](std::string_view name) -> std::optional<std::uint64_t> {
    const auto text = directory.setting(name);
    return text ? parse_u64(*text) : std::nullopt;
  };
  settings.setting = directory::asking(directory);
  settings.setting_version = [&directory]() -> std::optional<std::uint64_t> {
    const auto version = directory.version();
    return version ? std::optional(*version) : std::nullopt;
  };
  settings.connectors = [&connectors]() -> const std::vector<directory::SharedConnector>& {
    return connectors.all();
  };
  settings.auth_settings = [&directory] {
    return directory::auth_settings(directory).value_or(directory::AuthSettings());
  };
  return settings;
}

}  // namespace hauspost::frontend
