#include <fmt/format.h>

#include "tools/cli/commands.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct ComponentOptions {
  std::string name;
  std::string state;
  std::string requester = "maintenance";
};

constexpr std::pair<std::string_view, admin::ComponentState> kComponentStates[] = {
    {"active", admin::COMPONENT_STATE_ACTIVE},
    {"draining", admin::COMPONENT_STATE_DRAINING},
    {"inactive", admin::COMPONENT_STATE_INACTIVE}};

std::string component_word(admin::ComponentState state) {
  for (const auto& [word, known] : kComponentStates) {
    if (known == state) return std::string(word);
  }
  return "unknown";
}

template <class Repeated>
void show_components(Context& context, const Repeated& components) {
  Json all = Json::array();
  Table table({{"COMPONENT"}, {"STATE"}, {"SESSIONS", true}, {"REQUESTED BY"}});
  for (const auto& component : components) {
    Json words = Json::object();
    std::string text;
    for (const auto& word : component.words()) {
      words[word.requester()] = component_word(word.state());
      text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", printable(word.requester()),
                          component_word(word.state()));
    }
    all.push_back({{"name", component.name()},
                   {"state", component_word(component.state())},
                   {"sessions", component.sessions()},
                   {"requesters", words}});
    table.add({component.name(), component_word(component.state()),
               std::to_string(component.sessions()), text});
  }
  context.print(all);
  context.say(table.render(terminal_width()));
}

Outcome<> run_component_list(Context& context) {
  TRY_ASSIGN(const auto reply, context.ask(admin::ComponentListRequest{}));
  show_components(context, reply.components());
  return {};
}

Outcome<> run_component_set(Context& context, ComponentOptions& options) {
  admin::ComponentSetRequest request;
  request.set_name(options.name);
  request.set_requester(options.requester);
  for (const auto& [word, state] : kComponentStates) {
    if (word == options.state) request.set_state(state);
  }
  TRY_ASSIGN(const auto reply, context.ask(request));
  show_components(context, reply.components());
  return {};
}

}  // namespace

void add_component_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, "component", "Whether services take sessions: active, draining or "
                                              "inactive");
  add_verb(*noun, "list", "List the components with their states", chosen, run_component_list);
  auto options = std::make_shared<ComponentOptions>();
  CLI::App* set = add_verb<ComponentOptions>(
      *noun, "set", "Say what a component is to be; the worst that any requester says holds",
      chosen, options, run_component_set);
  set->add_option("COMPONENT", options->name,
                  "imap, imap-backend, pop3, pop3-backend, smtp or submission")
      ->required();
  set->add_option("--state", options->state,
                  "draining: no new sessions; inactive: those that are there end, too")
      ->check(CLI::IsMember({"active", "draining", "inactive"}))
      ->required();
  set->add_option("--requester", options->requester, "On whose behalf")
      ->check(
          CLI::IsMember({"maintenance", "functional", "health-api", "sidelined", "deployment"}));
}

}  // namespace hauspost::cli
