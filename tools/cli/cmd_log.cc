#include <fmt/format.h>

#include "server/supervisor/admin_observe_api.h"
#include "tools/cli/commands.h"

namespace hauspost::cli {

namespace {

struct LogLevelOptions {
  std::string role;
  std::string level;
};

template <class Repeated>
std::string log_roles(const Repeated& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

Outcome<> run_log_level(Context& context, LogLevelOptions& options) {
  admin::LogLevelRequest request;
  request.set_role(options.role);
  request.set_level(options.level);
  TRY_ASSIGN(const auto reply, context.ask(request));
  const Json changed(std::vector<std::string>(reply.changed().begin(), reply.changed().end()));
  const Json unchanged(
      std::vector<std::string>(reply.unchanged().begin(), reply.unchanged().end()));
  context.print({{"level", options.level}, {"changed", changed}, {"unchanged", unchanged}});
  if (!reply.changed().empty())
    context.say(fmt::format("{}: {} until it ends", log_roles(reply.changed()), options.level));
  if (reply.unchanged().empty()) return {};
  return partial(fmt::format("{}: not running, or did not answer; see: hauspost status",
                             log_roles(reply.unchanged())));
}

}  // namespace

void add_log_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, "log", "What the server writes down about itself");
  auto level = std::make_shared<LogLevelOptions>();
  CLI::App* set = add_verb<LogLevelOptions>(
      *noun, "level",
      "Say more or less from now on; a process that is started anew says what the "
      "settings want",
      chosen, level, run_log_level);
  set->add_option("ROLE", level->role,
                  "A process as hauspost status names it, for instance transport or \"store DB1\"; "
                  "store for all of them; hauspostd; all")
      ->required();
  set->add_option("LEVEL", level->level, "debug, info, warning or error")->required();
  add_log_show_command(*noun, chosen);
}

}  // namespace hauspost::cli
