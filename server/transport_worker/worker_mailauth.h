// WorkerMailauth: the authentication of messages in transport: checks as the directory's settings
// want them, the keys below DATA/secrets/transport/dkim, DMARC's aggregate reports, and the
// supervisor's questions about all of it.
#pragma once

#include "base/task_group.h"
#include "server/directory/mailauth_settings.h"
#include "transport/authentication/aggregate_reporter.h"

namespace hauspost::transport_worker {

// REQUIRES: one thread; the tasks of start() and all calls have ended before destruction.
class WorkerMailauth {
 public:
  // `reader`, `clock` and `resolver` outlive it; `mailer` is first called after start(). Reads the
  // keys and DATA/dmarc-reports: blocks shortly. Asks nobody anything.
  WorkerMailauth(const std::string& data_root, std::string hostname,
                 const directory::DirectoryReader& reader, const Clock& clock,
                 dns::Resolver& resolver, mailauth::AggregateReporter::Mailer mailer);

  mailauth::Authentication& authentication() { return authentication_; }
  // The tasks that follow the settings and send reports.
  void start(TaskGroup& tasks);
  // Writes what was counted: blocks shortly.
  void save();

  // mailauth.proto: the bodies of the requests and of their replies.
  Task<Result<std::string>> test(std::string body);
  Task<Result<std::string>> check_published(std::string body);
  // Reads settings and keys again.
  Result<std::string> reload();
  Task<Result<std::string>> report(std::string body);

 private:
  void apply_settings();
  void load_keys();
  Task<void> follow_settings();
  Task<void> send_reports();

  std::string keys_folder_;
  std::string hostname_;
  const directory::DirectoryReader& reader_;
  std::uint64_t version_ = 0;
  mailauth::Authentication authentication_;
  mailauth::AggregateReports reports_;
  mailauth::AggregateReporter reporter_;
};

}  // namespace hauspost::transport_worker
