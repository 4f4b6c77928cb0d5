#include <fmt/format.h>

#include <filesystem>

#include "tools/cli/commands.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct DatabaseOptions {
  std::string name;
  std::string path;
  bool leave_dismounted = false;
  bool dry_run = false;
};

std::string figures(const admin::Database& database, std::uint64_t value) {
  return database.statistics_known() ? std::to_string(value) : "-";
}
std::string size(const admin::Database& database, std::uint64_t bytes) {
  return database.statistics_known() ? human_bytes(bytes) : "-";
}

Outcome<> run_create(Context& context, DatabaseOptions& options) {
  admin::DatabaseCreateRequest request;
  request.set_name(options.name);
  request.set_leave_dismounted(options.leave_dismounted);
  // The supervisor runs elsewhere: a relative path means the folder this command runs in.
  if (!options.path.empty()) {
    std::error_code code;
    request.set_path(std::filesystem::absolute(options.path, code).lexically_normal().string());
  }
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print(to_json(reply.database()));
  context.say(fmt::format("Database {} is {}; its files are in {}.",
                          printable(reply.database().name()), state_word(reply.database().state()),
                          reply.database().path()));
  return {};
}

Outcome<> run_list(Context& context) {
  TRY_ASSIGN(const auto reply, context.ask(admin::DatabaseListRequest{}));
  context.print(to_json_list(reply.databases()));
  Table table(
      {{"NAME"}, {"STATE"}, {"MAILBOXES", true}, {"MESSAGES", true}, {"MAIL", true}, {"PATH"}});
  for (const auto& database : reply.databases()) {
    table.add({database.name(), state_word(database.state()), std::to_string(database.mailboxes()),
               figures(database, database.messages()), size(database, database.live_body_bytes()),
               database.path()});
  }
  context.say(table.render(terminal_width()));
  return {};
}

void show(Context& context, const admin::Database& database) {
  context.print(to_json(database));
  Table table({{"FIELD"}, {"VALUE"}});
  table.add({"name", database.name()});
  table.add({"guid", guid_text(database.guid())});
  table.add({"state", state_word(database.state())});
  table.add({"path", database.path()});
  table.add({"created", human_time(database.created_s())});
  table.add({"mount at startup", database.mount_at_startup() ? "yes" : "no"});
  table.add({"epoch", std::to_string(database.epoch())});
  table.add({"mailboxes", std::to_string(database.mailboxes())});
  table.add({"messages", figures(database, database.messages())});
  table.add({"mail", size(database, database.live_body_bytes())});
  table.add({"expunged mail", size(database, database.dead_body_bytes())});
  table.add({"change log", size(database, database.log_bytes())});
  table.add({"index", size(database, database.index_bytes())});
  table.add({"last record", figures(database, database.last_lsn())});
  table.add({"checkpoint", figures(database, database.checkpoint_lsn())});
  context.say(table.render(terminal_width()));
}

Outcome<> run_show(Context& context, DatabaseOptions& options) {
  admin::DatabaseShowRequest request;
  request.set_name(options.name);
  TRY_ASSIGN(const auto reply, context.ask(request));
  show(context, reply.database());
  return {};
}

Outcome<> run_mount(Context& context, DatabaseOptions& options) {
  admin::DatabaseMountRequest request;
  request.set_name(options.name);
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print(to_json(reply.database()));
  context.say(fmt::format("Database {} is {}.", printable(reply.database().name()),
                          state_word(reply.database().state())));
  return {};
}

Outcome<> run_dismount(Context& context, DatabaseOptions& options) {
  admin::DatabaseDismountRequest request;
  request.set_name(options.name);
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print(to_json(reply.database()));
  context.say(fmt::format("Database {} is {}; mail for it waits in the queue.",
                          printable(reply.database().name()),
                          state_word(reply.database().state())));
  return {};
}

Outcome<> run_remove(Context& context, DatabaseOptions& options) {
  admin::DatabaseRemoveRequest request;
  request.set_name(options.name);
  request.set_dry_run(options.dry_run);
  if (!options.dry_run) {
    TRY(context.confirm(fmt::format("Remove database {}", printable(options.name))));
  }
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print({{"name", options.name}, {"path", reply.path()}, {"dry_run", options.dry_run}});
  context.say(fmt::format("Database {} {}; its files stay in {}.", printable(options.name),
                          options.dry_run ? "would be removed" : "is removed", reply.path()));
  return {};
}

CLI::App* add_named(CLI::App& noun, const std::string& name, const std::string& description,
                    Verb& chosen, VerbFunction<DatabaseOptions> run,
                    std::shared_ptr<DatabaseOptions> options) {
  CLI::App* verb = add_verb<DatabaseOptions>(noun, name, description, chosen, options, run);
  verb->add_option("NAME", options->name, "The database")->required();
  return verb;
}

}  // namespace

void add_database_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, "database", "Databases: sets of mailboxes with their own process");
  auto options = std::make_shared<DatabaseOptions>();
  CLI::App* create =
      add_named(*noun, "create", "Create a database and mount it", chosen, run_create, options);
  create->add_option("--path", options->path, "Folder of its files (default: DATA/databases/NAME)")
      ->type_name("DIR");
  create->add_flag("--leave-dismounted", options->leave_dismounted, "Do not mount it");
  add_verb(*noun, "list", "List the databases", chosen, run_list);
  add_named(*noun, "show", "Show one database", chosen, run_show, options);
  add_named(*noun, "mount", "Start a database's store worker", chosen, run_mount, options);
  add_named(*noun, "dismount", "Stop a database's store worker", chosen, run_dismount, options);
  add_named(*noun, "remove", "Forget an empty database; its files stay", chosen, run_remove,
            options)
      ->add_flag("--dry-run", options->dry_run, "Only say what would be done");
}

}  // namespace hauspost::cli
