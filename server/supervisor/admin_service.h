// AdminService: what each admin call does. Knows the supervisor, not the socket.
#pragma once

#include <sys/types.h>

#include "base/log.h"
#include "server/supervisor/admin_api.h"
#include "server/supervisor/supervisor.h"

namespace hauspost::supervisor {

// Who asks; SO_PEERCRED.
struct Caller {
  uid_t uid = 0;
  pid_t pid = 0;
};

// REQUIRES: the main thread; `supervisor` outlives it and every call.
class AdminService {
 public:
  explicit AdminService(Supervisor& supervisor) : supervisor_(supervisor) {}

  // One call: `body` is the request of `method`. Calls that change something leave an event
  // "audit", whether they succeeded or not.
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
  Task<Result<admin::QueueListReply>> queue_list(admin::QueueListRequest request);
  // admin_databases.cc
  Task<Result<admin::DatabaseCreateReply>> database_create(admin::DatabaseCreateRequest request);
  Task<Result<admin::DatabaseListReply>> database_list(admin::DatabaseListRequest request);
  Task<Result<admin::DatabaseShowReply>> database_show(admin::DatabaseShowRequest request);
  Task<Result<admin::DatabaseMountReply>> database_mount(admin::DatabaseMountRequest request);
  Task<Result<admin::DatabaseDismountReply>> database_dismount(
      admin::DatabaseDismountRequest request);
  Task<Result<admin::DatabaseRemoveReply>> database_remove(admin::DatabaseRemoveRequest request);
  Task<Result<admin::DomainAddReply>> domain_add(admin::DomainAddRequest request);
  Task<Result<admin::DomainListReply>> domain_list(admin::DomainListRequest request);
  Task<Result<admin::DomainRemoveReply>> domain_remove(admin::DomainRemoveRequest request);
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
  Task<Result<admin::MailboxRemoveReply>> mailbox_remove(admin::MailboxRemoveRequest request);
  Task<Result<admin::ClientSettingsReply>> client_settings(admin::ClientSettingsRequest request);

  Task<Result<admin::Database>> describe_database(std::string name);
  Task<Result<admin::Database>> describe_database(directory::DatabaseEntry entry);
  Result<directory::DatabaseEntry> find_database(const std::string& name) const;
  Result<directory::MailboxEntry> find_mailbox(const std::string& name) const;
  Result<std::shared_ptr<link::RpcClient>> auth_control();
  Task<Result<>> store_password(Guid mailbox, Secret password);
  Task<bool> delete_stored_mailbox(directory::MailboxEntry entry);

  Supervisor& supervisor_;
};

std::int64_t unix_now();
admin::Mailbox to_wire(const directory::MailboxEntry& entry);
admin::Job to_wire(const JobFacts& facts);
std::vector<admin::Service> list_services(const directory::DirectoryReader& reader);

}  // namespace hauspost::supervisor
