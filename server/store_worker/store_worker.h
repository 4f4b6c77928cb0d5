// StoreWorker: one mounted database with the services behind its two sockets.
#pragma once

#include <unordered_map>

#include "base/link/session_link.h"
#include "protocols/imap/session.h"
#include "protocols/pop3/session.h"
#include "server/child/child.h"
#include "server/child/unix_service.h"
#include "server/store_worker/jobs.h"
#include "server/store_worker/mailbox_calls.h"
#include "server/store_worker/mailbox_care.h"
#include "server/store_worker/maintenance_scan.h"
#include "server/store_worker/people.h"
#include "store/database.h"

namespace hauspost::store_worker {

inline constexpr std::size_t kSessionsMax = 20'000;
inline constexpr std::size_t kDeliveryConnectionsMax = 64;

// REQUIRES: one thread; stop() before destruction.
class StoreWorker {
 public:
  // Opens the database, which recovers: blocks. Errors say what an operator should do.
  static Result<std::unique_ptr<StoreWorker>> open(Executor executor,
                                                   const child::Settings& settings);

  // Takes the listening descriptor of "session" or "delivery".
  Result<> listen(const child::NamedDescriptor& listener);
  // The supervisor's calls, server/child/control.h.
  Task<Result<std::string>> handle_control(std::uint16_t method, std::string body);
  void measure(metrics::Snapshot& out) const;
  // Ends every session, then closes the database.
  Task<void> stop();

 private:
  StoreWorker(Executor executor, child::Settings settings,
              std::unique_ptr<directory::DirectoryReader> directory,
              std::unique_ptr<LimitsCache> limits, std::unique_ptr<store::Database> database);

  Task<void> serve_session(UnixSocket socket);
  std::optional<link::SessionRefused> check(const link::SessionStart& start) const;
  std::size_t sessions_of(const Guid& user) const;
  Task<void> serve_accepted(std::unique_ptr<link::FrameSocket> frames,
                            const link::SessionStart& start);
  pop3::Services pop3_services() const;
  Task<void> serve_delivery(UnixSocket socket);
  Task<Result<std::string>> delete_mailbox(std::string body);

  child::Settings settings_;
  std::unique_ptr<directory::DirectoryReader> directory_;
  std::unique_ptr<LimitsCache> limits_;  // asked by the database
  std::unique_ptr<store::Database> database_;
  DirectoryPeople people_;
  imap::Withdrawals withdrawals_;
  imap::Services imap_;
  std::unordered_map<Guid, std::size_t> imap_sessions_;  // of users who have any
  std::unordered_map<Guid, std::size_t> pop3_sessions_;  // of users who have any
  std::unordered_map<Guid, SessionActivity> activities_;  // by session
  child::UnixService sessions_;
  child::UnixService deliveries_;
  Jobs jobs_;
  MaintenanceScan scan_;
  MailboxCalls mailbox_calls_;
  MailboxCare care_;
};

}  // namespace hauspost::store_worker
