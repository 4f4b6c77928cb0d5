// `server backup` and `server restore`: what is in no database's backup. Restoring needs no server,
// for there is none yet.
#include <fmt/format.h>

#include <filesystem>

#include "server/supervisor/admin_server_backup_api.h"
#include "server/supervisor/server_backup.h"
#include "server/supervisor/settings.h"
#include "tools/cli/backup_point.h"
#include "tools/cli/commands.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct ServerBackupOptions {
  std::string folder;
  std::uint32_t keep = 0;
  std::string config;
  bool dry_run = false;
};

Outcome<> run_server_backup(Context& context, ServerBackupOptions& options) {
  admin::ServerBackupRequest request;
  request.set_folder(absolute_path(options.folder));
  request.set_keep(options.keep);
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print(
      {{"folder", reply.folder()},
       {"created_s", reply.created_s()},
       {"files", reply.files()},
       {"bytes", reply.bytes()},
       {"elsewhere", std::vector<std::string>(reply.elsewhere().begin(), reply.elsewhere().end())},
       {"databases",
        std::vector<std::string>(reply.databases().begin(), reply.databases().end())}});
  context.say(fmt::format(
      "{} holds {} files, {}: settings, directory, passwords, secrets, certificates, quarantine.",
      printable(reply.folder()), reply.files(), human_bytes(reply.bytes())));
  for (const std::string& path : reply.elsewhere())
    context.say(fmt::format("Not in it, for somebody else keeps it: {}", printable(path)));
  for (const std::string& name : reply.databases())
    context.say(fmt::format(
        "Its mail is not in it: database {}; see: hauspost database backup {} DIR", name, name));
  return {};
}

Outcome<> run_server_restore(Context& context, ServerBackupOptions& options) {
  TRY_ASSIGN(const std::string root, context.new_data_root());
  std::error_code code;
  const std::string settings = options.config.empty()
                                   ? supervisor::default_settings_file(root)
                                   : std::filesystem::absolute(options.config, code).string();
  const auto backup = supervisor::verify_server_backup(absolute_path(options.folder));
  if (!backup) return refused(backup.error());
  if (!options.dry_run) {
    if (auto made = supervisor::restore_server(*backup, root, settings); !made)
      return refused(std::move(made).error());
  }
  context.print({{"data_root", root},
                 {"settings_file", settings},
                 {"hostname", backup->hostname},
                 {"created_s", backup->created_s},
                 {"files", backup->files.size()},
                 {"elsewhere", backup->elsewhere},
                 {"done", !options.dry_run}});
  context.say(fmt::format("{}: all {} files are as they were written.", printable(backup->folder),
                          backup->files.size()));
  for (const std::string& path : backup->elsewhere)
    context.say(fmt::format("Not in it, and needed: {}", printable(path)));
  if (options.dry_run) {
    context.say(
        fmt::format("Data root {} would be made of it, with settings in {}.", root, settings));
    return {};
  }
  context.say(fmt::format("Data root {} of {} is ready. Settings: {}.", root,
                          printable(backup->hostname), settings));
  context.say(
      "Next: start the server, then bring back each database: hauspost database restore DIR --name "
      "NEW "
      "--attach DATABASE");
  return {};
}

}  // namespace

void add_server_backup_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = app.get_subcommand("server");
  auto options = std::make_shared<ServerBackupOptions>();
  CLI::App* backup = add_verb<ServerBackupOptions>(
      *noun, "backup",
      "Copy what is in no database's backup: directory, passwords, secrets, settings", chosen,
      options, run_server_backup);
  backup->add_option("DIR", options->folder, "Folder for such copies, on the server's machine")
      ->required();
  backup->add_option("--keep", options->keep, "Remove all but so many of the newest")
      ->type_name("N");
  CLI::App* restore = add_verb<ServerBackupOptions>(
      *noun, "restore", "Make a new data root of such a copy; needs no server", chosen, options,
      run_server_restore);
  restore->add_option("FOLDER", options->folder, "The copy: a folder server-TIME")->required();
  restore
      ->add_option("--config", options->config,
                   "Write the settings here (default: as hauspost init)")
      ->type_name("FILE");
  restore->add_flag("--dry-run", options->dry_run, "Only read and compare every byte of it");
}

}  // namespace hauspost::cli
