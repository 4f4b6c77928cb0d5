#include <fmt/format.h>

#include "server/child/job_search.pb.h"
#include "tools/cli/commands.h"
#include "tools/cli/job.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct SearchOptions {
  std::string database;
  bool background = false;
};

Json as_json(const child::wire::StoreStatistics& facts, const admin::Database& database) {
  return {{"database", database.name()},           {"state", facts.search_state()},
          {"documents", facts.search_documents()}, {"next_body", facts.search_next()},
          {"behind", facts.search_behind()},       {"bytes", facts.search_bytes()},
          {"runs", facts.search_runs()},           {"unreadable", facts.search_unreadable()},
          {"error", facts.search_error()}};
}

// What the command asks about: one database or all.
Outcome<std::vector<admin::Database>> find_databases(Context& context, const std::string& name) {
  std::vector<admin::Database> databases;
  if (name.empty()) {
    TRY_ASSIGN(const auto reply, context.ask(admin::DatabaseListRequest{}));
    for (const auto& database : reply.databases()) databases.push_back(database);
  } else {
    admin::DatabaseShowRequest request;
    request.set_name(name);
    TRY_ASSIGN(const auto reply, context.ask(request));
    databases.push_back(reply.database());
  }
  return databases;
}

Outcome<> run_search_status(Context& context, SearchOptions& options) {
  TRY_ASSIGN(const auto databases, find_databases(context, options.database));
  Json all = Json::array();
  Table table({{"DATABASE"},
               {"STATE"},
               {"DOCUMENTS", true},
               {"BEHIND", true},
               {"SIZE", true},
               {"FILES", true},
               {"NEXT BODY", true},
               {"LAST ERROR"}});
  for (const auto& database : databases) {
    const auto& facts = database.statistics();
    all.push_back(as_json(facts, database));
    if (facts.search_state().empty()) {
      const bool known = database.statistics_known();
      table.add({database.name(), known ? "none" : "unknown", "-", "-", "-", "-", "-",
                 known ? "" : "the database is not mounted"});
      continue;
    }
    table.add({database.name(), facts.search_state(), std::to_string(facts.search_documents()),
               std::to_string(facts.search_behind()), human_bytes(facts.search_bytes()),
               std::to_string(facts.search_runs()), std::to_string(facts.search_next()),
               printable(facts.search_error())});
  }
  context.print(all);
  context.say(table.render(terminal_width()));
  return {};
}

Outcome<> run_rebuild(Context& context, SearchOptions& options) {
  TRY_ASSIGN(const auto report,
             run_job_for<child::wire::SearchRebuildReport>(
                 context, {.database = options.database,
                           .kind = "search-rebuild",
                           .request = child::wire::SearchRebuildRequest().SerializeAsString(),
                           .background = options.background}));
  if (!report) return {};
  context.print({{"database", options.database},
                 {"documents", report->documents()},
                 {"bytes", report->bytes()},
                 {"unreadable", report->unreadable()},
                 {"at_mount", report->at_mount()}});
  const std::string name = printable(options.database);
  if (report->at_mount()) {
    context.say(fmt::format("The search index of {} is dropped; it is made when {} is mounted.",
                            name, name));
    return {};
  }
  context.say(fmt::format("The search index of {} is made anew: {} documents, {}.", name,
                          report->documents(), human_bytes(report->bytes())));
  if (report->unreadable() != 0) {
    context.say(fmt::format("{} messages could not be read: run hauspost database check {}.",
                            report->unreadable(), name));
  }
  return {};
}

}  // namespace

void add_search_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, "search", "The index behind SEARCH");
  auto options = std::make_shared<SearchOptions>();
  add_verb<SearchOptions>(*noun, "status", "Show how far the search indexes are", chosen, options,
                          run_search_status)
      ->add_option("DATABASE", options->database, "Only this database");
  CLI::App* rebuild = add_verb<SearchOptions>(
      *noun, "rebuild", "Make a database's search index anew; searching goes on", chosen, options,
      run_rebuild);
  rebuild->add_option("DATABASE", options->database, "The database")->required();
  rebuild->add_flag("--background", options->background, "Do not wait for the end");
}

}  // namespace hauspost::cli
