// WorkerMailauth: the authentication of messages in transport: checks as the directory's settings
// want them, the keys below DATA/secrets/transport/dkim, and the supervisor's questions about both.
#pragma once

#include "base/task_group.h"
#include "server/directory/mailauth_settings.h"
#include "transport/services.h"

namespace hauspost::transport_worker {

// REQUIRES: one thread; the tasks of start() and all calls have ended before destruction.
class WorkerMailauth {
 public:
  // `reader` and `clock` outlive it; `resolver` does, and may be null: then nothing is checked.
  // Reads the keys: blocks shortly. Asks nobody anything.
  WorkerMailauth(const std::string& data_root, std::string hostname,
                 const directory::DirectoryReader& reader, const Clock& clock,
                 dns::Resolver* resolver);

  mailauth::Authentication& authentication() { return authentication_; }
  // The task that follows the settings.
  void start(TaskGroup& tasks);

  // mailauth.proto: the bodies of the requests and of their replies.
  Task<Result<std::string>> test(std::string body);
  Task<Result<std::string>> check_published(std::string body);
  // Reads the keys again.
  Result<std::string> reload();

 private:
  void apply_settings();
  void load_keys();
  Task<void> follow_settings();

  std::string keys_folder_;
  const directory::DirectoryReader& reader_;
  std::uint64_t version_ = 0;
  mailauth::Authentication authentication_;
};

}  // namespace hauspost::transport_worker
