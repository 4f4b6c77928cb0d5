// connector receive list, show, create, set and remove.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "server/directory/receive_connector_words.h"
#include "server/supervisor/admin_service.h"
#include "server/supervisor/receive_listeners.h"

namespace hauspost::supervisor {

namespace {

using directory::ReceiveConnector;
using transport::PermissionGroup;

using AllConnectors = std::vector<ReceiveConnector>;

admin::ReceiveConnector describe_connector(const ReceiveConnector& connector,
                                           const ServerSettings& settings) {
  admin::ReceiveConnector out;
  directory::to_message(connector, out);
  const auto defaults = default_bindings(settings.listeners);
  for (const auto& binding : directory::effective_bindings(connector, defaults))
    out.add_endpoints(directory::endpoint_text(binding));
  directory::RightTable rights{};
  for (std::size_t i = 0; i < rights.size(); ++i) {
    const auto group = static_cast<PermissionGroup>(i);
    if (connector.permits(group)) rights[i] = connector.rights_of(group);
  }
  for (std::string& word : directory::words_of_rights(rights)) out.add_rights(std::move(word));
  for (std::string& word : directory::words_of_extensions(transport::offered_extensions(connector)))
    out.add_offered(std::move(word));
  return out;
}

// Connectors of other servers' roles, which on one node are a Unix socket between two processes.
std::vector<admin::ReceiveConnector> internal_connectors(const ServerSettings& settings,
                                                         const std::string& run_dir) {
  const std::string node = node_name(settings);
  const std::pair<std::string, std::string_view> known[] = {
      {"Default " + node, "What the front-end passes on from other servers"},
      {"Client Proxy " + node, "What the front-end passes on from our users"},
  };
  std::vector<admin::ReceiveConnector> out;
  for (const auto& [name, comment] : known) {
    admin::ReceiveConnector one;
    one.set_name(name);
    one.set_listener("internal");
    one.set_internal(true);
    one.add_permitted("servers");
    one.add_endpoints("unix:" + child::transport_session_socket(run_dir));
    one.set_comment(std::string(comment));
    out.push_back(std::move(one));
  }
  return out;
}

Result<AllConnectors> all_connectors(const directory::DirectoryReader& reader) {
  TRY_ASSIGN(auto all, directory::receive_connectors(reader));
  return all ? std::move(*all) : AllConnectors();
}

std::unexpected<Error> no_connector(std::string_view name) {
  return fail(ErrorCode::kNotFound,
              fmt::format("no receive connector \"{}\"; see: hauspost connector receive list",
                          escape_for_log(name)));
}

Result<AllConnectors::iterator> find_connector(AllConnectors& all, const std::string& name,
                                               const ServerSettings& settings) {
  const auto found = std::ranges::find_if(
      all, [&](const ReceiveConnector& one) { return iequals(one.name, name); });
  if (found != all.end()) return found;
  for (const admin::ReceiveConnector& one : internal_connectors(settings, {})) {
    if (!iequals(one.name(), name)) continue;
    return fail(ErrorCode::kDenied,
                fmt::format("receive connector \"{}\" is a socket inside the server: there is "
                            "nothing to set; see: hauspost connector receive list",
                            one.name()));
  }
  return no_connector(name);
}

template <class Changes>
Result<> apply(ReceiveConnector& connector, const Changes& changes) {
  for (const admin::ReceiveConnectorChange& change : changes) {
    const std::vector<std::string> values(change.values().begin(), change.values().end());
    TRY(directory::change_connector(connector, change.key(), values));
  }
  return {};
}

}  // namespace

Task<Result<admin::ReceiveConnectorListReply>> AdminService::receive_connector_list(
    admin::ReceiveConnectorListRequest) {
  CO_TRY_ASSIGN(const AllConnectors all, all_connectors(supervisor_.directory().reader()));
  admin::ReceiveConnectorListReply reply;
  for (const ReceiveConnector& one : all)
    *reply.add_connectors() = describe_connector(one, supervisor_.settings());
  for (auto& one : internal_connectors(supervisor_.settings(), supervisor_.run_dir()))
    *reply.add_connectors() = std::move(one);
  co_return reply;
}

Task<Result<admin::ReceiveConnectorShowReply>> AdminService::receive_connector_show(
    admin::ReceiveConnectorShowRequest request) {
  CO_TRY_ASSIGN(const auto all, co_await receive_connector_list({}));
  for (const admin::ReceiveConnector& one : all.connectors()) {
    if (!iequals(one.name(), request.name())) continue;
    admin::ReceiveConnectorShowReply reply;
    *reply.mutable_connector() = one;
    co_return reply;
  }
  co_return no_connector(request.name());
}

Task<Result<>> AdminService::keep_receive_connectors(AllConnectors before, AllConnectors after,
                                                     bool dry_run) {
  const ServerSettings& settings = supervisor_.settings();
  for (const ReceiveConnector& one : after)
    CO_TRY(directory::check(one, settings.message_bytes_max));
  CO_TRY(directory::check_all(after, default_bindings(settings.listeners)));
  if (dry_run) co_return Result<>{};
  CO_TRY(directory::set_receive_connectors(supervisor_.directory(), after));
  const auto applied = co_await supervisor_.apply_listeners();
  if (applied) co_return Result<>{};
  CO_TRY(directory::set_receive_connectors(supervisor_.directory(), before));
  [[maybe_unused]] const auto restored = co_await supervisor_.apply_listeners();  // logged
  co_return fail(applied.error());
}

Task<Result<admin::ReceiveConnectorCreateReply>> AdminService::receive_connector_create(
    admin::ReceiveConnectorCreateRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  CO_TRY_ASSIGN(const AllConnectors before, all_connectors(supervisor_.directory().reader()));
  for (const auto& one : internal_connectors(supervisor_.settings(), {})) {
    if (iequals(one.name(), request.name()))
      co_return fail(ErrorCode::kExists,
                     fmt::format("receive connector \"{}\" exists already", one.name()));
  }
  CO_TRY_ASSIGN(ReceiveConnector connector,
                directory::connector_for_usage(request.name(), request.usage()));
  CO_TRY(apply(connector, request.changes()));
  AllConnectors after = before;
  after.push_back(connector);
  CO_TRY(co_await keep_receive_connectors(before, std::move(after), request.dry_run()));
  admin::ReceiveConnectorCreateReply reply;
  *reply.mutable_connector() = describe_connector(connector, supervisor_.settings());
  co_return reply;
}

Task<Result<admin::ReceiveConnectorSetReply>> AdminService::receive_connector_set(
    admin::ReceiveConnectorSetRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  CO_TRY_ASSIGN(const AllConnectors before, all_connectors(supervisor_.directory().reader()));
  AllConnectors after = before;
  CO_TRY_ASSIGN(const auto found, find_connector(after, request.name(), supervisor_.settings()));
  CO_TRY(apply(*found, request.changes()));
  const ReceiveConnector connector = *found;
  CO_TRY(co_await keep_receive_connectors(before, std::move(after), request.dry_run()));
  admin::ReceiveConnectorSetReply reply;
  *reply.mutable_connector() = describe_connector(connector, supervisor_.settings());
  co_return reply;
}

Task<Result<admin::ReceiveConnectorRemoveReply>> AdminService::receive_connector_remove(
    admin::ReceiveConnectorRemoveRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  CO_TRY_ASSIGN(const AllConnectors before, all_connectors(supervisor_.directory().reader()));
  AllConnectors after = before;
  CO_TRY_ASSIGN(const auto found, find_connector(after, request.name(), supervisor_.settings()));
  const ReceiveConnector connector = *found;
  after.erase(found);
  CO_TRY(co_await keep_receive_connectors(before, std::move(after), request.dry_run()));
  admin::ReceiveConnectorRemoveReply reply;
  *reply.mutable_connector() = describe_connector(connector, supervisor_.settings());
  co_return reply;
}

}  // namespace hauspost::supervisor
