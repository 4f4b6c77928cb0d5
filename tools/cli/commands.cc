#include "tools/cli/commands.h"

namespace hauspost::cli {

CLI::App* add_noun(CLI::App& app, const std::string& name, const std::string& description) {
  CLI::App* noun = app.add_subcommand(name, description);
  noun->require_subcommand(0, 1);  // see build_application()
  return noun;
}

CLI::App* add_verb(CLI::App& noun, const std::string& name, const std::string& description,
                   Verb& chosen, Outcome<> (*run)(Context&)) {
  CLI::App* verb = noun.add_subcommand(name, description);
  verb->callback([&chosen, run] { chosen = run; });
  return verb;
}

}  // namespace hauspost::cli
