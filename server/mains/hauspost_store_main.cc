// hauspost-store: one mounted database, or jobs on the files of a dismounted one.
#include <cstdio>

#include "server/child/run_worker.h"
#include "server/store_worker/maintenance_worker.h"
#include "server/store_worker/store_worker.h"

int main() {
  using namespace hauspost;
  auto context = child::receive_context();
  if (!context) {
    std::fprintf(stderr, "hauspost-store: %s\n", context.error().text.c_str());
    return 2;
  }
  if (context->settings.maintenance)
    return child::run_worker<store_worker::MaintenanceWorker>(*context);
  return child::run_worker<store_worker::StoreWorker>(*context);
}
