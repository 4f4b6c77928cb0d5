// hauspost-web: answers HTTP behind the front-end: settings of mail programs, the policy of
// MTA-STS, the proofs of certificate authorities; and shows the metrics on loopback.
#include <cstdio>

#include "server/child/run_worker.h"
#include "server/web/web_worker.h"

int main() {
  using namespace hauspost;
  auto context = child::receive_context();
  if (!context) {
    std::fprintf(stderr, "hauspost-web: %s\n", context.error().text.c_str());
    return 2;
  }
  return child::run_worker<web::WebWorker>(*context);
}
