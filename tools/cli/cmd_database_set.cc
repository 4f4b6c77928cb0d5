#include <fmt/format.h>

#include "tools/cli/amount.h"
#include "tools/cli/cmd_database.h"
#include "tools/cli/limit_options.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct DatabaseSet {
  std::string name;
  std::string mount_at_startup;
  std::string scan_period;
  std::string compact_below;
  std::string keep_log;
  LimitOptions limits;
};

Outcome<std::int64_t> duration_of(std::string_view option, const std::string& text) {
  if (text == "never" || text == "off") return 0;
  const auto seconds = parse_duration(text);
  if (!seconds)
    return usage(fmt::format("{} {}: a time, for instance 12h, 7d or never", option, text));
  return *seconds;
}

Outcome<> add_upkeep(const DatabaseSet& options, admin::DatabaseSetRequest& request) {
  if (!options.mount_at_startup.empty())
    request.set_mount_at_startup(options.mount_at_startup == "yes");
  if (!options.scan_period.empty()) {
    TRY_ASSIGN(const std::int64_t seconds, duration_of("--scan-period", options.scan_period));
    request.set_scan_period_s(seconds);
  }
  if (!options.keep_log.empty()) {
    TRY_ASSIGN(const std::int64_t seconds, duration_of("--keep-log", options.keep_log));
    request.set_keep_log_s(seconds);
  }
  if (!options.compact_below.empty()) {
    const auto percent = options.compact_below == "never" ? 0 : parse_size(options.compact_below);
    if (!percent || *percent > 100)
      return usage(
          fmt::format("--compact-below {}: a percentage, or never", options.compact_below));
    request.set_compact_below_percent(static_cast<std::uint32_t>(*percent));
  }
  return {};
}

Outcome<> run_database_set(Context& context, DatabaseSet& options) {
  admin::DatabaseSetRequest request;
  request.set_name(options.name);
  TRY(add_upkeep(options, request));
  TRY_ASSIGN(*request.mutable_limits(), to_changes(options.limits));
  const bool any = request.has_mount_at_startup() || request.has_scan_period_s() ||
                   request.has_keep_log_s() || request.has_compact_below_percent() ||
                   any_given(options.limits);
  if (!any) return usage("nothing to set; see: hauspost database set --help");
  TRY_ASSIGN(const auto reply, context.ask(request));
  const admin::Database& database = reply.database();
  context.print(to_json(database));
  Table table({{"FIELD"}, {"VALUE"}});
  add_upkeep_rows(table, database);
  add_limit_rows(table, reply.effective(), database.limits(), LimitScope::kDatabase);
  context.say(table.render(terminal_width()));
  return {};
}

}  // namespace

void add_upkeep_rows(Table& table, const admin::Database& database) {
  const auto time = [](std::int64_t seconds) {
    return seconds == 0 ? std::string("never") : "every " + duration_text(seconds);
  };
  table.add({"mount at startup", database.mount_at_startup() ? "yes" : "no"});
  table.add({"maintenance scan", time(database.scan_period_s())});
  table.add({"compact below", database.compact_below_percent() == 0
                                  ? "only on demand"
                                  : fmt::format("{} %", database.compact_below_percent())});
  table.add({"keep log", database.keep_log_s() == 0
                             ? "as long as it is needed"
                             : "at least " + duration_text(database.keep_log_s())});
}

void add_database_set(CLI::App& noun, Verb& chosen) {
  auto options = std::make_shared<DatabaseSet>();
  CLI::App* verb = add_verb<DatabaseSet>(
      noun, "set", "Change what holds for a database and its mailboxes", chosen, options, run_database_set);
  verb->add_option("NAME", options->name, "The database")->required();
  verb->add_option("--mount-at-startup", options->mount_at_startup, "Whether a start mounts it")
      ->check(CLI::IsMember({"yes", "no"}));
  verb->add_option("--scan-period", options->scan_period,
                   "Read every byte once in this time (default: 7d), or never")
      ->type_name("TIME");
  verb->add_option("--compact-below", options->compact_below,
                   "Compact segments with a smaller live share by itself (default: 50), or never; "
                   "holds from the next mount")
      ->type_name("PERCENT");
  verb->add_option("--keep-log", options->keep_log,
                   "Keep segments at least so long, to go back to a point in time; holds from the "
                   "next mount")
      ->type_name("TIME");
  add_limit_options(*verb, options->limits, LimitScope::kDatabase);
}

}  // namespace hauspost::cli
