#include "tools/cli/command_tree.h"

namespace hauspost::cli {

namespace {

constexpr int kMany = 2;  // values or times

Json describe(const CLI::Option& option) {
  Json out = {{"description", option.get_description()},
              {"required", option.get_required()},
              {"repeatable", option.get_items_expected_max() >= kMany}};
  if (option.get_positional()) {
    out["name"] = option.get_name(true);
    return out;
  }
  Json names = Json::array();
  for (const std::string& name : option.get_lnames()) names.push_back(name);
  for (const std::string& name : option.get_snames()) names.push_back(name);
  out["names"] = std::move(names);
  out["value"] = option.get_items_expected_max() == 0 ? "" : option.get_type_name();
  out["default"] = option.get_default_str();
  return out;
}

}  // namespace

Json command_tree(const CLI::App& app) {
  Json arguments = Json::array();
  Json options = Json::array();
  for (const CLI::Option* option : app.get_options())
    (option->get_positional() ? arguments : options).push_back(describe(*option));
  Json commands = Json::array();
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
    commands.push_back(command_tree(*sub));
  return {{"name", app.get_name()},
          {"description", app.get_description()},
          {"arguments", std::move(arguments)},
          {"options", std::move(options)},
          {"commands", std::move(commands)}};
}

}  // namespace hauspost::cli
