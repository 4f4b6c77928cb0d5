#include "server/supervisor/receive_listeners.h"

#include <algorithm>

#include "server/directory/writer.h"

namespace hauspost::supervisor {

namespace {

bool is_smtp(std::string_view service) {
  return service == "smtp" || service == "submission" || service == "submissions";
}

}  // namespace

directory::DefaultBindings default_bindings(const std::vector<ListenerSettings>& listeners) {
  directory::DefaultBindings bindings;
  for (const ListenerSettings& one : listeners) {
    if (is_smtp(one.service)) bindings[one.service].push_back({one.address, one.port});
  }
  return bindings;
}

std::vector<ListenerSettings> with_connectors(
    const std::vector<ListenerSettings>& listeners,
    std::span<const directory::ReceiveConnector> connectors) {
  std::vector<ListenerSettings> wanted;
  const auto defaults = default_bindings(listeners);
  const auto add_all = [&](bool with_own_bindings) {
    for (const directory::ReceiveConnector& connector : connectors) {
      if (!connector.enabled || connector.bindings.empty() == with_own_bindings) continue;
      for (const auto& binding : directory::effective_bindings(connector, defaults)) {
        const bool known = std::ranges::any_of(wanted, [&](const ListenerSettings& other) {
          return other.address == binding.address && other.port == binding.port;
        });
        if (!known)
          wanted.push_back({connector.listener, binding.address, binding.port, connector.name});
      }
    }
  };
  // A socket of hauspost.toml is known by a connector that has it from there: so the front-end can
  // tell who else does.
  add_all(false);
  add_all(true);
  for (const ListenerSettings& one : listeners) {
    if (!is_smtp(one.service)) wanted.push_back(one);
  }
  std::vector<ListenerSettings> shown;  // in the order of kListenerServices, LMTP at the end
  for (const std::string_view service : kListenerServices)
    std::ranges::copy_if(wanted, std::back_inserter(shown),
                         [&](const ListenerSettings& one) { return one.service == service; });
  std::ranges::copy_if(wanted, std::back_inserter(shown),
                       [](const ListenerSettings& one) { return one.service == "lmtp"; });
  return shown;
}

std::string node_name(const ServerSettings& settings) {
  return settings.hostname.substr(0, settings.hostname.find('.'));
}

Result<> ensure_receive_connectors(directory::DirectoryWriter& writer,
                                   const ServerSettings& settings) {
  TRY_ASSIGN(const auto present, directory::receive_connectors(writer.reader()));
  if (present) return {};
  return directory::set_receive_connectors(
      writer, directory::default_receive_connectors(node_name(settings)));
}

}  // namespace hauspost::supervisor
