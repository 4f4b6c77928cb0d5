// auth set, mailbox app-password, and how a mailbox may log in; audit list.
#include <fmt/format.h>

#include "base/text.h"
#include "server/auth/app_password_calls.h"
#include "server/directory/auth_settings.h"
#include "server/supervisor/admin_service.h"

namespace hauspost::supervisor {

namespace {

constexpr std::uint32_t kAuditDefault = 100;
constexpr std::uint32_t kAuditMax = 10'000;

admin::AuthSettings to_wire(const directory::AuthSettings& from) {
  admin::AuthSettings to;
  to.set_hash_memory_bytes(from.hash_memory_bytes);
  to.set_hash_passes(from.hash_passes);
  to.set_scram_sha_256(from.scram_sha_256);
  to.set_scram_sha_1(from.scram_sha_1);
  to.set_scram_iterations(from.scram_iterations);
  to.set_cache_s(from.cache_s);
  return to;
}

// What `request` names is changed, the rest stays.
void apply(const admin::AuthSettingsSetRequest& request, directory::AuthSettings& settings) {
  if (request.has_hash_memory_bytes()) settings.hash_memory_bytes = request.hash_memory_bytes();
  if (request.has_hash_passes()) settings.hash_passes = request.hash_passes();
  if (request.has_scram_sha_256()) settings.scram_sha_256 = request.scram_sha_256();
  if (request.has_scram_sha_1()) settings.scram_sha_1 = request.scram_sha_1();
  if (request.has_scram_iterations()) settings.scram_iterations = request.scram_iterations();
  if (request.has_cache_s()) settings.cache_s = request.cache_s();
}

admin::AppPassword to_wire(const auth::AppPassword& from) {
  admin::AppPassword to;
  to.set_label(from.name);
  to.set_imap(from.protocols.imap);
  to.set_pop3(from.protocols.pop3);
  to.set_smtp(from.protocols.smtp);
  to.set_created_s(from.created_s);
  to.set_used_s(from.used_s);
  to.set_used_from(from.used_from);
  return to;
}

// auth knows mailboxes by GUID alone; people want to read which one it was.
Error about(Error error, const std::string& address, const std::string& label) {
  if (error.code == ErrorCode::kNotFound) {
    error.text = fmt::format(
        "mailbox {} has no app password \"{}\"; see: hauspost mailbox "
        "app-password list {}",
        address, escape_for_log(label), address);
  } else if (error.code == ErrorCode::kExists) {
    error.text = fmt::format(
        "mailbox {} has an app password \"{}\" already; choose another name, "
        "or revoke it: hauspost mailbox app-password revoke {} --name ...",
        address, escape_for_log(label), address);
  } else if (error.code == ErrorCode::kExhausted) {
    error.text = fmt::format(
        "mailbox {} has {} app passwords, and may not have more; revoke one: "
        "hauspost mailbox app-password list {}",
        address, auth::kAppPasswordsMax, address);
  }
  return error;
}

}  // namespace

Task<Result<admin::AuthSettingsShowReply>> AdminService::auth_settings_show(
    admin::AuthSettingsShowRequest) {
  CO_TRY_ASSIGN(const auto settings, directory::auth_settings(supervisor_.directory().reader()));
  admin::AuthSettingsShowReply reply;
  *reply.mutable_settings() = to_wire(settings);
  co_return reply;
}

Task<Result<admin::AuthSettingsSetReply>> AdminService::auth_settings_set(
    admin::AuthSettingsSetRequest request) {
  CO_TRY_ASSIGN(const auto turn, co_await supervisor_.take_turn());
  CO_TRY_ASSIGN(auto settings, directory::auth_settings(supervisor_.directory().reader()));
  apply(request, settings);
  CO_TRY(request.dry_run() ? directory::check(settings)
                           : directory::set_auth_settings(supervisor_.directory(), settings));
  admin::AuthSettingsSetReply reply;
  *reply.mutable_settings() = to_wire(settings);
  co_return reply;
}

Task<Result<admin::AppPasswordCreateReply>> AdminService::app_password_create(
    admin::AppPasswordCreateRequest request) {
  CO_TRY_ASSIGN(const auto entry, find_mailbox(request.name()));
  CO_TRY_ASSIGN(const std::shared_ptr<link::RpcClient> control, auth_control());
  auto made = co_await auth::create_app_password(
      *control, {entry.guid, request.label(), {request.imap(), request.pop3(), request.smtp()}});
  if (!made) co_return fail(about(std::move(made).error(), entry.address, request.label()));
  admin::AppPasswordCreateReply reply;
  *reply.mutable_mailbox() = supervisor::to_wire(entry);
  *reply.mutable_app_password() = to_wire(made->entry);
  reply.set_password(std::string(made->password.reveal()));
  co_return reply;
}

Task<Result<admin::AppPasswordListReply>> AdminService::app_password_list(
    admin::AppPasswordListRequest request) {
  CO_TRY_ASSIGN(const auto entry, find_mailbox(request.name()));
  CO_TRY_ASSIGN(const std::shared_ptr<link::RpcClient> control, auth_control());
  CO_TRY_ASSIGN(const auto all, co_await auth::list_app_passwords(*control, entry.guid));
  admin::AppPasswordListReply reply;
  *reply.mutable_mailbox() = supervisor::to_wire(entry);
  for (const auth::AppPassword& one : all) *reply.add_app_passwords() = to_wire(one);
  co_return reply;
}

Task<Result<admin::AppPasswordRevokeReply>> AdminService::app_password_revoke(
    admin::AppPasswordRevokeRequest request) {
  CO_TRY_ASSIGN(const auto entry, find_mailbox(request.name()));
  CO_TRY_ASSIGN(const std::shared_ptr<link::RpcClient> control, auth_control());
  admin::AppPasswordRevokeReply reply;
  *reply.mutable_mailbox() = supervisor::to_wire(entry);
  if (request.dry_run()) {
    CO_TRY_ASSIGN(const auto all, co_await auth::list_app_passwords(*control, entry.guid));
    for (const auth::AppPassword& one : all) {
      if (!iequals(one.name, request.label())) continue;
      *reply.mutable_app_password() = to_wire(one);
      co_return reply;
    }
    co_return fail(about({ErrorCode::kNotFound, {}}, entry.address, request.label()));
  }
  auto gone = co_await auth::revoke_app_password(*control, entry.guid, request.label());
  if (!gone) co_return fail(about(std::move(gone).error(), entry.address, request.label()));
  *reply.mutable_app_password() = to_wire(*gone);
  reply.set_sessions_ended(co_await end_logins(entry.guid, gone->name, false));
  co_return reply;
}

Task<Result<admin::AuditListReply>> AdminService::audit_list(admin::AuditListRequest request) {
  const std::uint32_t limit = request.limit() == 0 ? kAuditDefault : request.limit();
  CO_TRY_ASSIGN(const auto entries,
                audit_.latest(std::min(limit, kAuditMax), request.verb(), request.object()));
  admin::AuditListReply reply;
  for (const AuditEntry& from : entries) {
    admin::AuditEntry& to = *reply.add_entries();
    to.set_time_s(from.time_s);
    to.set_uid(from.uid);
    to.set_pid(static_cast<std::uint32_t>(from.pid));
    to.set_verb(from.verb);
    to.set_object(from.object);
    to.set_dry_run(from.dry_run);
    to.set_outcome(from.outcome);
    to.set_user(from.user);
  }
  co_return reply;
}

}  // namespace hauspost::supervisor
