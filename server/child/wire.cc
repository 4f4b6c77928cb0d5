#include "server/child/wire.h"

#include <algorithm>

#include "base/bytes.h"
#include "server/child/child.pb.h"

namespace hauspost::child {

namespace {

constexpr std::uint32_t kVersion = 1;

constexpr std::pair<Role, wire::Role> kRoles[] = {
    {Role::kAuth, wire::ROLE_AUTH},
    {Role::kFrontend, wire::ROLE_FRONTEND},
    {Role::kTransport, wire::ROLE_TRANSPORT},
    {Role::kStore, wire::ROLE_STORE},
    {Role::kWeb, wire::ROLE_WEB},
    {Role::kHealth, wire::ROLE_HEALTH},
    {Role::kAcme, wire::ROLE_ACME},
};

Result<Users> users_from_wire(const wire::ChildSettings& message) {
  Users users;
  if (message.user_ids_size() == 0) return users;
  if (message.user_ids_size() != static_cast<int>(kRoleCount))
    return fail(ErrorCode::kCorrupt, "child settings without a user for each role");
  users.switching = true;
  std::ranges::copy(message.user_ids(), users.ids.begin());
  users.group = message.group_id();
  users.auth_groups.assign(message.auth_group_ids().begin(), message.auth_group_ids().end());
  return users;
}

}  // namespace

std::string to_wire(const Settings& settings) {
  wire::ChildSettings message;
  message.set_version(kVersion);
  for (const auto& [role, wired] : kRoles) {
    if (role == settings.role) message.set_role(wired);
  }
  message.set_data_root(settings.data_root);
  message.set_run_dir(settings.run_dir);
  message.set_directory_path(settings.directory_path);
  message.set_hostname(settings.hostname);
  message.set_certificate_file(settings.certificate_file);
  message.set_key_file(settings.key_file);
  message.set_database(settings.database);
  if (!settings.database_guid.is_nil())
    message.set_database_guid(std::string(settings.database_guid.as_bytes()));
  message.set_database_path(settings.database_path);
  message.set_epoch(settings.epoch);
  message.set_message_bytes_max(settings.message_bytes_max);
  message.set_create_database(settings.create_database);
  message.set_maintenance(settings.maintenance);
  message.set_auth_sources(settings.auth_sources);
  message.set_client_ca_file(settings.client_ca_file);
  message.set_bearer_error(settings.bearer_error);
  if (settings.users.switching) {
    for (const uid_t id : settings.users.ids) message.add_user_ids(id);
    message.set_group_id(settings.users.group);
    for (const gid_t id : settings.users.auth_groups) message.add_auth_group_ids(id);
  }
  message.set_unconfined(!settings.confined);
  message.set_auth_helpers(settings.auth_helpers);
  for (const std::string& file : settings.further_reads) message.add_further_reads(file);
  message.set_log_level(settings.log_level);
  std::string out;
  put_string(out, message.SerializeAsString());
  return out;
}

Result<Settings> settings_from_wire(std::string_view bytes) {
  wire::ChildSettings message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return fail(ErrorCode::kCorrupt, "child settings do not parse");
  if (message.version() != kVersion)
    return fail(ErrorCode::kInvalid, "child settings of another version");
  Settings settings;
  bool known = false;
  for (const auto& [role, wired] : kRoles) {
    if (wired != message.role()) continue;
    settings.role = role;
    known = true;
  }
  if (!known) return fail(ErrorCode::kCorrupt, "child settings without a role");
  settings.data_root = message.data_root();
  settings.run_dir = message.run_dir();
  settings.directory_path = message.directory_path();
  settings.hostname = message.hostname();
  settings.certificate_file = message.certificate_file();
  settings.key_file = message.key_file();
  settings.database = message.database();
  if (!message.database_guid().empty()) {
    const auto guid = Guid::from_bytes(message.database_guid());
    if (!guid) return fail(ErrorCode::kCorrupt, "child settings with a bad database guid");
    settings.database_guid = *guid;
  }
  settings.database_path = message.database_path();
  settings.epoch = message.epoch();
  settings.message_bytes_max = message.message_bytes_max();
  settings.create_database = message.create_database();
  settings.maintenance = message.maintenance();
  settings.auth_sources = message.auth_sources();
  settings.client_ca_file = message.client_ca_file();
  settings.bearer_error = message.bearer_error();
  TRY_ASSIGN(settings.users, users_from_wire(message));
  settings.confined = !message.unconfined();
  settings.auth_helpers = message.auth_helpers();
  settings.further_reads.assign(message.further_reads().begin(), message.further_reads().end());
  settings.log_level = message.log_level();
  return settings;
}

}  // namespace hauspost::child
