// hauspost-health: tries the server's own front doors as a client does, when the supervisor says
// so.
#include <cstdio>

#include "server/child/run_worker.h"
#include "server/health/health_worker.h"

int main() {
  using namespace hauspost;
  auto context = child::receive_context();
  if (!context) {
    std::fprintf(stderr, "hauspost-health: %s\n", context.error().text.c_str());
    return 2;
  }
  return child::run_worker<health::HealthWorker>(*context);
}
