// Where receive connectors listen: their own bindings, and those that hauspost.toml gives them.
#pragma once

#include <span>

#include "server/directory/receive_connectors.h"
#include "server/supervisor/settings.h"

namespace hauspost::supervisor {

directory::DefaultBindings default_bindings(const std::vector<ListenerSettings>& listeners);

// The listeners of hauspost.toml with those for SMTP replaced by the bindings of the enabled
// connectors, each address and port once.
std::vector<ListenerSettings> with_connectors(
    const std::vector<ListenerSettings>& listeners,
    std::span<const directory::ReceiveConnector> connectors);

// The node's name in connectors' names: the first label of its host name.
std::string node_name(const ServerSettings& settings);

// Writes the default connectors where none were ever written: a new data root, or an old one.
Result<> ensure_receive_connectors(directory::DirectoryWriter& writer,
                                   const ServerSettings& settings);

}  // namespace hauspost::supervisor
