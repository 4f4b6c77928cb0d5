// connector send create, set, list, show, remove.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "server/child/transport_secrets.h"
#include "server/directory/send_connectors.h"
#include "server/supervisor/admin_service.h"

namespace hauspost::supervisor {

namespace {

using directory::SendConnector;
constexpr Duration kKickTime = std::chrono::seconds(2);

Result<> apply_changes(
    const google::protobuf::RepeatedPtrField<admin::SendConnectorChange>& changes,
    SendConnector& connector) {
  for (const admin::SendConnectorChange& change : changes) {
    TRY(directory::change_send_connector(connector, change.key(),
                                         {change.values().begin(), change.values().end()}));
  }
  return {};
}

Result<std::vector<SendConnector>::iterator> find_send_connector(std::vector<SendConnector>& all,
                                                                 const std::string& name) {
  const auto found =
      std::ranges::find_if(all, [&](const SendConnector& one) { return iequals(one.name, name); });
  if (found != all.end()) return found;
  return fail(ErrorCode::kNotFound,
              fmt::format("send connector \"{}\" does not exist; see: hauspost connector send list",
                          escape_for_log(name)));
}

bool has_password(const std::string& data_root, const SendConnector& connector) {
  return child::read_transport_secret(data_root, child::send_password_name(connector.name))
      .has_value();
}

admin::SendConnector to_wire(const SendConnector& from, bool password_set) {
  admin::SendConnector to;
  to.set_name(from.name);
  to.set_enabled(from.enabled);
  to.set_protocol(std::string(to_string(from.protocol)));
  for (const auto& space : from.spaces) to.add_address_spaces(to_string(space));
  for (const auto& host : from.smart_hosts) to.add_smart_hosts(to_string(host));
  to.set_port(from.port);
  to.set_user(from.authenticate ? from.user : std::string());
  to.set_password_set(password_set);
  to.set_tls(std::string(to_string(from.tls)));
  to.set_tls_domain(from.tls_domain);
  to.set_fqdn(from.fqdn);
  for (const std::string& source : {from.source_v4, from.source_v6}) {
    if (!source.empty()) to.add_sources(source);
  }
  to.set_message_bytes_max(from.message_bytes_max);
  to.set_inactivity_s(static_cast<std::uint32_t>(from.inactivity.count()));
  to.set_connections_max(from.connections_max);
  to.set_messages_per_connection(from.messages_per_connection);
  to.set_protocol_log(from.protocol_log);
  to.set_scoped(from.scoped);
  to.set_comment(from.comment);
  return to;
}

// What a connector's password has to become, beside the connector itself.
struct PasswordChange {
  std::string old_name;  // of the connector; empty: it is new
  std::optional<Secret> fresh;
};

// Before the connector says that it is used.
Result<bool> store_send_password(const std::string& data_root, const SendConnector& connector,
                                 const PasswordChange& change) {
  const std::string name = child::send_password_name(connector.name);
  if (!connector.authenticate) return false;
  if (change.fresh) {
    TRY(child::write_transport_secret(data_root, name, *change.fresh));
    return true;
  }
  const std::string before = child::send_password_name(change.old_name);
  auto kept = change.old_name.empty() ? Result<Secret>(fail(ErrorCode::kNotFound, {}))
                                      : child::read_transport_secret(data_root, before);
  if (!kept) {
    return fail(ErrorCode::kInvalid, fmt::format("send connector {} has no password to log in "
                                                 "with: give --password-stdin",
                                                 connector.name));
  }
  if (name != before) TRY(child::write_transport_secret(data_root, name, *kept));
  return true;
}

// After it no longer does.
Result<> forget_send_password(const std::string& data_root, const std::string& old_name,
                              const SendConnector& connector) {
  const bool same = iequals(old_name, connector.name);
  if (old_name.empty() || (same && connector.authenticate)) return {};
  return child::remove_transport_secret(data_root, child::send_password_name(old_name));
}

Result<> check_password(const SendConnector& connector, const PasswordChange& change,
                        const std::string& data_root) {
  if (change.fresh && !connector.authenticate)
    return fail(ErrorCode::kInvalid, "a password goes with --auth basic");
  if (change.fresh && change.fresh->empty())
    return fail(ErrorCode::kInvalid, "the password is empty");
  if (!connector.authenticate || change.fresh) return {};
  const bool kept =
      !change.old_name.empty() &&
      child::read_transport_secret(data_root, child::send_password_name(change.old_name));
  if (kept) return {};
  return fail(ErrorCode::kInvalid,
              fmt::format("send connector {} has no password to log in with: give "
                          "--password-stdin",
                          connector.name));
}

}  // namespace

Task<void> AdminService::kick_queue() {
  if (const auto control = supervisor_.transport().control()) {
    [[maybe_unused]] auto told =
        co_await control->call(static_cast<std::uint16_t>(child::ControlMethod::kQueueKick),
                               std::string_view(), kKickTime);
  }
}

Task<Result<admin::SendConnectorCreateReply>> AdminService::send_connector_create(
    admin::SendConnectorCreateRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  const std::string& data_root = supervisor_.options().data_root;
  PasswordChange password;
  if (request.has_password()) password.fresh = Secret(std::move(*request.mutable_password()));
  CO_TRY_ASSIGN(auto all, directory::send_connectors(supervisor_.directory().reader()));
  SendConnector connector;
  connector.name = request.name();
  CO_TRY(apply_changes(request.changes(), connector));
  all.push_back(connector);
  CO_TRY(directory::check_send_connectors(all));
  CO_TRY(check_password(connector, password, data_root));
  admin::SendConnectorCreateReply reply;
  *reply.mutable_connector() = to_wire(connector, connector.authenticate);
  if (request.dry_run()) co_return reply;
  CO_TRY(store_send_password(data_root, connector, password));
  CO_TRY(supervisor_.ownership().give_secrets());
  CO_TRY(directory::set_send_connectors(supervisor_.directory(), std::move(all)));
  co_await kick_queue();
  co_return reply;
}

Task<Result<admin::SendConnectorSetReply>> AdminService::send_connector_set(
    admin::SendConnectorSetRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  const std::string& data_root = supervisor_.options().data_root;
  CO_TRY_ASSIGN(auto all, directory::send_connectors(supervisor_.directory().reader()));
  CO_TRY_ASSIGN(const auto at, find_send_connector(all, request.name()));
  PasswordChange password{.old_name = at->name, .fresh = {}};
  if (request.has_password()) password.fresh = Secret(std::move(*request.mutable_password()));
  if (!request.new_name().empty()) at->name = request.new_name();
  CO_TRY(apply_changes(request.changes(), *at));
  const SendConnector connector = *at;
  CO_TRY(directory::check_send_connectors(all));
  CO_TRY(check_password(connector, password, data_root));
  admin::SendConnectorSetReply reply;
  *reply.mutable_connector() = to_wire(connector, connector.authenticate);
  if (request.dry_run()) co_return reply;
  CO_TRY(store_send_password(data_root, connector, password));
  CO_TRY(supervisor_.ownership().give_secrets());
  CO_TRY(directory::set_send_connectors(supervisor_.directory(), std::move(all)));
  CO_TRY(forget_send_password(data_root, password.old_name, connector));
  co_await kick_queue();
  co_return reply;
}

Task<Result<admin::SendConnectorListReply>> AdminService::send_connector_list(
    admin::SendConnectorListRequest request) {
  const std::string& data_root = supervisor_.options().data_root;
  CO_TRY_ASSIGN(auto all, directory::send_connectors(supervisor_.directory().reader()));
  admin::SendConnectorListReply reply;
  if (request.name().empty()) {
    for (const SendConnector& one : all)
      *reply.add_connectors() = to_wire(one, has_password(data_root, one));
    co_return reply;
  }
  CO_TRY_ASSIGN(const auto at, find_send_connector(all, request.name()));
  *reply.add_connectors() = to_wire(*at, has_password(data_root, *at));
  co_return reply;
}

Task<Result<admin::SendConnectorRemoveReply>> AdminService::send_connector_remove(
    admin::SendConnectorRemoveRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  const std::string& data_root = supervisor_.options().data_root;
  CO_TRY_ASSIGN(auto all, directory::send_connectors(supervisor_.directory().reader()));
  CO_TRY_ASSIGN(const auto at, find_send_connector(all, request.name()));
  const SendConnector connector = *at;
  admin::SendConnectorRemoveReply reply;
  *reply.mutable_connector() = to_wire(connector, has_password(data_root, connector));
  if (request.dry_run()) co_return reply;
  all.erase(at);
  CO_TRY(directory::set_send_connectors(supervisor_.directory(), std::move(all)));
  CO_TRY(child::remove_transport_secret(data_root, child::send_password_name(connector.name)));
  co_await kick_queue();
  co_return reply;
}

}  // namespace hauspost::supervisor
