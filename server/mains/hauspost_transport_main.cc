// hauspost-transport: takes mail from front-ends, delivers it, queues what has to wait.
#include <cstdio>

#include "server/child/run_worker.h"
#include "server/transport_worker/transport_worker.h"

int main() {
  using namespace hauspost;
  auto context = child::receive_context();
  if (!context) {
    std::fprintf(stderr, "hauspost-transport: %s\n", context.error().text.c_str());
    return 2;
  }
  return child::run_worker<transport_worker::TransportWorker>(*context);
}
