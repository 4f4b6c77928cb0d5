#include <fmt/format.h>

#include "tools/cli/command_tree.h"
#include "tools/cli/commands.h"
#include "tools/cli/completion.h"

namespace hauspost::cli {

void add_completion_command(CLI::App& app, Verb& chosen) {
  auto shell = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand("completion", "Print a completion script for a shell");
  verb->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  verb->callback([&app, &chosen, shell] {
    chosen = [&app, shell](Context&) -> Outcome<> {
      const std::string script = *shell == "bash"  ? bash_completion(app)
                                 : *shell == "zsh" ? zsh_completion(app)
                                                   : fish_completion(app);
      fmt::print("{}", script);
      return {};
    };
  });
}

void add_help_command(CLI::App& app) {
  // Only for the list of commands: `help NOUN VERB` is answered before the command line is parsed,
  // which would take the noun behind it for a command.
  app.add_subcommand("help", "Explain a noun or a verb");
}

Outcome<> explain(CLI::App& app, std::span<const char* const> words) {
  CLI::App* at = &app;
  std::string path = app.get_name();
  bool as_json = false;
  for (const std::string_view word : words) {
    if (word == "--json") as_json = true;
    if (word.starts_with('-')) continue;
    const auto found = at->get_subcommands(
        [&](const CLI::App* sub) { return sub->check_name(std::string(word)); });
    if (found.empty()) {
      return usage(fmt::format("help: {} has no {}; see: {} --help", path, word, path));
    }
    at = found.front();
    path += fmt::format(" {}", word);
  }
  if (as_json) {
    fmt::print("{}\n", command_tree(*at).dump(2));
    return {};
  }
  const std::size_t last = path.rfind(' ');
  fmt::print("{}", at->help(last == std::string::npos ? "" : path.substr(0, last)));
  return {};
}

}  // namespace hauspost::cli
