#include "tools/cli/cmd_database.h"

#include <fmt/format.h>

#include <filesystem>

#include "server/child/jobs.pb.h"
#include "tools/cli/job.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct DatabaseOptions {
  std::string name;
  std::string path;
  bool leave_dismounted = false;
  bool dry_run = false;
  bool delete_files = false;
};

std::string figures(const admin::Database& database, std::uint64_t value) {
  return database.statistics_known() ? std::to_string(value) : "-";
}
std::string size(const admin::Database& database, std::uint64_t bytes) {
  return database.statistics_known() ? human_bytes(bytes) : "-";
}

Outcome<> run_database_create(Context& context, DatabaseOptions& options) {
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

std::string state_text(const admin::Database& database) {
  return database.recovery() ? "recovery" : state_word(database.state());
}

Outcome<> run_database_list(Context& context) {
  TRY_ASSIGN(const auto reply, context.ask(admin::DatabaseListRequest{}));
  context.print(to_json_list(reply.databases()));
  Table table(
      {{"NAME"}, {"STATE"}, {"MAILBOXES", true}, {"MESSAGES", true}, {"MAIL", true}, {"PATH"}});
  for (const auto& database : reply.databases()) {
    table.add({database.name(), state_text(database), std::to_string(database.mailboxes()),
               figures(database, database.messages()), size(database, database.live_body_bytes()),
               database.path()});
  }
  context.say(table.render(terminal_width()));
  return {};
}

std::string scan_text(const admin::Database& database) {
  const auto& facts = database.statistics();
  std::string text = facts.scan_finished_s() == 0 ? std::string("no whole pass yet")
                                                  : "done " + human_time(facts.scan_finished_s());
  if (facts.scan_under_way())
    text += fmt::format("; at {} of {}", human_bytes(facts.scan_bytes()),
                        human_bytes(database.log_bytes()));
  return text;
}

std::string backup_text(const admin::Database& database) {
  if (database.last_backup_s() == 0) return "none";
  return fmt::format("{}, {}, up to record {}, in {}", human_time(database.last_backup_s()),
                     database.last_backup_full() ? "full" : "incremental",
                     database.last_backup_lsn(), printable(database.last_backup_path()));
}

// What the worker says of its files; nothing of a dismounted one.
void add_file_rows(Table& table, const admin::Database& database) {
  if (!database.problem().empty()) table.add({"problem", printable(database.problem())});
  table.add({"last backup", backup_text(database)});
  if (!database.statistics_known()) return;
  const auto& facts = database.statistics();
  table.add({"segments", std::to_string(facts.segments())});
  table.add({"compacting frees", human_bytes(facts.compactable_bytes())});
  table.add(
      {"index",
       fmt::format("{}, {} of it free; {} on the disk", human_bytes(database.index_bytes()),
                   human_bytes(facts.index_free_bytes()), human_bytes(facts.index_file_bytes()))});
  table.add({"image of the index",
             facts.image_bytes() == 0
                 ? "none"
                 : fmt::format("{} of {}, record {}", human_bytes(facts.image_bytes()),
                               human_time(facts.image_created_s()), facts.image_lsn())});
  table.add({"last record", std::to_string(database.last_lsn())});
  table.add({"checkpoint", std::to_string(database.checkpoint_lsn())});
  if (!facts.search_state().empty()) {
    table.add(
        {"search index", fmt::format("{}, {} documents, {}{}", facts.search_state(),
                                     facts.search_documents(), human_bytes(facts.search_bytes()),
                                     facts.search_behind() == 0
                                         ? std::string()
                                         : fmt::format(", {} behind", facts.search_behind()))});
  }
  if (database.compacted_s() != 0)
    table.add({"last compaction", human_time(database.compacted_s())});
  table.add({"last scan", scan_text(database)});
  for (const auto& damage : facts.damage()) table.add({"DAMAGED", printable(damage)});
}

void show_database(Context& context, const admin::Database& database) {
  context.print(to_json(database));
  Table table({{"FIELD"}, {"VALUE"}});
  table.add({"name", database.name()});
  table.add({"guid", guid_text(database.guid())});
  table.add({"state", state_text(database)});
  table.add({"path", database.path()});
  table.add({"created", human_time(database.created_s())});
  table.add({"epoch", std::to_string(database.epoch())});
  table.add({"mailboxes", std::to_string(database.mailboxes())});
  table.add({"messages", figures(database, database.messages())});
  table.add({"mail", size(database, database.live_body_bytes())});
  table.add({"expunged mail", size(database, database.dead_body_bytes())});
  table.add({"change log", size(database, database.log_bytes())});
  add_file_rows(table, database);
  add_upkeep_rows(table, database);
  for (const auto& job : database.jobs())
    table.add({"job under way", fmt::format("{} ({})", job.kind(), job.id())});
  context.say(table.render(terminal_width()));
}

Outcome<> run_database_show(Context& context, DatabaseOptions& options) {
  admin::DatabaseShowRequest request;
  request.set_name(options.name);
  TRY_ASSIGN(const auto reply, context.ask(request));
  show_database(context, reply.database());
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

// Its files go first, then the database itself.
Outcome<> watch_removal(Context& context, const DatabaseOptions& options,
                        const admin::DatabaseRemoveReply& reply) {
  TRY_ASSIGN(const std::string bytes, watch_job(context, reply.job().id()));
  child::wire::DeleteFilesReport report;
  if (!report.ParseFromString(bytes))
    return refused(ErrorCode::kCorrupt, "the job's report does not parse");
  Json left = Json::array();
  std::string names;
  for (const auto& name : report.left()) {
    left.push_back(name);
    names += (names.empty() ? "" : ", ") + printable(name);
  }
  context.print({{"name", options.name},
                 {"path", reply.path()},
                 {"dry_run", false},
                 {"files_deleted", report.files()},
                 {"bytes_deleted", report.bytes()},
                 {"left", left}});
  context.say(fmt::format("Database {} is removed; {} files ({}) are deleted.",
                          printable(options.name), report.files(), human_bytes(report.bytes())));
  if (!names.empty())
    context.say(fmt::format("What is no file of a database stays in {}: {}", reply.path(), names));
  return {};
}

Outcome<> run_database_remove(Context& context, DatabaseOptions& options) {
  admin::DatabaseRemoveRequest request;
  request.set_name(options.name);
  request.set_dry_run(options.dry_run);
  request.set_delete_files(options.delete_files);
  if (!options.dry_run) {
    TRY(context.confirm(fmt::format("Remove database {}{}", printable(options.name),
                                    options.delete_files ? " and delete its files" : "")));
  }
  TRY_ASSIGN(const auto reply, context.ask(request));
  if (reply.has_job()) return watch_removal(context, options, reply);
  context.print({{"name", options.name}, {"path", reply.path()}, {"dry_run", options.dry_run}});
  context.say(fmt::format("Database {} {}; its files {} in {}.", printable(options.name),
                          options.dry_run ? "would be removed" : "is removed",
                          options.delete_files ? "would be deleted" : "stay", reply.path()));
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
      add_named(*noun, "create", "Create a database and mount it", chosen, run_database_create, options);
  create->add_option("--path", options->path, "Folder of its files (default: DATA/databases/NAME)")
      ->type_name("DIR");
  create->add_flag("--leave-dismounted", options->leave_dismounted, "Do not mount it");
  add_verb(*noun, "list", "List the databases", chosen, run_database_list);
  add_named(*noun, "show", "Show one database", chosen, run_database_show, options);
  add_named(*noun, "mount", "Start a database's store worker", chosen, run_mount, options);
  add_named(*noun, "dismount", "Stop a database's store worker", chosen, run_dismount, options);
  CLI::App* remove = add_named(*noun, "remove", "Forget an empty, dismounted database", chosen,
                               run_database_remove, options);
  remove->add_flag("--delete-files", options->delete_files, "Delete its files too");
  remove->add_flag("--dry-run", options->dry_run, "Only say what would be done");
  add_database_set(*noun, chosen);
  add_database_care(*noun, chosen);
}

}  // namespace hauspost::cli
