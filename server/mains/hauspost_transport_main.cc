// hauspost-transport: takes mail from front-ends, delivers it, queues what has to wait.
#include <cstdio>

#include "base/log.h"
#include "server/transport_worker/transport_worker.h"

namespace {

using namespace hauspost;

int failed(const Error& error) {
  log::error("start.failed", {{"cause", error}});
  return 1;
}

int run(child::Context& context) {
  asio::io_context io(1);
  auto worker = transport_worker::TransportWorker::open(io.get_executor(), context.settings);
  if (!worker) return failed(worker.error());
  for (const child::NamedDescriptor& listener : context.listeners) {
    if (const auto listening = (*worker)->listen(listener); !listening)
      return failed(listening.error());
  }
  (*worker)->start();
  child::Life life;
  life.handler = [&worker](std::uint16_t method, std::string body) {
    return (*worker)->handle_control(method, std::move(body));
  };
  life.stop = [&worker] { return (*worker)->stop(); };
  return child::run_until_told(io, context, std::move(life));
}

}  // namespace

int main() {
  auto context = hauspost::child::receive_context();
  if (!context) {
    std::fprintf(stderr, "hauspost-transport: %s\n", context.error().text.c_str());
    return 2;
  }
  return run(*context);
}
