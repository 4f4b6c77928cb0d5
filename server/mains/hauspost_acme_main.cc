// hauspost-acme: asks a certificate authority for one certificate.
#include <cstdio>

#include "server/acme/acme_worker.h"
#include "server/child/run_worker.h"

int main() {
  auto context = hauspost::child::receive_context();
  if (!context) {
    std::fprintf(stderr, "hauspost-acme: %s\n", context.error().text.c_str());
    return 2;
  }
  return hauspost::child::run_worker<hauspost::acme::AcmeWorker>(*context);
}
