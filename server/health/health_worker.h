// HealthWorker: what hauspost-health does, which is nothing by itself: the supervisor says what is
// to be tried, and judges.
#pragma once

#include "base/tls/tls_context.h"
#include "server/child/child.h"

namespace hauspost::health {

// REQUIRES: one thread.
class HealthWorker {
 public:
  static Result<std::unique_ptr<HealthWorker>> open(Executor executor,
                                                    const child::Settings& settings);

  // It listens nowhere.
  Result<> listen(const child::NamedDescriptor& listener);
  // The supervisor's calls, server/child/control.h.
  Task<Result<std::string>> handle_control(std::uint16_t method, std::string body);
  Task<void> stop();

 private:
  explicit HealthWorker(tls::TlsContext tls) : tls_(std::move(tls)) {}

  tls::TlsContext tls_;
};

}  // namespace hauspost::health
