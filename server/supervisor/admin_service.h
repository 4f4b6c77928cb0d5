// AdminService: what each admin call does. Knows the supervisor, not the socket.
#pragma once

#include <sys/types.h>

#include "base/log.h"
#include "server/child/control.h"
#include "server/directory/receive_connectors.h"
#include "server/supervisor/admin_api.h"
#include "server/supervisor/audit_log.h"
#include "server/supervisor/supervisor.h"

// admin_setup.proto
namespace hauspost::admin {
// admin_observe.proto
class MetricsRequest;
class MetricsReply;
class SessionListRequest;
class SessionListReply;
class SessionKillRequest;
class SessionKillReply;
class LogLevelRequest;
class LogLevelReply;
// admin_health.proto
class HealthShowRequest;
class HealthShowReply;
class HealthSetRequest;
class HealthSetReply;
class HealthOverrideRequest;
class HealthOverrideReply;
class HealthTestRequest;
class HealthTestReply;
class SetupShowRequest;
class SetupShowReply;
class SetupSetRequest;
class SetupSetReply;
// admin_server_backup.proto
class ServerBackupRequest;
class ServerBackupReply;
// admin_transfer.proto
class TransferNewRequest;
class TransferNewReply;
class TransferListRequest;
class TransferListReply;
class TransferWorkRequest;
class TransferWorkReply;
class TransferReportRequest;
class TransferReportReply;
// admin_acme.proto
class AcmeEnableRequest;
class AcmeEnableReply;
class AcmeShowRequest;
class AcmeShowReply;
class AcmeRenewRequest;
class AcmeRenewReply;
class AcmeDisableRequest;
class AcmeDisableReply;
class AcmeRevokeRequest;
class AcmeRevokeReply;
// admin_web.proto
class WebShowRequest;
class WebShowReply;
class WebSetRequest;
class WebSetReply;
}  // namespace hauspost::admin

namespace hauspost::supervisor {

// Who asks; SO_PEERCRED.
struct Caller {
  uid_t uid = 0;
  pid_t pid = 0;
};

// REQUIRES: the main thread; `supervisor` outlives it and every call.
class AdminService {
 public:
  explicit AdminService(Supervisor& supervisor)
      : supervisor_(supervisor), audit_(supervisor.options().data_root) {}

  // One call: `body` is the request of `method`. Calls that change something leave an event
  // "audit" in the log and an entry in the audit log, whether they succeeded or not.
  Task<Result<std::string>> answer(Caller caller, std::uint16_t method, std::string body);

 private:
  template <class Request>
  using Handler =
      Task<Result<typename admin::CallOf<Request>::Reply>> (AdminService::*)(Request request);
  template <class Request>
  Task<Result<std::string>> look(Handler<Request> handler, std::string body);
  template <class Request>
  Task<Result<std::string>> change(Handler<Request> handler, Caller caller, std::string_view verb,
                                   std::string body);

