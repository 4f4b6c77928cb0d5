// hauspostd: the supervisor. Runs in the foreground until SIGTERM, SIGINT or `hauspost server
// stop`.
#include <CLI/CLI.hpp>
#include <asio/basic_signal_set.hpp>

#include <csignal>
#include <cstdio>
#include <filesystem>

#include "base/log.h"
#include "server/supervisor/admin_server.h"

namespace {

using namespace hauspost;

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

// The end may be asked for while children still recover.
Task<void> start(supervisor::Supervisor& server, supervisor::AdminServer& admin,
                 Result<>& outcome) {
  outcome = admin.listen(admin::admin_socket(server.options().data_root));
  if (outcome) outcome = co_await server.start();
  if (!outcome) server.ask_to_stop();
}

Task<void> stop_when_asked(supervisor::Supervisor& server, supervisor::AdminServer& admin) {
  co_await server.wait_for_stop();
  log::info("server.stopping");
  co_await admin.stop();
  co_await server.stop();
  log::info("server.stopped");
}

int failed(const Error& error) {
  std::fprintf(stderr, "hauspostd: %s\n", error.text.c_str());
  return kExitFailed;
}

int serve(const std::string& data_root, const std::string& program_dir) {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGHUP, SIG_IGN);  // a closed terminal does not end the server
  log::start("hauspostd");
  asio::io_context io(1);
  auto server = supervisor::Supervisor::prepare(io, {data_root, program_dir});
  if (!server) return failed(server.error());
  supervisor::AdminService service(**server);
  supervisor::AdminServer admin(io.get_executor(), service);
  asio::basic_signal_set<Executor> signals(io.get_executor(), SIGTERM, SIGINT);
  signals.async_wait([&](const std::error_code& code, int) {
    if (!code) (*server)->ask_to_stop();
  });
  Result<> outcome;
  TaskGroup tasks(io.get_executor());
  tasks.spawn("server.stop", stop_when_asked(**server, admin));
  tasks.spawn("server.start", start(**server, admin, outcome));
  while (tasks.size() != 0) io.run_one();
  return outcome ? 0 : failed(outcome.error());
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Hauspost's supervisor: runs the mail server of one data root", "hauspostd");
  std::string data_root;
  app.add_option("--data", data_root, "the data root; see: hauspost init")->required();
  app.set_version_flag("--version", "hauspostd " HAUSPOST_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  std::error_code code;
  const std::filesystem::path absolute = std::filesystem::weakly_canonical(data_root, code);
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", code);
  return serve(absolute.string(), self.parent_path().string());
}
