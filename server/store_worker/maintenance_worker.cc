#include "server/store_worker/maintenance_worker.h"

#include "server/store_worker/job_kinds.h"

namespace hauspost::store_worker {

MaintenanceWorker::MaintenanceWorker(Executor executor, child::Settings settings)
    : settings_(std::move(settings)), jobs_(executor, settings_, nullptr, job_kinds()) {}

Result<std::unique_ptr<MaintenanceWorker>> MaintenanceWorker::open(
    Executor executor, const child::Settings& settings) {
  return std::unique_ptr<MaintenanceWorker>(new MaintenanceWorker(executor, settings));
}

Result<> MaintenanceWorker::listen(const child::NamedDescriptor& listener) {
  return fail(ErrorCode::kInvalid, "a maintenance worker has no service " + listener.name);
}

Task<Result<std::string>> MaintenanceWorker::handle_control(std::uint16_t method,
                                                            std::string body) {
  return jobs_.handle_control(method, std::move(body));
}

Task<void> MaintenanceWorker::stop() { return jobs_.stop(); }

}  // namespace hauspost::store_worker