  // admin_server_calls.cc
  Task<Result<admin::StatusReply>> status(admin::StatusRequest request);
  Task<Result<admin::StopReply>> stop(admin::StopRequest request);
  Task<Result<admin::ServiceEnableReply>> service_enable(admin::ServiceEnableRequest request);
  Task<Result<admin::ServiceDisableReply>> service_disable(admin::ServiceDisableRequest request);
  Task<Result<admin::ServiceListReply>> service_list(admin::ServiceListRequest request);
  // admin_server_backup.cc
  Task<Result<admin::ServerBackupReply>> server_backup(admin::ServerBackupRequest request);
  // admin_observe.cc
  Task<Result<admin::MetricsReply>> metrics(admin::MetricsRequest request);
  Task<Result<admin::SessionListReply>> session_list(admin::SessionListRequest request);
  Task<Result<admin::SessionKillReply>> session_kill(admin::SessionKillRequest request);
  Task<Result<admin::LogLevelReply>> log_level(admin::LogLevelRequest request);
  // admin_auth_sources.cc
  Task<Result<admin::AuthSourcesReply>> auth_sources(admin::AuthSourcesRequest request);
  Task<Result<admin::AuthTestReply>> auth_test(admin::AuthTestRequest request);
  // admin_pop3.cc
  Task<Result<admin::Pop3ShowReply>> pop3_show(admin::Pop3ShowRequest request);
  Task<Result<admin::Pop3SetReply>> pop3_set(admin::Pop3SetRequest request);
  // admin_receive.cc
  Task<Result<admin::ReceiveConnectorListReply>> receive_connector_list(
      admin::ReceiveConnectorListRequest request);
  Task<Result<admin::ReceiveConnectorShowReply>> receive_connector_show(
      admin::ReceiveConnectorShowRequest request);
  Task<Result<admin::ReceiveConnectorCreateReply>> receive_connector_create(
      admin::ReceiveConnectorCreateRequest request);
  Task<Result<admin::ReceiveConnectorSetReply>> receive_connector_set(
      admin::ReceiveConnectorSetRequest request);
  Task<Result<admin::ReceiveConnectorRemoveReply>> receive_connector_remove(
      admin::ReceiveConnectorRemoveRequest request);
  // Writes `after` and listens accordingly; `before` again when that cannot be.
  Task<Result<>> keep_receive_connectors(std::vector<directory::ReceiveConnector> before,
                                         std::vector<directory::ReceiveConnector> after,
                                         bool dry_run);
  // admin_imap.cc
  Task<Result<admin::ImapShowReply>> imap_show(admin::ImapShowRequest request);
  Task<Result<admin::ImapSetReply>> imap_set(admin::ImapSetRequest request);
  Task<Result<admin::ImapWithdrawnListReply>> imap_withdrawn_list(
      admin::ImapWithdrawnListRequest request);
  Task<Result<admin::ImapWithdrawnLiftReply>> imap_withdrawn_lift(
      admin::ImapWithdrawnLiftRequest request);
  Result<directory::MailboxEntry> set_imap_without(const directory::MailboxEntry& entry,
                                                   const admin::ImapWithout& without);
  // admin_databases.cc
  Task<Result<admin::DatabaseCreateReply>> database_create(admin::DatabaseCreateRequest request);
  Task<Result<admin::DatabaseListReply>> database_list(admin::DatabaseListRequest request);
  Task<Result<admin::DatabaseShowReply>> database_show(admin::DatabaseShowRequest request);
  Task<Result<admin::DatabaseMountReply>> database_mount(admin::DatabaseMountRequest request);
  Task<Result<admin::DatabaseDismountReply>> database_dismount(
      admin::DatabaseDismountRequest request);
  Task<Result<admin::DatabaseRemoveReply>> database_remove(admin::DatabaseRemoveRequest request);
  // admin_database_work.cc
  Task<Result<admin::DatabaseSetReply>> database_set(admin::DatabaseSetRequest request);
  Task<Result<admin::DatabaseMovePathReply>> database_move_path(
      admin::DatabaseMovePathRequest request);
  Task<Result<admin::DatabaseRemoveReply>> remove_with_files(directory::DatabaseEntry entry);
  // admin_domains.cc
  Task<Result<admin::DomainAddReply>> domain_add(admin::DomainAddRequest request);
  Task<Result<admin::DomainListReply>> domain_list(admin::DomainListRequest request);
  Task<Result<admin::DomainRemoveReply>> domain_remove(admin::DomainRemoveRequest request);
  // admin_domains.cc
  Task<Result<admin::DomainShowReply>> domain_show(admin::DomainShowRequest request);
  Task<Result<admin::DomainSetReply>> domain_set(admin::DomainSetRequest request);
  // admin_recipients.cc
  Task<Result<admin::RecipientCreateReply>> recipient_create(admin::RecipientCreateRequest request);
  Task<Result<admin::RecipientListReply>> recipient_list(admin::RecipientListRequest request);
  Task<Result<admin::RecipientShowReply>> recipient_show(admin::RecipientShowRequest request);
  Task<Result<admin::RecipientSetReply>> recipient_set(admin::RecipientSetRequest request);
  Task<Result<admin::RecipientRemoveReply>> recipient_remove(admin::RecipientRemoveRequest request);
  Task<Result<admin::RecipientSetPasswordReply>> recipient_set_password(
      admin::RecipientSetPasswordRequest request);
  Task<Result<admin::GroupMemberAddReply>> group_member_add(admin::GroupMemberAddRequest request);
  Task<Result<admin::GroupMemberRemoveReply>> group_member_remove(
      admin::GroupMemberRemoveRequest request);
  Task<Result<admin::GroupMemberListReply>> group_member_list(admin::GroupMemberListRequest request);
  Result<directory::RecipientEntry> find_recipient(directory::RecipientKind kind,
                                                   const std::string& name) const;
  Result<admin::Recipient> describe(const directory::RecipientEntry& entry) const;
  // The mailbox or group whose addresses somebody may send under, and its primary address.
  Result<std::pair<Guid, std::string>> find_sendable(const std::string& name) const;
  // admin_transfer.cc
  Task<Result<admin::TransferNewReply>> transfer_new(admin::TransferNewRequest request);
  Task<Result<admin::TransferListReply>> transfer_list(admin::TransferListRequest request);
  Task<Result<admin::TransferWorkReply>> transfer_work(admin::TransferWorkRequest request);
  Task<Result<admin::TransferReportReply>> transfer_report(admin::TransferReportRequest request);
  Result<Guid> find_transfer(bool is_export, const std::string& name);
  // admin_restore.cc
  Task<Result<admin::DatabaseRestoreReply>> database_restore(admin::DatabaseRestoreRequest request);
  // admin_jobs.cc
  Task<Result<admin::JobStartReply>> job_start(admin::JobStartRequest request);
  Task<Result<admin::JobListReply>> job_list(admin::JobListRequest request);
  Task<Result<admin::JobShowReply>> job_show(admin::JobShowRequest request);
  Task<Result<admin::JobCancelReply>> job_cancel(admin::JobCancelRequest request);
  // admin_mailboxes.cc
  Task<Result<admin::MailboxCreateReply>> mailbox_create(admin::MailboxCreateRequest request);
  Task<Result<admin::MailboxListReply>> mailbox_list(admin::MailboxListRequest request);
  Task<Result<admin::MailboxShowReply>> mailbox_show(admin::MailboxShowRequest request);
  Task<Result<admin::MailboxSetPasswordReply>> mailbox_set_password(
      admin::MailboxSetPasswordRequest request);
  Task<Result<admin::ClientSettingsReply>> client_settings(admin::ClientSettingsRequest request);
  // admin_permissions.cc
  Task<Result<admin::MailboxPermissionListReply>> mailbox_permission_list(
      admin::MailboxPermissionListRequest request);
  Task<Result<admin::MailboxPermissionAddReply>> mailbox_permission_add(
      admin::MailboxPermissionAddRequest request);
  Task<Result<admin::MailboxPermissionRemoveReply>> mailbox_permission_remove(
      admin::MailboxPermissionRemoveRequest request);
  // The user of that name, or nobody for "anyone".
  Result<std::optional<directory::MailboxEntry>> find_grantee(
      const std::string& name, const directory::MailboxEntry& mailbox) const;
  Result<directory::MailboxEntry> find_user(const std::string& name) const;
  Result<admin::MailboxPermissionAddReply> grant_sending(
      const admin::MailboxPermissionAddRequest& request, directory::SendGrant grant);
  Result<> list_sending(const Guid& as, admin::MailboxPermissionListReply& reply) const;
  // How many folders changed.
  Task<Result<std::uint32_t>> set_folder_rights(
      directory::MailboxEntry mailbox, std::string folder,
      std::optional<directory::MailboxEntry> user, std::uint32_t rights, bool dry_run);
  // admin_limits.cc
  Task<Result<admin::MailboxRemoveReply>> mailbox_remove(admin::MailboxRemoveRequest request);
  Task<Result<admin::MailboxSetReply>> mailbox_set(admin::MailboxSetRequest request);
  Task<Result<admin::MailboxDisableReply>> mailbox_disable(admin::MailboxDisableRequest request);
  Task<Result<admin::MailboxDisconnectedReply>> mailbox_disconnected(
      admin::MailboxDisconnectedRequest request);
  Task<Result<admin::MailboxConnectReply>> mailbox_connect(admin::MailboxConnectRequest request);
  Task<Result<admin::MailboxPurgeReply>> mailbox_purge(admin::MailboxPurgeRequest request);
  Task<Result<admin::MailboxStatsReply>> mailbox_stats(admin::MailboxStatsRequest request);
  Task<Result<admin::MailboxFoldersReply>> mailbox_folders(admin::MailboxFoldersRequest request);
  Task<Result<admin::MailboxRecoverListReply>> mailbox_recover_list(
      admin::MailboxRecoverListRequest request);
  Task<Result<admin::MailboxRecoverRestoreReply>> mailbox_recover_restore(
      admin::MailboxRecoverRestoreRequest request);
  Task<Result<admin::MailboxRecoverPurgeReply>> mailbox_recover_purge(
      admin::MailboxRecoverPurgeRequest request);

