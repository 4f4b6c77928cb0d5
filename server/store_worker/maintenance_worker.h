// MaintenanceWorker: jobs on the files of a dismounted database. Opens nothing itself: each job
// takes the folder's lock for as long as it works.
#pragma once

#include "server/store_worker/jobs.h"

namespace hauspost::store_worker {

// REQUIRES: one thread; stop() before destruction.
class MaintenanceWorker {
 public:
  static Result<std::unique_ptr<MaintenanceWorker>> open(Executor executor,
                                                         const child::Settings& settings);
  Result<> listen(const child::NamedDescriptor& listener);  // kInvalid: it serves nobody
  Task<Result<std::string>> handle_control(std::uint16_t method, std::string body);
  Task<void> stop();

 private:
  MaintenanceWorker(Executor executor, child::Settings settings);

  child::Settings settings_;
  Jobs jobs_;
};

}  // namespace hauspost::store_worker
