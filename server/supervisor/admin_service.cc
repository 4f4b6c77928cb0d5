#include "server/supervisor/admin_service.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "server/supervisor/admin_observe_api.h"
#include "server/supervisor/admin_server_backup_api.h"
#include "server/supervisor/admin_health_api.h"
#include "server/supervisor/admin_setup_api.h"
#include "server/supervisor/admin_acme_api.h"
#include "server/supervisor/admin_transfer_api.h"
#include "server/supervisor/admin_web_api.h"

namespace hauspost::supervisor {

namespace {

constexpr std::size_t kNamesShown = 5;

template <class Names>
std::string join_names(const Names& names) {
  std::string out;
  std::size_t shown = 0;
  for (const std::string& name : names) {
    if (shown++ == kNamesShown) return out + ",... (" + std::to_string(names.size()) + ")";
    if (!out.empty()) out += ',';
    out += name;
  }
  return out;
}

// What a changing call is about, for the audit event. Never a password.
std::string object_of(const admin::MailboxCreateRequest& request) {
  std::vector<std::string> addresses;
  for (const admin::NewMailbox& mailbox : request.mailboxes())
    addresses.push_back(mailbox.address());
  return join_names(addresses);
}
std::string object_of(const admin::ServiceEnableRequest& request) {
  return join_names(request.names());
}
std::string object_of(const admin::ServiceDisableRequest& request) {
  return join_names(request.names());
}
std::string object_of(const admin::TransferNewRequest& request) {
  const bool out = request.wish().is_export();
  return request.name() + (out ? " export to " : " import from ") + request.wish().file();
}
std::string object_of(const admin::TransferWorkRequest& request) {
  const std::string what = admin::TransferWorkRequest::Action_Name(request.action());
  return (request.is_export() ? "export " : "import ") + ascii_lower(what) + " " + request.name();
}
std::string object_of(const admin::StopRequest&) { return "server"; }
std::string object_of(const admin::ServerBackupRequest& request) { return request.folder(); }
std::string object_of(const admin::TrackSetRequest&) { return "tracking"; }
std::string object_of(const admin::SetupSetRequest&) { return "setup"; }
std::string object_of(const admin::HealthSetRequest&) { return "health"; }
std::string object_of(const admin::WebSetRequest&) { return "web"; }
std::string object_of(const admin::DnsSetRequest&) { return "dns"; }
std::string object_of(const admin::DnsFlushRequest& request) {
  return request.name().empty() ? "all" : request.name();
}
std::string object_of(const admin::TlsReportSendRequest& request) {
  return request.domain().empty() ? "all" : request.domain();
}
std::string word_of(child::wire::QueueAction action) {
  switch (action) {
    case child::wire::QUEUE_ACTION_SUSPEND: return "suspend";
    case child::wire::QUEUE_ACTION_RESUME: return "resume";
    case child::wire::QUEUE_ACTION_RETRY: return "retry";
    case child::wire::QUEUE_ACTION_REMOVE: return "remove";
    case child::wire::QUEUE_ACTION_REDIRECT: return "redirect";
    default: return "?";
  }
}
// "suspend Unreachable", "remove message 3-17", "remove messages Unreachable size > 1M".
std::string object_of(const admin::QueueActRequest& request) {
  return word_of(request.work().action()) + " " + request.work().queue();
}
std::string object_of(const admin::QueueMessageWorkRequest& request) {
  const auto& walk = request.work().walk();
  const std::string what = word_of(request.work().action());
  if (!walk.id().empty()) return what + " message " + walk.id();
  std::string out = what + " messages " + (walk.queue().empty() ? "of all queues" : walk.queue());
  return walk.filter().empty() ? out : out + " " + walk.filter();
}
std::string object_of(const admin::QueueMessageExportRequest& request) {
  return request.query().id();
}
std::string object_of(const admin::SafetyNetResubmitRequest& request) {
  return request.work().database().empty() ? "all databases" : request.work().database();
}
std::string object_of(const admin::QueueSetRequest& request) {
  std::vector<std::string> names;
  for (const admin::QueueChange& change : request.changes()) names.push_back(change.name());
  return join_names(names);
}
std::string object_of(const admin::Pop3SetRequest&) { return "pop3"; }
std::string object_of(const admin::MailauthSetRequest&) { return "mailauth"; }
std::string object_of(const admin::DmarcReportSendRequest& request) {
  return request.query().domain().empty() ? "all" : request.query().domain();
}
std::string object_of(const admin::DkimActivateRequest& request) {
  return request.name() + " " + request.selector();
}
std::string object_of(const admin::DkimRemoveRequest& request) {
  return request.name() + " " + request.selector();
}
std::string object_of(const admin::FilterAddRequest& request) {
  return request.entry().kind() + " " + request.entry().name();
}
std::string object_of(const admin::FilterSetRequest& request) {
  return request.entry().kind() + " " + request.entry().name();
}
std::string object_of(const admin::FilterRemoveRequest& request) {
  return request.kind() + " " + request.name();
}
std::string object_of(const admin::FilterLiftRequest& request) { return request.work().address(); }
std::string object_of(const admin::QuarantineReadRequest& request) { return request.query().id(); }
std::string object_of(const admin::QuarantineReleaseRequest& request) { return request.work().id(); }
std::string object_of(const admin::QuarantineRemoveRequest& request) { return request.work().id(); }
std::string object_of(const admin::ImapSetRequest&) { return "imap"; }
std::string object_of(const admin::CertificateReloadRequest&) { return "certificates"; }
std::string object_of(const admin::ComponentSetRequest& request) {
  return request.name() + " " + request.requester();
}
std::string object_of(const admin::BlockLiftRequest& request) {
  return request.name().empty() ? "all" : request.name();
}
std::string object_of(const admin::BlockSetRequest& request) {
  return "allow " + join_names(request.allow()) + " disallow " + join_names(request.disallow());
}
std::string object_of(const admin::JobStartRequest& request) {
  return request.name() + " " + request.kind();
}
std::string object_of(const admin::JobCancelRequest& request) {
  return std::to_string(request.id());
}
// Whom to, and on what: "info@example.org bob@example.org INBOX lr".
std::string object_of(const admin::MailboxPermissionAddRequest& request) {
  std::string out = request.name() + " " + request.user();
  if (!request.folder().empty()) out += " " + request.folder();
  return out + " " + request.rights();
}
std::string object_of(const admin::MailboxPermissionRemoveRequest& request) {
  std::string out = request.name() + " " + request.user();
  if (!request.folder().empty()) out += " " + request.folder();
  return out;
}
template <class Request>
std::string kind_and_name(const Request& request) {
  return request.kind() + " " + request.name();
}
std::string object_of(const admin::RecipientCreateRequest& request) {
  return kind_and_name(request);
}
std::string object_of(const admin::RecipientSetRequest& request) { return kind_and_name(request); }
std::string object_of(const admin::RecipientRemoveRequest& request) {
  return kind_and_name(request);
}
std::string object_of(const admin::GroupMemberAddRequest& request) {
  return request.name() + " " + join_names(request.members());
}
std::string object_of(const admin::GroupMemberRemoveRequest& request) {
  return request.name() + " " + join_names(request.members());
}
std::string object_of(const admin::AuthSettingsSetRequest&) { return "passwords"; }
std::string object_of(const admin::AppPasswordCreateRequest& request) {
  return request.name() + " " + request.label();
}
std::string object_of(const admin::AppPasswordRevokeRequest& request) {
  return request.name() + " " + request.label();
}
std::string object_of(const admin::SessionKillRequest& request) {
  const child::wire::SessionFilter& filter = request.what().filter();
  return filter.id() + " " + filter.user() + " " + filter.service() + " " + filter.database();
}
std::string object_of(const admin::LogLevelRequest& request) {
  return request.role() + " " + request.level();
}
template <class Request>
std::string object_of(const Request& request) {
  return request.name();
}

template <class Request>
bool is_dry_run(const Request& request) {
  if constexpr (requires { request.dry_run(); }) return request.dry_run();
  return false;
}

template <class Request>
Result<Request> parse_request(const std::string& body) {
  Request request;
  if (!request.ParseFromString(body))
    return fail(ErrorCode::kInvalid, "the request does not parse");
  return request;
}

}  // namespace

std::int64_t unix_now() {
  return std::chrono::duration_cast<Seconds>(system_clock().now().time_since_epoch()).count();
}

template <class Request>
Task<Result<std::string>> AdminService::look(Handler<Request> handler, std::string body) {
  CO_TRY_ASSIGN(Request request, parse_request<Request>(body));
  CO_TRY_ASSIGN(const auto reply, co_await (this->*handler)(std::move(request)));
  co_return reply.SerializeAsString();
}

template <class Request>
Task<Result<std::string>> AdminService::change(Handler<Request> handler, Caller caller,
                                               std::string_view verb, std::string body) {
  CO_TRY_ASSIGN(Request request, parse_request<Request>(body));
  const std::string object = object_of(request);
  const bool dry_run = is_dry_run(request);
  const auto reply = co_await (this->*handler)(std::move(request));
  const std::string outcome = reply ? std::string("done") : reply.error().text;
  log::info("audit", {{"verb", verb},
                      {"object", object},
                      {"uid", caller.uid},
                      {"pid", caller.pid},
                      {"dry_run", dry_run},
                      {"outcome", outcome}});
  const auto kept = audit_.append({.time_s = unix_now(),
                                   .uid = caller.uid,
                                   .pid = caller.pid,
                                   .verb = std::string(verb),
                                   .object = object,
                                   .dry_run = dry_run,
                                   .outcome = outcome,
                                   .user = {}});
  // What was done cannot be taken back for the want of a line.
  if (!kept) log::error("audit.not_kept", {{"verb", verb}, {"cause", kept.error()}});
  if (!reply) co_return fail(reply.error());
  co_return reply->SerializeAsString();
}

Task<Result<std::string>> AdminService::answer(Caller caller, std::uint16_t method,
                                               std::string body) {
  using enum admin::Method;
  using Self = AdminService;
  const auto alter = [&](auto handler, std::string_view verb) {
    return change(handler, caller, verb, std::move(body));
  };
  switch (static_cast<admin::Method>(method)) {
    case kStatus: co_return co_await look(&Self::status, std::move(body));
    case kStop: co_return co_await alter(&Self::stop, "server stop");
    case kTransferNew: co_return co_await alter(&Self::transfer_new, "mailbox transfer new");
    case kTransferList: co_return co_await look(&Self::transfer_list, std::move(body));
    case kTransferWork: co_return co_await alter(&Self::transfer_work, "mailbox transfer");
    case kTransferReport: co_return co_await look(&Self::transfer_report, std::move(body));
    case kServerBackup: co_return co_await alter(&Self::server_backup, "server backup");
    case kMetrics: co_return co_await look(&Self::metrics, std::move(body));
    case kSessionList: co_return co_await look(&Self::session_list, std::move(body));
    case kSessionKill: co_return co_await alter(&Self::session_kill, "session kill");
    case kLogLevel: co_return co_await alter(&Self::log_level, "log level");
    case kDatabaseCreate: co_return co_await alter(&Self::database_create, "database create");
    case kDatabaseList: co_return co_await look(&Self::database_list, std::move(body));
    case kDatabaseShow: co_return co_await look(&Self::database_show, std::move(body));
    case kDatabaseMount: co_return co_await alter(&Self::database_mount, "database mount");
    case kDatabaseDismount: co_return co_await alter(&Self::database_dismount, "database dismount");
    case kDatabaseRemove: co_return co_await alter(&Self::database_remove, "database remove");
    case kDatabaseSet: co_return co_await alter(&Self::database_set, "database set");
    case kDatabaseMovePath:
      co_return co_await alter(&Self::database_move_path, "database move-path");
    case kDatabaseRestore: co_return co_await alter(&Self::database_restore, "database restore");
    case kAuthSources: co_return co_await look(&Self::auth_sources, std::move(body));
    case kAuthTest: co_return co_await alter(&Self::auth_test, "auth test");
    case kDomainAdd: co_return co_await alter(&Self::domain_add, "domain add");
    case kDomainList: co_return co_await look(&Self::domain_list, std::move(body));
    case kDomainRemove: co_return co_await alter(&Self::domain_remove, "domain remove");
    case kDomainShow: co_return co_await look(&Self::domain_show, std::move(body));
    case kDomainSet: co_return co_await alter(&Self::domain_set, "domain set");
    case kRecipientCreate: co_return co_await alter(&Self::recipient_create, "recipient create");
    case kRecipientList: co_return co_await look(&Self::recipient_list, std::move(body));
    case kRecipientShow: co_return co_await look(&Self::recipient_show, std::move(body));
    case kRecipientSet: co_return co_await alter(&Self::recipient_set, "recipient set");
    case kRecipientRemove: co_return co_await alter(&Self::recipient_remove, "recipient remove");
    case kRecipientSetPassword:
      co_return co_await alter(&Self::recipient_set_password, "mailuser set-password");
    case kGroupMemberAdd: co_return co_await alter(&Self::group_member_add, "group member add");
    case kGroupMemberRemove:
      co_return co_await alter(&Self::group_member_remove, "group member remove");
    case kGroupMemberList: co_return co_await look(&Self::group_member_list, std::move(body));
    case kMailboxCreate: co_return co_await alter(&Self::mailbox_create, "mailbox create");
    case kMailboxList: co_return co_await look(&Self::mailbox_list, std::move(body));
    case kMailboxShow: co_return co_await look(&Self::mailbox_show, std::move(body));
    case kMailboxSetPassword:
      co_return co_await alter(&Self::mailbox_set_password, "mailbox set-password");
    case kMailboxRemove: co_return co_await alter(&Self::mailbox_remove, "mailbox remove");
    case kMailboxSet: co_return co_await alter(&Self::mailbox_set, "mailbox set");
    case kMailboxDisable: co_return co_await alter(&Self::mailbox_disable, "mailbox disable");
    case kMailboxDisconnected:
      co_return co_await look(&Self::mailbox_disconnected, std::move(body));
    case kMailboxConnect: co_return co_await alter(&Self::mailbox_connect, "mailbox connect");
    case kMailboxPurge: co_return co_await alter(&Self::mailbox_purge, "mailbox purge");
    case kMailboxStats: co_return co_await look(&Self::mailbox_stats, std::move(body));
    case kMailboxFolders: co_return co_await look(&Self::mailbox_folders, std::move(body));
    case kMailboxRecoverList: co_return co_await look(&Self::mailbox_recover_list, std::move(body));
    case kMailboxRecoverRestore:
      co_return co_await alter(&Self::mailbox_recover_restore, "mailbox recover restore");
    case kMailboxRecoverPurge:
      co_return co_await alter(&Self::mailbox_recover_purge, "mailbox recover purge");
    case kClientSettings: co_return co_await look(&Self::client_settings, std::move(body));
    case kServiceEnable: co_return co_await alter(&Self::service_enable, "service enable");
    case kServiceDisable: co_return co_await alter(&Self::service_disable, "service disable");
    case kServiceList: co_return co_await look(&Self::service_list, std::move(body));
    case kAuthSettingsShow: co_return co_await look(&Self::auth_settings_show, std::move(body));
    case kAuthSettingsSet: co_return co_await alter(&Self::auth_settings_set, "auth set");
    case kAppPasswordCreate:
      co_return co_await alter(&Self::app_password_create, "mailbox app-password create");
    case kAppPasswordList: co_return co_await look(&Self::app_password_list, std::move(body));
    case kAppPasswordRevoke:
      co_return co_await alter(&Self::app_password_revoke, "mailbox app-password revoke");
    case kHealthShow: co_return co_await look(&Self::health_show, std::move(body));
    case kHealthSet: co_return co_await alter(&Self::health_set, "health set");
    case kHealthOverride: co_return co_await alter(&Self::health_override, "health override");
    case kHealthTest: co_return co_await look(&Self::health_test, std::move(body));
    case kSetupShow: co_return co_await look(&Self::setup_show, std::move(body));
    case kAcmeEnable: co_return co_await alter(&Self::acme_enable, "certificate acme enable");
    case kAcmeShow: co_return co_await look(&Self::acme_show, std::move(body));
    case kAcmeRenew: co_return co_await alter(&Self::acme_renew, "certificate acme renew");
    case kAcmeDisable: co_return co_await alter(&Self::acme_disable, "certificate acme disable");
    case kAcmeRevoke: co_return co_await alter(&Self::acme_revoke, "certificate acme revoke");
    case kWebShow: co_return co_await look(&Self::web_show, std::move(body));
    case kWebSet: co_return co_await alter(&Self::web_set, "web set");
    case kSetupSet: co_return co_await alter(&Self::setup_set, "setup");
    case kAuditList: co_return co_await look(&Self::audit_list, std::move(body));
    case kPop3Show: co_return co_await look(&Self::pop3_show, std::move(body));
    case kPop3Set: co_return co_await alter(&Self::pop3_set, "pop3 set");
    case kImapShow: co_return co_await look(&Self::imap_show, std::move(body));
    case kImapSet: co_return co_await alter(&Self::imap_set, "imap set");
    case kImapWithdrawnList:
      co_return co_await look(&Self::imap_withdrawn_list, std::move(body));
    case kImapWithdrawnLift:
      co_return co_await alter(&Self::imap_withdrawn_lift, "imap withdrawn lift");
    case kMailboxPermissionList:
      co_return co_await look(&Self::mailbox_permission_list, std::move(body));
    case kMailboxPermissionAdd:
      co_return co_await alter(&Self::mailbox_permission_add, "mailbox permission add");
    case kMailboxPermissionRemove:
      co_return co_await alter(&Self::mailbox_permission_remove, "mailbox permission remove");
    case kQueueList: co_return co_await look(&Self::queue_list, std::move(body));
    case kQueueAct: co_return co_await alter(&Self::queue_act, "queue act");
    case kQueueMessageList: co_return co_await look(&Self::queue_message_list, std::move(body));
    case kQueueMessageWork:
      co_return co_await alter(&Self::queue_message_work, "queue message act");
    case kQueueMessageExport:
      co_return co_await alter(&Self::queue_message_export, "queue message export");
    case kSafetyNetResubmit:
      co_return co_await alter(&Self::safety_net_resubmit, "safetynet resubmit");
    case kQueueSet: co_return co_await alter(&Self::queue_set, "queue set");
    case kJobStart: co_return co_await alter(&Self::job_start, "job start");
    case kJobList: co_return co_await look(&Self::job_list, std::move(body));
    case kJobShow: co_return co_await look(&Self::job_show, std::move(body));
    case kJobCancel: co_return co_await alter(&Self::job_cancel, "job cancel");
    case kCertificateList: co_return co_await look(&Self::certificate_list, std::move(body));
    case kCertificateReload:
      co_return co_await alter(&Self::certificate_reload, "certificate reload");
    case kCertificateAdd: co_return co_await alter(&Self::certificate_add, "certificate add");
    case kCertificateRemove:
      co_return co_await alter(&Self::certificate_remove, "certificate remove");
    case kListenerList: co_return co_await look(&Self::listener_list, std::move(body));
    case kListenerSet: co_return co_await alter(&Self::listener_set, "listener set");
    case kComponentList: co_return co_await look(&Self::component_list, std::move(body));
    case kComponentSet: co_return co_await alter(&Self::component_set, "component set");
    case kReceiveConnectorList:
      co_return co_await look(&Self::receive_connector_list, std::move(body));
    case kReceiveConnectorShow:
      co_return co_await look(&Self::receive_connector_show, std::move(body));
    case kReceiveConnectorCreate:
      co_return co_await alter(&Self::receive_connector_create, "connector receive create");
    case kReceiveConnectorSet:
      co_return co_await alter(&Self::receive_connector_set, "connector receive set");
    case kReceiveConnectorRemove:
      co_return co_await alter(&Self::receive_connector_remove, "connector receive remove");
    case kFilterList: co_return co_await look(&Self::filter_list, std::move(body));
    case kFilterAdd: co_return co_await alter(&Self::filter_add, "filter add");
    case kFilterSet: co_return co_await alter(&Self::filter_set, "filter set");
    case kFilterRemove: co_return co_await alter(&Self::filter_remove, "filter remove");
    case kFilterClients: co_return co_await look(&Self::filter_clients, std::move(body));
    case kFilterLift: co_return co_await alter(&Self::filter_lift, "filter client lift");
    case kQuarantineList: co_return co_await look(&Self::quarantine_list, std::move(body));
    case kQuarantineRead: co_return co_await alter(&Self::quarantine_read, "quarantine read");
    case kQuarantineRelease:
      co_return co_await alter(&Self::quarantine_release, "quarantine release");
    case kQuarantineRemove: co_return co_await alter(&Self::quarantine_remove, "quarantine remove");
    case kTrackSearch: co_return co_await look(&Self::track_search, std::move(body));
    case kTrackShow: co_return co_await look(&Self::track_show, std::move(body));
    case kTrackSet: co_return co_await alter(&Self::track_set, "track set");
    case kDkimCreate: co_return co_await alter(&Self::dkim_create, "dkim create");
    case kDkimList: co_return co_await look(&Self::dkim_list, std::move(body));
    case kDkimActivate: co_return co_await alter(&Self::dkim_activate, "dkim activate");
    case kDkimRemove: co_return co_await alter(&Self::dkim_remove, "dkim remove");
    case kDkimCheck: co_return co_await look(&Self::dkim_check, std::move(body));
    case kMailauthShow: co_return co_await look(&Self::mailauth_show, std::move(body));
    case kMailauthSet: co_return co_await alter(&Self::mailauth_set, "mailauth set");
    case kMailauthTest: co_return co_await look(&Self::mailauth_test, std::move(body));
    case kDmarcReportShow: co_return co_await look(&Self::dmarc_report_show, std::move(body));
    case kDmarcReportSend: co_return co_await alter(&Self::dmarc_report_send, "mailauth report send");
    case kDnsShow: co_return co_await look(&Self::dns_show, std::move(body));
    case kDnsSet: co_return co_await alter(&Self::dns_set, "dns set");
    case kDnsLookup: co_return co_await look(&Self::dns_lookup, std::move(body));
    case kDnsHops: co_return co_await look(&Self::dns_hops, std::move(body));
    case kDnsCache: co_return co_await look(&Self::dns_cache, std::move(body));
    case kDnsFlush: co_return co_await alter(&Self::dns_flush, "dns flush");
    case kTlsReportShow: co_return co_await look(&Self::tls_report_show, std::move(body));
    case kTlsReportSend: co_return co_await alter(&Self::tls_report_send, "tls-report send");
    case kSendConnectorCreate:
      co_return co_await alter(&Self::send_connector_create, "connector send create");
    case kSendConnectorSet:
      co_return co_await alter(&Self::send_connector_set, "connector send set");
    case kSendConnectorList: co_return co_await look(&Self::send_connector_list, std::move(body));
    case kSendConnectorRemove:
      co_return co_await alter(&Self::send_connector_remove, "connector send remove");
    case kBlockList: co_return co_await look(&Self::block_list, std::move(body));
    case kBlockLift: co_return co_await alter(&Self::block_lift, "block lift");
    case kBlockShow: co_return co_await look(&Self::block_show, std::move(body));
    case kBlockSet: co_return co_await alter(&Self::block_set, "block set");
  }
  co_return fail(ErrorCode::kInvalid, "the supervisor does not know this call; is it older?");
}

}  // namespace hauspost::supervisor