  // admin_frontend.cc
  Task<Result<admin::CertificateListReply>> certificate_list(admin::CertificateListRequest request);
  Task<Result<admin::CertificateReloadReply>> certificate_reload(
      admin::CertificateReloadRequest request);
  Task<Result<admin::CertificateAddReply>> certificate_add(admin::CertificateAddRequest request);
  Task<Result<admin::CertificateRemoveReply>> certificate_remove(
      admin::CertificateRemoveRequest request);
  Task<Result<admin::ListenerListReply>> listener_list(admin::ListenerListRequest request);
  Task<Result<admin::ListenerSetReply>> listener_set(admin::ListenerSetRequest request);
  Task<Result<admin::ComponentListReply>> component_list(admin::ComponentListRequest request);
  Task<Result<admin::ComponentSetReply>> component_set(admin::ComponentSetRequest request);
  // admin_blocks.cc
  Task<Result<admin::BlockListReply>> block_list(admin::BlockListRequest request);
  Task<Result<admin::BlockLiftReply>> block_lift(admin::BlockLiftRequest request);
  Task<Result<admin::BlockShowReply>> block_show(admin::BlockShowRequest request);
  Task<Result<admin::BlockSetReply>> block_set(admin::BlockSetRequest request);
  // admin_dns.cc
  Task<Result<admin::DnsShowReply>> dns_show(admin::DnsShowRequest request);
  Task<Result<admin::DnsSetReply>> dns_set(admin::DnsSetRequest request);
  Task<Result<admin::DnsLookupReply>> dns_lookup(admin::DnsLookupRequest request);
  Task<Result<admin::DnsHopsReply>> dns_hops(admin::DnsHopsRequest request);
  Task<Result<admin::DnsCacheReply>> dns_cache(admin::DnsCacheRequest request);
  Task<Result<admin::DnsFlushReply>> dns_flush(admin::DnsFlushRequest request);
  Task<Result<admin::TlsReportShowReply>> tls_report_show(admin::TlsReportShowRequest request);
  Task<Result<admin::TlsReportSendReply>> tls_report_send(admin::TlsReportSendRequest request);
  // admin_track.cc
  Task<Result<admin::TrackSearchReply>> track_search(admin::TrackSearchRequest request);
  Task<Result<admin::TrackShowReply>> track_show(admin::TrackShowRequest request);
  Task<Result<admin::TrackSetReply>> track_set(admin::TrackSetRequest request);
  // admin_dkim.cc
  Task<Result<admin::DkimCreateReply>> dkim_create(admin::DkimCreateRequest request);
  Task<Result<admin::DkimListReply>> dkim_list(admin::DkimListRequest request);
  Task<Result<admin::DkimActivateReply>> dkim_activate(admin::DkimActivateRequest request);
  Task<Result<admin::DkimRemoveReply>> dkim_remove(admin::DkimRemoveRequest request);
  Task<Result<admin::DkimCheckReply>> dkim_check(admin::DkimCheckRequest request);
  // admin_mailauth.cc
  Task<Result<admin::MailauthShowReply>> mailauth_show(admin::MailauthShowRequest request);
  Task<Result<admin::MailauthSetReply>> mailauth_set(admin::MailauthSetRequest request);
  Task<Result<admin::MailauthTestReply>> mailauth_test(admin::MailauthTestRequest request);
  Task<Result<admin::DmarcReportShowReply>> dmarc_report_show(admin::DmarcReportShowRequest request);
  Task<Result<admin::DmarcReportSendReply>> dmarc_report_send(admin::DmarcReportSendRequest request);
  // admin_filters.cc
  Task<Result<admin::FilterListReply>> filter_list(admin::FilterListRequest request);
  Task<Result<admin::FilterAddReply>> filter_add(admin::FilterAddRequest request);
  Task<Result<admin::FilterSetReply>> filter_set(admin::FilterSetRequest request);
  Task<Result<admin::FilterRemoveReply>> filter_remove(admin::FilterRemoveRequest request);
  Task<Result<admin::FilterClientsReply>> filter_clients(admin::FilterClientsRequest request);
  Task<Result<admin::FilterLiftReply>> filter_lift(admin::FilterLiftRequest request);
  Task<Result<admin::QuarantineListReply>> quarantine_list(admin::QuarantineListRequest request);
  Task<Result<admin::QuarantineReadReply>> quarantine_read(admin::QuarantineReadRequest request);
  Task<Result<admin::QuarantineReleaseReply>> quarantine_release(
      admin::QuarantineReleaseRequest request);
  Task<Result<admin::QuarantineRemoveReply>> quarantine_remove(
      admin::QuarantineRemoveRequest request);
  // Of a change to the filters: what it is about, with the id of the mailbox that it names.
  Result<admin::FilterEntry> with_mailbox_id(admin::FilterEntry entry) const;
  // Asks the front-end. kUnavailable: it does not run.
  Task<Result<std::string>> ask_frontend(child::ControlMethod method, Duration timeout);
  Task<void> note_warnings(admin::StatusReply& reply);
  // Has the front-end end sessions of `account`, for its login is worth nothing any more; see
  // EndLoginsRequest. How many; one that does not answer is logged.
  Task<std::uint32_t> end_logins(Guid account, std::string app_password, bool whole,
                                 std::vector<std::string> protocols = {});

