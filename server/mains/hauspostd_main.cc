// hauspostd: the supervisor. Runs in the foreground until SIGTERM, SIGINT or `hauspost server
// stop`.
#include <CLI/CLI.hpp>

#include <filesystem>

#include "server/supervisor/run_server.h"

namespace {

constexpr int kExitUsage = 2;

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Hauspost's supervisor: runs the mail server of one data root", "hauspostd");
  std::string data_root;
  app.add_option("--data", data_root, "the data root; see: hauspost init")->required();
  std::string config;
  app.add_option("--config", config,
                 "the settings (default: DIR/hauspost.toml, else for /var/lib/hauspost "
                 "/etc/hauspost/hauspost.toml)")
      ->type_name("FILE");
  app.set_version_flag("--version", "hauspostd " HAUSPOST_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  std::error_code code;
  const std::filesystem::path absolute = std::filesystem::weakly_canonical(data_root, code);
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", code);
  if (!config.empty()) config = std::filesystem::absolute(config, code).string();
  return hauspost::supervisor::run_server({absolute.string(), self.parent_path().string(), config});
}
