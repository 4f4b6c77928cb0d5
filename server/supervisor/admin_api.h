// The admin API: what the CLI asks of the supervisor. One request and one reply message a method
// (admin.proto); the types below tie them to their method number, so that a call cannot mismatch.
#pragma once

#include <string>

#include "base/link/rpc.h"
#include "server/supervisor/admin.pb.h"

namespace hauspost::admin {

// On the wire for ever: numbers are never reused.
enum class Method : std::uint16_t {
  kStatus = 1,
  kStop = 2,
  kDatabaseCreate = 10,
  kDatabaseList = 11,
  kDatabaseShow = 12,
  kDatabaseMount = 13,
  kDatabaseDismount = 14,
  kDatabaseRemove = 15,
  kDatabaseSet = 16,
  kDatabaseMovePath = 17,
  kDatabaseRestore = 19,
  kDomainAdd = 20,
  kDomainList = 21,
  kDomainRemove = 22,
  kDomainShow = 23,
  kDomainSet = 24,
  kRecipientCreate = 150,
  kRecipientList = 151,
  kRecipientShow = 152,
  kRecipientSet = 153,
  kRecipientRemove = 154,
  kRecipientSetPassword = 155,
  kGroupMemberAdd = 156,
  kGroupMemberRemove = 157,
  kGroupMemberList = 158,
  kMailboxCreate = 30,
  kMailboxList = 31,
  kMailboxShow = 32,
  kMailboxSetPassword = 33,
  kMailboxRemove = 34,
  kClientSettings = 35,
  kServiceEnable = 40,
  kServiceDisable = 41,
  kServiceList = 42,
  kPop3Show = 45,
  kPop3Set = 46,
  kImapWithdrawnList = 47,
  kImapWithdrawnLift = 48,
  kImapShow = 49,
  kImapSet = 44,
  kQueueList = 50,
  kQueueAct = 51,
  kQueueMessageList = 52,
  kQueueMessageWork = 53,
  kQueueMessageExport = 54,
  kSafetyNetResubmit = 55,
  kQueueSet = 56,
  kMailboxSet = 60,
  kMailboxDisable = 61,
  kMailboxDisconnected = 62,
  kMailboxConnect = 63,
  kMailboxPurge = 64,
  kMailboxStats = 65,
  kMailboxFolders = 66,
  kMailboxRecoverList = 67,
  kMailboxRecoverRestore = 68,
  kMailboxRecoverPurge = 69,
  kJobStart = 70,
  kJobList = 71,
  kJobShow = 72,
  kJobCancel = 73,
  kCertificateList = 100,
  kCertificateReload = 101,
  kCertificateAdd = 102,
  kCertificateRemove = 103,
  kListenerList = 105,
  kListenerSet = 106,
  kComponentList = 107,
  kComponentSet = 108,
  kBlockList = 110,
  kBlockLift = 111,
  kBlockShow = 112,
  kBlockSet = 113,
  kTrackSearch = 200,
  kTrackShow = 201,
  kTrackSet = 202,
  kDkimCreate = 240,
  kDkimList = 241,
  kDkimActivate = 242,
  kDkimRemove = 243,
  kDkimCheck = 244,
  kMailauthShow = 245,
  kMailauthSet = 246,
  kMailauthTest = 247,
  kDmarcReportShow = 248,
  kDmarcReportSend = 249,
  kDnsShow = 220,
  kDnsSet = 221,
  kDnsLookup = 222,
  kDnsHops = 223,
  kDnsCache = 224,
  kDnsFlush = 225,
  kTlsReportShow = 226,
  kTlsReportSend = 227,
  kFilterList = 290,
  kFilterAdd = 291,
  kFilterSet = 292,
  kFilterRemove = 293,
  kFilterClients = 294,
  kFilterLift = 295,
  kQuarantineList = 296,
  kQuarantineRead = 297,
  kQuarantineRelease = 298,
  kQuarantineRemove = 299,
  kReceiveConnectorList = 210,
  kReceiveConnectorShow = 211,
  kReceiveConnectorCreate = 212,
  kReceiveConnectorSet = 213,
  kReceiveConnectorRemove = 214,
  kSendConnectorCreate = 160,
  kSendConnectorSet = 161,
  kSendConnectorList = 162,
  kSendConnectorRemove = 163,
  kAuthSources = 140,
  kAuthTest = 141,
  kMailboxPermissionList = 120,
  kMailboxPermissionAdd = 121,
  kMailboxPermissionRemove = 122,
  kAuthSettingsShow = 130,
  kAuthSettingsSet = 131,
  kAppPasswordCreate = 132,
  kAppPasswordList = 133,
  kAppPasswordRevoke = 134,
  kAuditList = 135,
  kServerBackup = 430,  // admin_server_backup_api.h
  // admin_observe_api.h
  kMetrics = 350,
  kSessionList = 351,
  kSessionKill = 352,
  kLogLevel = 353,
  // admin_acme_api.h
  kAcmeEnable = 330,
  kAcmeShow = 331,
  kAcmeRenew = 332,
  kAcmeDisable = 333,
  kAcmeRevoke = 334,
  // admin_web_api.h
  kWebShow = 310,
  kWebSet = 311,
  // admin_health_api.h
  kHealthShow = 370,
  kHealthSet = 371,
  kHealthOverride = 372,
  kHealthTest = 373,
  // admin_transfer_api.h
  kTransferNew = 390,
  kTransferList = 391,
  kTransferWork = 392,
  kTransferReport = 393,
  // admin_setup_api.h
  kSetupShow = 300,
  kSetupSet = 301,
};

template <Method kNumber, class ReplyMessage>
struct Call {
  static constexpr Method kMethod = kNumber;
  using Reply = ReplyMessage;
};

template <class Request>
struct CallOf;
template <>
struct CallOf<StatusRequest> : Call<Method::kStatus, StatusReply> {};
template <>
struct CallOf<StopRequest> : Call<Method::kStop, StopReply> {};
template <>
struct CallOf<DatabaseCreateRequest> : Call<Method::kDatabaseCreate, DatabaseCreateReply> {};
template <>
struct CallOf<DatabaseListRequest> : Call<Method::kDatabaseList, DatabaseListReply> {};
template <>
struct CallOf<DatabaseShowRequest> : Call<Method::kDatabaseShow, DatabaseShowReply> {};
template <>
struct CallOf<DatabaseMountRequest> : Call<Method::kDatabaseMount, DatabaseMountReply> {};
template <>
struct CallOf<DatabaseDismountRequest> : Call<Method::kDatabaseDismount, DatabaseDismountReply> {};
template <>
struct CallOf<DatabaseRemoveRequest> : Call<Method::kDatabaseRemove, DatabaseRemoveReply> {};
template <>
struct CallOf<DatabaseSetRequest> : Call<Method::kDatabaseSet, DatabaseSetReply> {};
template <>
struct CallOf<DatabaseMovePathRequest> : Call<Method::kDatabaseMovePath, DatabaseMovePathReply> {};
template <>
struct CallOf<DatabaseRestoreRequest> : Call<Method::kDatabaseRestore, DatabaseRestoreReply> {};
template <>
struct CallOf<DomainAddRequest> : Call<Method::kDomainAdd, DomainAddReply> {};
template <>
struct CallOf<DomainListRequest> : Call<Method::kDomainList, DomainListReply> {};
template <>
struct CallOf<DomainRemoveRequest> : Call<Method::kDomainRemove, DomainRemoveReply> {};
template <>
struct CallOf<MailboxCreateRequest> : Call<Method::kMailboxCreate, MailboxCreateReply> {};
template <>
struct CallOf<MailboxListRequest> : Call<Method::kMailboxList, MailboxListReply> {};
template <>
struct CallOf<MailboxShowRequest> : Call<Method::kMailboxShow, MailboxShowReply> {};
template <>
struct CallOf<MailboxSetPasswordRequest>
    : Call<Method::kMailboxSetPassword, MailboxSetPasswordReply> {};
template <>
struct CallOf<MailboxRemoveRequest> : Call<Method::kMailboxRemove, MailboxRemoveReply> {};
template <>
struct CallOf<MailboxSetRequest> : Call<Method::kMailboxSet, MailboxSetReply> {};
template <>
struct CallOf<MailboxDisableRequest> : Call<Method::kMailboxDisable, MailboxDisableReply> {};
template <>
struct CallOf<MailboxDisconnectedRequest>
    : Call<Method::kMailboxDisconnected, MailboxDisconnectedReply> {};
template <>
struct CallOf<MailboxConnectRequest> : Call<Method::kMailboxConnect, MailboxConnectReply> {};
template <>
struct CallOf<MailboxPurgeRequest> : Call<Method::kMailboxPurge, MailboxPurgeReply> {};
template <>
struct CallOf<MailboxStatsRequest> : Call<Method::kMailboxStats, MailboxStatsReply> {};
template <>
struct CallOf<MailboxFoldersRequest> : Call<Method::kMailboxFolders, MailboxFoldersReply> {};
template <>
struct CallOf<MailboxRecoverListRequest>
    : Call<Method::kMailboxRecoverList, MailboxRecoverListReply> {};
template <>
struct CallOf<MailboxRecoverRestoreRequest>
    : Call<Method::kMailboxRecoverRestore, MailboxRecoverRestoreReply> {};
template <>
struct CallOf<MailboxRecoverPurgeRequest>
    : Call<Method::kMailboxRecoverPurge, MailboxRecoverPurgeReply> {};
template <>
struct CallOf<ClientSettingsRequest> : Call<Method::kClientSettings, ClientSettingsReply> {};
template <>
struct CallOf<ServiceEnableRequest> : Call<Method::kServiceEnable, ServiceEnableReply> {};
template <>
struct CallOf<ServiceDisableRequest> : Call<Method::kServiceDisable, ServiceDisableReply> {};
template <>
struct CallOf<ServiceListRequest> : Call<Method::kServiceList, ServiceListReply> {};
template <>
struct CallOf<Pop3ShowRequest> : Call<Method::kPop3Show, Pop3ShowReply> {};
template <>
struct CallOf<Pop3SetRequest> : Call<Method::kPop3Set, Pop3SetReply> {};
template <>
struct CallOf<ImapShowRequest> : Call<Method::kImapShow, ImapShowReply> {};
template <>
struct CallOf<ImapSetRequest> : Call<Method::kImapSet, ImapSetReply> {};
template <>
struct CallOf<ImapWithdrawnListRequest>
    : Call<Method::kImapWithdrawnList, ImapWithdrawnListReply> {};
template <>
struct CallOf<ImapWithdrawnLiftRequest>
    : Call<Method::kImapWithdrawnLift, ImapWithdrawnLiftReply> {};
template <>
struct CallOf<MailboxPermissionListRequest>
    : Call<Method::kMailboxPermissionList, MailboxPermissionListReply> {};
template <>
struct CallOf<MailboxPermissionAddRequest>
    : Call<Method::kMailboxPermissionAdd, MailboxPermissionAddReply> {};
template <>
struct CallOf<MailboxPermissionRemoveRequest>
    : Call<Method::kMailboxPermissionRemove, MailboxPermissionRemoveReply> {};
template <>
struct CallOf<QueueListRequest> : Call<Method::kQueueList, QueueListReply> {};
template <>
struct CallOf<QueueActRequest> : Call<Method::kQueueAct, QueueActReply> {};
template <>
struct CallOf<QueueMessageListRequest> : Call<Method::kQueueMessageList, QueueMessageListReply> {};
template <>
struct CallOf<QueueMessageWorkRequest> : Call<Method::kQueueMessageWork, QueueMessageWorkReply> {};
template <>
struct CallOf<QueueMessageExportRequest>
    : Call<Method::kQueueMessageExport, QueueMessageExportReply> {};
template <>
struct CallOf<SafetyNetResubmitRequest>
    : Call<Method::kSafetyNetResubmit, SafetyNetResubmitReply> {};
template <>
struct CallOf<QueueSetRequest> : Call<Method::kQueueSet, QueueSetReply> {};
template <>
struct CallOf<JobStartRequest> : Call<Method::kJobStart, JobStartReply> {};
template <>
struct CallOf<JobListRequest> : Call<Method::kJobList, JobListReply> {};
template <>
struct CallOf<JobShowRequest> : Call<Method::kJobShow, JobShowReply> {};
template <>
struct CallOf<JobCancelRequest> : Call<Method::kJobCancel, JobCancelReply> {};
template <>
struct CallOf<CertificateListRequest> : Call<Method::kCertificateList, CertificateListReply> {};
template <>
struct CallOf<CertificateReloadRequest> : Call<Method::kCertificateReload, CertificateReloadReply> {};
template <>
struct CallOf<CertificateAddRequest> : Call<Method::kCertificateAdd, CertificateAddReply> {};
template <>
struct CallOf<CertificateRemoveRequest> : Call<Method::kCertificateRemove, CertificateRemoveReply> {};
template <>
struct CallOf<ListenerListRequest> : Call<Method::kListenerList, ListenerListReply> {};
template <>
struct CallOf<ListenerSetRequest> : Call<Method::kListenerSet, ListenerSetReply> {};
template <>
struct CallOf<ComponentListRequest> : Call<Method::kComponentList, ComponentListReply> {};
template <>
struct CallOf<ComponentSetRequest> : Call<Method::kComponentSet, ComponentSetReply> {};
template <>
struct CallOf<TrackSearchRequest> : Call<Method::kTrackSearch, TrackSearchReply> {};
template <>
struct CallOf<TrackShowRequest> : Call<Method::kTrackShow, TrackShowReply> {};
template <>
struct CallOf<TrackSetRequest> : Call<Method::kTrackSet, TrackSetReply> {};
template <>
struct CallOf<DkimCreateRequest> : Call<Method::kDkimCreate, DkimCreateReply> {};
template <>
struct CallOf<DkimListRequest> : Call<Method::kDkimList, DkimListReply> {};
template <>
struct CallOf<DkimActivateRequest> : Call<Method::kDkimActivate, DkimActivateReply> {};
template <>
struct CallOf<DkimRemoveRequest> : Call<Method::kDkimRemove, DkimRemoveReply> {};
template <>
struct CallOf<DkimCheckRequest> : Call<Method::kDkimCheck, DkimCheckReply> {};
template <>
struct CallOf<MailauthShowRequest> : Call<Method::kMailauthShow, MailauthShowReply> {};
template <>
struct CallOf<MailauthSetRequest> : Call<Method::kMailauthSet, MailauthSetReply> {};
template <>
struct CallOf<MailauthTestRequest> : Call<Method::kMailauthTest, MailauthTestReply> {};
template <>
struct CallOf<DmarcReportShowRequest> : Call<Method::kDmarcReportShow, DmarcReportShowReply> {};
template <>
struct CallOf<DmarcReportSendRequest> : Call<Method::kDmarcReportSend, DmarcReportSendReply> {};
template <>
struct CallOf<FilterListRequest> : Call<Method::kFilterList, FilterListReply> {};
template <>
struct CallOf<FilterAddRequest> : Call<Method::kFilterAdd, FilterAddReply> {};
template <>
struct CallOf<FilterSetRequest> : Call<Method::kFilterSet, FilterSetReply> {};
template <>
struct CallOf<FilterRemoveRequest> : Call<Method::kFilterRemove, FilterRemoveReply> {};
template <>
struct CallOf<FilterClientsRequest> : Call<Method::kFilterClients, FilterClientsReply> {};
template <>
struct CallOf<FilterLiftRequest> : Call<Method::kFilterLift, FilterLiftReply> {};
template <>
struct CallOf<QuarantineListRequest> : Call<Method::kQuarantineList, QuarantineListReply> {};
template <>
struct CallOf<QuarantineReadRequest> : Call<Method::kQuarantineRead, QuarantineReadReply> {};
template <>
struct CallOf<QuarantineReleaseRequest> : Call<Method::kQuarantineRelease, QuarantineReleaseReply> {};
template <>
struct CallOf<QuarantineRemoveRequest> : Call<Method::kQuarantineRemove, QuarantineRemoveReply> {};
template <>
struct CallOf<DnsShowRequest> : Call<Method::kDnsShow, DnsShowReply> {};
template <>
struct CallOf<DnsSetRequest> : Call<Method::kDnsSet, DnsSetReply> {};
template <>
struct CallOf<DnsLookupRequest> : Call<Method::kDnsLookup, DnsLookupReply> {};
template <>
struct CallOf<DnsHopsRequest> : Call<Method::kDnsHops, DnsHopsReply> {};
template <>
struct CallOf<DnsCacheRequest> : Call<Method::kDnsCache, DnsCacheReply> {};
template <>
struct CallOf<DnsFlushRequest> : Call<Method::kDnsFlush, DnsFlushReply> {};
template <>
struct CallOf<TlsReportShowRequest> : Call<Method::kTlsReportShow, TlsReportShowReply> {};
template <>
struct CallOf<TlsReportSendRequest> : Call<Method::kTlsReportSend, TlsReportSendReply> {};
template <>
struct CallOf<BlockListRequest> : Call<Method::kBlockList, BlockListReply> {};
template <>
struct CallOf<BlockLiftRequest> : Call<Method::kBlockLift, BlockLiftReply> {};
template <>
struct CallOf<BlockShowRequest> : Call<Method::kBlockShow, BlockShowReply> {};
template <>
struct CallOf<BlockSetRequest> : Call<Method::kBlockSet, BlockSetReply> {};
template <>
struct CallOf<AuthSourcesRequest> : Call<Method::kAuthSources, AuthSourcesReply> {};
template <>
struct CallOf<AuthTestRequest> : Call<Method::kAuthTest, AuthTestReply> {};
template <>
struct CallOf<AuthSettingsShowRequest> : Call<Method::kAuthSettingsShow, AuthSettingsShowReply> {};
template <>
struct CallOf<AuthSettingsSetRequest> : Call<Method::kAuthSettingsSet, AuthSettingsSetReply> {};
template <>
struct CallOf<AppPasswordCreateRequest>
    : Call<Method::kAppPasswordCreate, AppPasswordCreateReply> {};
template <>
struct CallOf<AppPasswordListRequest> : Call<Method::kAppPasswordList, AppPasswordListReply> {};
template <>
struct CallOf<AppPasswordRevokeRequest>
    : Call<Method::kAppPasswordRevoke, AppPasswordRevokeReply> {};
template <>
struct CallOf<ReceiveConnectorListRequest>
    : Call<Method::kReceiveConnectorList, ReceiveConnectorListReply> {};
template <>
struct CallOf<ReceiveConnectorShowRequest>
    : Call<Method::kReceiveConnectorShow, ReceiveConnectorShowReply> {};
template <>
struct CallOf<ReceiveConnectorCreateRequest>
    : Call<Method::kReceiveConnectorCreate, ReceiveConnectorCreateReply> {};
template <>
struct CallOf<ReceiveConnectorSetRequest>
    : Call<Method::kReceiveConnectorSet, ReceiveConnectorSetReply> {};
template <>
struct CallOf<ReceiveConnectorRemoveRequest>
    : Call<Method::kReceiveConnectorRemove, ReceiveConnectorRemoveReply> {};
template <>
struct CallOf<AuditListRequest> : Call<Method::kAuditList, AuditListReply> {};
template <>
struct CallOf<SendConnectorCreateRequest>
    : Call<Method::kSendConnectorCreate, SendConnectorCreateReply> {};
template <>
struct CallOf<SendConnectorSetRequest> : Call<Method::kSendConnectorSet, SendConnectorSetReply> {};
template <>
struct CallOf<SendConnectorListRequest>
    : Call<Method::kSendConnectorList, SendConnectorListReply> {};
template <>
struct CallOf<SendConnectorRemoveRequest>
    : Call<Method::kSendConnectorRemove, SendConnectorRemoveReply> {};

template <>
struct CallOf<DomainShowRequest> : Call<Method::kDomainShow, DomainShowReply> {};
template <>
struct CallOf<DomainSetRequest> : Call<Method::kDomainSet, DomainSetReply> {};
template <>
struct CallOf<RecipientCreateRequest> : Call<Method::kRecipientCreate, RecipientCreateReply> {};
template <>
struct CallOf<RecipientListRequest> : Call<Method::kRecipientList, RecipientListReply> {};
template <>
struct CallOf<RecipientShowRequest> : Call<Method::kRecipientShow, RecipientShowReply> {};
template <>
struct CallOf<RecipientSetRequest> : Call<Method::kRecipientSet, RecipientSetReply> {};
template <>
struct CallOf<RecipientRemoveRequest> : Call<Method::kRecipientRemove, RecipientRemoveReply> {};
template <>
struct CallOf<RecipientSetPasswordRequest>
    : Call<Method::kRecipientSetPassword, RecipientSetPasswordReply> {};
template <>
struct CallOf<GroupMemberAddRequest> : Call<Method::kGroupMemberAdd, GroupMemberAddReply> {};
template <>
struct CallOf<GroupMemberRemoveRequest> : Call<Method::kGroupMemberRemove, GroupMemberRemoveReply> {};
template <>
struct CallOf<GroupMemberListRequest> : Call<Method::kGroupMemberList, GroupMemberListReply> {};

// Long enough for the slowest: a mount that recovers, a thousand passwords.
inline constexpr Duration kCallTimeout = std::chrono::minutes(2);
inline constexpr int kMailboxesPerCallMax = 1000;

// The socket the supervisor of this data root answers on (mode 0600; root and the owner only).
std::string admin_socket(const std::string& data_root);

// One call. `client` is RpcClient(executor, admin_socket(data_root), link::kAdminPayloadMax).
// kUnavailable: nobody listens there, or it went away; else the supervisor's own refusal.
template <class Request>
Task<Result<typename CallOf<Request>::Reply>> call(link::RpcClient& client, Request request,
                                                   Duration timeout = kCallTimeout) {
  const std::string body = request.SerializeAsString();
  CO_TRY_ASSIGN(
      const std::string bytes,
      co_await client.call(static_cast<std::uint16_t>(CallOf<Request>::kMethod), body, timeout));
  typename CallOf<Request>::Reply reply;
  if (!reply.ParseFromString(bytes)) {
    co_return fail(ErrorCode::kCorrupt, "the supervisor's answer does not parse");
  }
  co_return reply;
}

}  // namespace hauspost::admin
