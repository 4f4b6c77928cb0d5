// WebWorker: what hauspost-web runs: pages behind the front-end, and the metrics on loopback.
#pragma once

#include "server/auth/auth_client.h"
#include "server/child/child.h"
#include "server/child/unix_service.h"
#include "server/web/metrics_door.h"
#include "server/web/site.h"
#include "server/web/web_session.h"

namespace hauspost::web {

inline constexpr std::size_t kSessionsMax = 1'000;

// REQUIRES: one thread; stop() before destruction.
class WebWorker {
 public:
  // Opens the directory: blocks.
  static Result<std::unique_ptr<WebWorker>> open(Executor executor,
                                                 const child::Settings& settings);

  // Takes the listening descriptors of "session" and "metrics".
  Result<> listen(const child::NamedDescriptor& listener);
  // The supervisor's calls, server/child/control.h.
  Task<Result<std::string>> handle_control(std::uint16_t method, std::string body);
  Task<void> stop();

 private:
  WebWorker(Executor executor, const child::Settings& settings,
            std::unique_ptr<directory::DirectoryReader> directory);
  Task<void> serve_session(UnixSocket socket);
  Result<std::string> set_challenges(const std::string& body);

  std::unique_ptr<directory::DirectoryReader> directory_;
  auth::AuthClient authenticator_;
  Challenges challenges_;
  Site site_;
  SessionLimits limits_;
  child::UnixService sessions_;
  MetricsDoor metrics_;
};

}  // namespace hauspost::web