  Task<Result<admin::Database>> describe_database(std::string name);
  Task<Result<admin::Database>> describe_database(directory::DatabaseEntry entry);
  Result<directory::DatabaseEntry> find_database(const std::string& name) const;
  // `system`: also one of the server's own.
  Result<directory::MailboxEntry> find_mailbox(const std::string& name, bool system = false) const;
  Result<std::shared_ptr<link::RpcClient>> auth_control();
  Task<Result<>> store_password(Guid mailbox, Secret password);
  // kUnavailable: the database is not mounted.
  Task<Result<std::string>> ask_store(std::string database, child::ControlMethod method,
                                      std::string body, Duration timeout);
  Result<admin::Limits> effective_limits(const Guid& mailbox) const;
  Task<Result<bool>> take_owner_away(directory::MailboxEntry entry);
  Task<bool> delete_stored_mailbox(std::string database, Guid guid);
  Task<Result<admin::DisconnectedMailbox>> find_disconnected(std::string name,
                                                             std::string database);
  template <class Reply, class Request>
  Task<Result<Reply>> ask_recover(directory::MailboxEntry entry, child::ControlMethod method,
                                  const Request& request);

  // admin_queue.cc
  Task<Result<admin::QueueListReply>> queue_list(admin::QueueListRequest request);
  Task<Result<admin::QueueActReply>> queue_act(admin::QueueActRequest request);
  Task<Result<admin::QueueMessageListReply>> queue_message_list(
      admin::QueueMessageListRequest request);
  Task<Result<admin::QueueMessageWorkReply>> queue_message_work(
      admin::QueueMessageWorkRequest request);
  Task<Result<admin::QueueMessageExportReply>> queue_message_export(
      admin::QueueMessageExportRequest request);
  Task<Result<admin::SafetyNetResubmitReply>> safety_net_resubmit(
      admin::SafetyNetResubmitRequest request);
  Task<Result<admin::QueueSetReply>> queue_set(admin::QueueSetRequest request);

