#include "server/supervisor/run_server.h"

#include <asio/basic_signal_set.hpp>

#include <csignal>
#include <cstdio>

#include "base/log.h"
#include "server/supervisor/admin_server.h"
#include "server/supervisor/log_collector.h"
#include "server/supervisor/metrics_collector.h"
#include "server/supervisor/service_manager.h"

namespace hauspost::supervisor {

namespace {

constexpr int kExitFailed = 1;

// The end may be asked for while children still recover.
Task<void> start(Supervisor& server, AdminServer& admin, MetricsServer& metrics,
                 const ServiceManager& manager, Result<>& outcome) {
  outcome = admin.listen(admin::admin_socket(server.options().data_root));
  if (outcome) outcome = metrics.listen();
  if (outcome) outcome = co_await server.start();
  if (!outcome) server.ask_to_stop();
  if (outcome) manager.ready("Mail server of " + server.settings().hostname);
}

Task<void> stop_when_asked(Supervisor& server, AdminServer& admin, MetricsServer& metrics,
                           const ServiceManager& manager, TaskGroup& watchdog) {
  co_await server.wait_for_stop();
  manager.stopping();
  log::info("server.stopping");
  co_await metrics.stop();
  co_await admin.stop();
  co_await server.stop();
  watchdog.stop();
  co_await watchdog.join();
  log::info("server.stopped");
}

int failed(const Error& error) {
  std::fprintf(stderr, "hauspostd: %s\n", error.text.c_str());
  return kExitFailed;
}

}  // namespace

int run_server(Options options) {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGHUP, SIG_IGN);  // a closed terminal does not end the server
  log::start("hauspostd");
  const auto manager = ServiceManager::from_environment();
  asio::io_context io(1);
  auto server = Supervisor::prepare(io, std::move(options));
  if (!server) return failed(server.error());
  LogCollector logs(io.get_executor());
  const auto logging = logs.start((*server)->settings().log, (*server)->options().data_root);
  if (!logging) return failed(logging.error());
  AdminService service(**server);
  AdminServer admin(io.get_executor(), service);
  MetricsServer metrics(io.get_executor(), **server);
  asio::basic_signal_set<Executor> signals(io.get_executor(), SIGTERM, SIGINT);
  signals.async_wait([&](const std::error_code& code, int) {
    if (!code) (*server)->ask_to_stop();
  });
  Result<> outcome;
  TaskGroup tasks(io.get_executor());
  TaskGroup watchdog(io.get_executor());
  watchdog.spawn("server.watchdog", manager.keep_alive());
  tasks.spawn("server.stop", stop_when_asked(**server, admin, metrics, manager, watchdog));
  tasks.spawn("server.start", start(**server, admin, metrics, manager, outcome));
  while (tasks.size() != 0) io.run_one();
  tasks.spawn("log.stop", logs.stop());
  while (tasks.size() != 0) io.run_one();
  return outcome ? 0 : failed(outcome.error());
}

}  // namespace hauspost::supervisor
