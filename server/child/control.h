// Methods of the calls that the supervisor makes over a child's control connection
// (base/link/rpc.h). Numbers below 16 are answered by run_until_told() for every role; a role's own
// go to Life::handler.
#pragma once

#include <cstdint>

namespace hauspost::child {

enum class ControlMethod : std::uint16_t {
  kPing = 1,  // empty; answered with nothing once the child serves
  kStop = 2,  // empty; as SIGTERM
  kMetrics = 3,   // empty -> MetricsReply (metrics.proto)
  kLogLevel = 4,  // the level's word -> empty; kInvalid
  // Store worker
  kStoreStatistics = 16,     // empty -> StoreStatistics
  kStoreDeleteMailbox = 17,  // DeleteMailboxRequest -> empty; kNotFound when it was never stored
  kWithdrawnList = 18,       // WithdrawnRequest -> WithdrawnReply
  kWithdrawnLift = 19,       // WithdrawnRequest -> WithdrawnReply: what was lifted
  // Store worker: jobs (jobs.proto)
  kJobStart = 20,   // JobStartRequest -> empty
  kJobStatus = 21,  // JobStatusRequest -> JobStatus
  kJobCancel = 22,  // JobCancelRequest -> empty
  kStoredMailbox = 24,       // MailboxRequest -> StoredMailbox; kNotFound
  kDisconnected = 25,        // empty -> StoredMailboxes
  kSetDisconnected = 26,     // SetDisconnectedRequest -> empty; kNotFound
  kStoredFolders = 27,       // MailboxRequest -> StoredFolders; kNotFound
  kRecoverList = 28,         // RecoverRequest -> RecoverListReply
  kRecoverRestore = 29,      // RecoverRequest -> RecoverStepReply
  kRecoverPurge = 30,        // RecoverRequest -> RecoverStepReply
  kFolderRights = 36,     // MailboxRequest -> FolderRights; kNotFound
  kSetFolderRights = 37,  // SetFolderRightsRequest -> SetFolderRightsReply; kNotFound
  kSessionStates = 115,  // SessionStatesRequest -> SessionStatesReply (sessions.proto)
  // Transport
  kQueueKick = 33,  // empty -> empty: a database has come up, try what waits for it
  kDnsLookup = 76,  // DnsLookupRequest -> DnsLookupReply (dns.proto)
  kDnsHops = 77,    // DnsHopsRequest -> DnsHopsReply
  kDnsCache = 78,   // DnsCacheRequest -> DnsCacheReply
  kTlsReport = 79,  // TlsReportRequest -> TlsReportReply; kNotFound
  kMailauthTest = 84,  // MailauthTestRequest -> MailauthTestReply (mailauth.proto)
  kDkimCheck = 85,     // DkimCheckRequest -> DkimCheckReply
  kMailauthReload = 86,  // empty -> MailauthReloadReply: keys and settings are read again
  kDmarcReport = 87,   // DmarcReportRequest -> DmarcReportReply; kNotFound
  // queue.proto
  kQueueSummaries = 64,  // QueueSummariesRequest -> QueueSummariesReply; kNotFound
  kQueueAct = 65,        // QueueActRequest -> QueueActReply; kNotFound, kInvalid
  kQueueMessages = 66,   // QueueMessagesRequest -> QueueMessagesReply; kNotFound, kInvalid
  kQueueWork = 67,       // QueueWorkRequest -> QueueWorkReply; the same
  kQueueExport = 68,     // QueueExportRequest -> QueueExportReply; kNotFound
  kQueueResubmit = 69,   // QueueResubmitRequest -> QueueResubmitReply; kInvalid
  kTrackSearch = 88,  // TrackSearchRequest -> TrackSearchReply (track.proto)
  kTrackShow = 89,    // TrackShowRequest -> TrackShowReply; kNotFound
  // filter.proto; each NAME takes a NAMERequest and answers a NAMEReply
  kFilterClients = 90,
  kFilterLift = 91,         // kNotFound
  kQuarantineList = 92,
  kQuarantineRead = 93,     // kNotFound
  kQuarantineRelease = 94,  // kNotFound; kDenied, kUnavailable: nobody takes it
  kQuarantineRemove = 95,   // kNotFound
  // Front-end (frontend.proto)
  kCertificates = 40,        // empty -> CertificatesReply
  kCertificateReload = 41,   // TlsFilesRequest -> CertificatesReply
  kFrontendStatistics = 42,  // empty -> FrontendStatistics
  kComponentsChanged = 43,   // empty -> empty: sessions of what is inactive now end
  kEndLogins = 45,           // EndLoginsRequest -> EndLoginsReply
  kSessionList = 113,        // SessionListRequest -> SessionListReply (sessions.proto)
  kSessionKill = 114,        // SessionKillRequest -> SessionKillReply
  kListeners = 44,           // ListenersRequest -> empty: what is to be open from now on
  // Auth: from 48, see server/auth
  // Web (web.proto)
  kWebChallenges = 100,  // WebChallengesRequest -> empty: all that are answered from now on
  // Front-end and hauspost-acme (acme.proto)
  kAlpnChallenges = 106,  // AlpnChallengesRequest -> empty: all that are answered from now on
  kAcmeBegin = 107,       // AcmeBeginRequest -> AcmeBeginReply
  kAcmeFinish = 108,      // AcmeFinishRequest -> AcmeFinishReply; kInvalid: there is no order
  kAcmeRevoke = 109,      // AcmeRevokeRequest -> AcmeRevokeReply
  // Health (health.proto)
  kHealthProbe = 122,  // HealthProbeRequest -> HealthProbeReply
  kHealthMail = 123,   // to transport: HealthMailRequest -> empty; it is kept when this returns
};

}  // namespace hauspost::child
