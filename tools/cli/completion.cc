#include "tools/cli/completion.h"

#include <fmt/format.h>

#include <vector>

namespace hauspost::cli {

namespace {

std::vector<const CLI::App*> subcommands(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* sub) { return !sub->get_name().empty(); });
}

std::vector<const CLI::Option*> options(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) { return !option->get_lnames().empty(); });
}

std::string words_of(const CLI::App& app) {
  std::string out;
  const auto add = [&](const std::string& word) { out += (out.empty() ? "" : " ") + word; };
  for (const CLI::App* sub : subcommands(app)) add(sub->get_name());
  for (const CLI::Option* option : options(app)) {
    for (const std::string& name : option->get_lnames()) add("--" + name);
  }
  return out;
}

// Single quotes inside single quotes, for sh-like shells.
std::string sh_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

// fish knows backslashes inside single quotes instead.
std::string fish_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

void add_bash_cases(const CLI::App& app, const std::string& path, std::string& out) {
  out += fmt::format("    {}) words={} ;;\n", sh_quoted(path), sh_quoted(words_of(app)));
  for (const CLI::App* sub : subcommands(app)) {
    add_bash_cases(*sub, path.empty() ? sub->get_name() : path + " " + sub->get_name(), out);
  }
}

// The words before the cursor that are no options and no values name the place in the tree.
constexpr std::string_view kBashHead = R"(_hauspost() {
  local current=${COMP_WORDS[COMP_CWORD]} path= words= word next i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    [[ $word == -* ]] && continue
    next=${path:+$path }$word
    _hauspost_words "$next" && path=$next
  done
  _hauspost_words "$path"
  if [[ ${COMP_WORDS[COMP_CWORD-1]} == --@(data|csv|path|certificate|key|ca-file|eab-key-file) ]]; then
    COMPREPLY=($(compgen -f -- "$current"))
  else
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  fi
}
_hauspost_words() {
  case $1 in
)";
constexpr std::string_view kBashTail = R"(    *) return 1 ;;
  esac
}
)";

std::string bash_functions(const CLI::App& app) {
  std::string out(kBashHead);
  add_bash_cases(app, "", out);
  return out + std::string(kBashTail);
}

std::string fish_condition(const std::string& path) {
  if (path.empty()) return "__fish_use_subcommand";
  std::string out;
  std::size_t at = 0;
  while (at < path.size()) {
    const std::size_t end = std::min(path.find(' ', at), path.size());
    out += fmt::format("{}__fish_seen_subcommand_from {}", out.empty() ? "" : "; and ",
                       path.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

void add_fish_lines(const CLI::App& app, const std::string& path, std::string& out) {
  const std::string condition = fish_condition(path);
  std::string none_of;
  for (const CLI::App* sub : subcommands(app)) none_of += " " + sub->get_name();
  for (const CLI::App* sub : subcommands(app)) {
    const std::string when =
        path.empty() ? condition
                     : fmt::format("{}; and not __fish_seen_subcommand_from{}", condition, none_of);
    out += fmt::format("complete -c hauspost -n {} -a {} -d {}\n", fish_quoted(when),
                       sub->get_name(), fish_quoted(sub->get_description()));
    add_fish_lines(*sub, path.empty() ? sub->get_name() : path + " " + sub->get_name(), out);
  }
  for (const CLI::Option* option : options(app)) {
    const std::string when = path.empty() ? "" : fmt::format(" -n {}", fish_quoted(condition));
    out += fmt::format("complete -c hauspost{} -l {}{} -d {}\n", when, option->get_lnames().front(),
                       option->get_expected_max() > 0 ? " -r" : "",
                       fish_quoted(option->get_description()));
  }
}

}  // namespace

std::string bash_completion(const CLI::App& app) {
  return "# hauspost completion for bash: eval \"$(hauspost completion bash)\"\n" +
         bash_functions(app) + "complete -F _hauspost hauspost\n";
}

std::string zsh_completion(const CLI::App& app) {
  return "# hauspost completion for zsh: eval \"$(hauspost completion zsh)\"\n"
         "autoload -U +X bashcompinit && bashcompinit\nsetopt ksharrays 2>/dev/null; unsetopt "
         "ksharrays\n" +
         bash_functions(app) + "complete -F _hauspost hauspost\n";
}

std::string fish_completion(const CLI::App& app) {
  std::string out =
      "# hauspost completion for fish: hauspost completion fish | source\n"
      "complete -c hauspost -f\n";
  add_fish_lines(app, "", out);
  return out;
}

}  // namespace hauspost::cli
