// AcmeWorker: what hauspost-acme does. It asks a certificate authority on the supervisor's behalf,
// and forgets everything when it ends: keys come with the calls, certificates go with the replies.
#pragma once

#include <memory>

#include "server/acme/client.h"
#include "server/child/child.h"
#include "server/child/helper_pool.h"

namespace hauspost::acme {

// REQUIRES: the main thread, as run_worker() has it.
class AcmeWorker {
 public:
  static Result<std::unique_ptr<AcmeWorker>> open(Executor executor,
                                                  const child::Settings& settings);
  Result<> listen(const child::NamedDescriptor& listener);  // kInvalid: it has none
  Task<Result<std::string>> handle_control(std::uint16_t method, std::string body);
  Task<void> stop();

 private:
  explicit AcmeWorker(Executor executor);

  Task<Result<std::string>> begin(std::string body);
  Task<Result<std::string>> finish(std::string body);
  Task<Result<std::string>> revoke(std::string body);
  Task<Result<HttpAnswer>> fetch(HttpQuestion question, std::string ca_file);

  child::HelperPool fetcher_;
  std::unique_ptr<AcmeClient> client_;  // of the order under way; null: there is none
  bool busy_ = false;
};

}  // namespace hauspost::acme