  // admin_send_connectors.cc
  Task<Result<admin::SendConnectorCreateReply>> send_connector_create(
      admin::SendConnectorCreateRequest request);
  Task<Result<admin::SendConnectorSetReply>> send_connector_set(
      admin::SendConnectorSetRequest request);
  Task<Result<admin::SendConnectorListReply>> send_connector_list(
      admin::SendConnectorListRequest request);
  Task<Result<admin::SendConnectorRemoveReply>> send_connector_remove(
      admin::SendConnectorRemoveRequest request);
  // What waits for a way out is tried; a transport that does not run looks when it starts.
  Task<void> kick_queue();

  // admin_passwords.cc
  Task<Result<admin::AuthSettingsShowReply>> auth_settings_show(
      admin::AuthSettingsShowRequest request);
  Task<Result<admin::AuthSettingsSetReply>> auth_settings_set(
      admin::AuthSettingsSetRequest request);
  Task<Result<admin::AppPasswordCreateReply>> app_password_create(
      admin::AppPasswordCreateRequest request);
  Task<Result<admin::AppPasswordListReply>> app_password_list(
      admin::AppPasswordListRequest request);
  Task<Result<admin::AppPasswordRevokeReply>> app_password_revoke(
      admin::AppPasswordRevokeRequest request);
  Task<Result<admin::AuditListReply>> audit_list(admin::AuditListRequest request);
  // admin_acme.cc
  Task<Result<admin::AcmeEnableReply>> acme_enable(admin::AcmeEnableRequest request);
  Task<Result<admin::AcmeShowReply>> acme_show(admin::AcmeShowRequest request);
  Task<Result<admin::AcmeRenewReply>> acme_renew(admin::AcmeRenewRequest request);
  Task<Result<admin::AcmeDisableReply>> acme_disable(admin::AcmeDisableRequest request);
  Task<Result<admin::AcmeRevokeReply>> acme_revoke(admin::AcmeRevokeRequest request);
  void note_orders(google::protobuf::RepeatedPtrField<child::wire::Certificate>& certificates);
  // admin_web.cc
  Task<Result<admin::WebShowReply>> web_show(admin::WebShowRequest request);
  Task<Result<admin::WebSetReply>> web_set(admin::WebSetRequest request);
  // admin_health.cc
  Task<Result<admin::HealthShowReply>> health_show(admin::HealthShowRequest request);
  Task<Result<admin::HealthSetReply>> health_set(admin::HealthSetRequest request);
  Task<Result<admin::HealthOverrideReply>> health_override(admin::HealthOverrideRequest request);
  Task<Result<admin::HealthTestReply>> health_test(admin::HealthTestRequest request);
  // admin_setup.cc
  Task<Result<admin::SetupShowReply>> setup_show(admin::SetupShowRequest request);
  Task<Result<admin::SetupSetReply>> setup_set(admin::SetupSetRequest request);

  Supervisor& supervisor_;
  AuditLog audit_;
};

std::int64_t unix_now();
// One spelling a folder, so that two databases cannot share one under two names. kInvalid.
Result<std::string> normal_path(const std::string& path);
admin::Mailbox to_wire(const directory::MailboxEntry& entry);
admin::Job to_wire(const JobFacts& facts);
std::vector<admin::Service> list_services(const directory::DirectoryReader& reader);

}  // namespace hauspost::supervisor
