// hauspost-frontend: what clients connect to.
#include <cstdio>

#include "server/auth/auth_client.h"
#include "server/child/child.h"
#include "server/frontend/frontend_calls.h"
#include "server/frontend/session_calls.h"
#include "server/frontend/settings_from.h"

namespace {

using namespace hauspost;

int failed(const Error& error) {
  log::error("start.failed", {{"cause", error}});
  return 1;
}

Task<void> stop(frontend::Frontend& service, auth::AuthClient& authenticator) {
  co_await service.stop();
  authenticator.stop();
  co_await authenticator.join();
}

int run(child::Context& context) {
  asio::io_context io(1);
  auto directory = directory::DirectoryReader::open(context.settings.directory_path);
  if (!directory) return failed(directory.error());
  auth::AuthClient authenticator(io.get_executor(), child::auth_socket(context.settings.run_dir));
  const directory::ReceiveConnectors connectors(**directory);
  frontend::FrontendSettings settings =
      frontend::settings_from(context.settings, **directory, connectors);
  frontend::HandedFiles files;  // the supervisor's; there are none before it calls
  settings.certificate_source = &files;
  frontend::LocalBackends backends(**directory, context.settings.run_dir,
                                   settings.limits.backend_start);
  frontend::Frontend service(io.get_executor(), std::move(settings), authenticator, backends);
  int channel = -1;
  for (const child::NamedDescriptor& one : context.listeners) {
    if (one.name == "listeners") channel = one.fd;
  }
  child::Life life;
  life.handler = [&service, &files, channel](std::uint16_t method, std::string body) {
    return frontend::answer_call(service, channel, files, method, std::move(body));
  };
  life.stop = [&] { return stop(service, authenticator); };
  life.measure = [&service](metrics::Snapshot& out) { frontend::measure(service, out); };
  return child::run_until_told(io, context, std::move(life));
}

}  // namespace

int main() {
  auto context = hauspost::child::receive_context();
  if (!context) {
    std::fprintf(stderr, "hauspost-frontend: %s\n", context.error().text.c_str());
    return 2;
  }
  return run(*context);
}
