// What a front-end goes by: its process's settings, and the directory's from connection to connection.
#pragma once

#include "server/frontend/frontend.h"

namespace hauspost::child {
struct Settings;
}

namespace hauspost::directory {
class DirectoryReader;
class ReceiveConnectors;
}  // namespace hauspost::directory

namespace hauspost::frontend {

// `directory` and `connectors` outlive the front-end.
FrontendSettings settings_from(const child::Settings& child,
                               const directory::DirectoryReader& directory,
                               const directory::ReceiveConnectors& connectors);

}  // namespace hauspost::frontend
