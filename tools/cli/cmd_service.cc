#include <fmt/format.h>

#include "tools/cli/commands.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct ServiceOptions {
  std::vector<std::string> names;
};

template <class Repeated>
void show_services(Context& context, const Repeated& services) {
  context.print(to_json_list(services));
  Table table({{"SERVICE"}, {"STATE"}});
  for (const auto& service : services)
    table.add({service.name(), service.enabled() ? "on" : "off"});
  context.say(table.render(terminal_width()));
}

template <class Request>
Outcome<> change(Context& context, ServiceOptions& options) {
  Request request;
  for (const std::string& name : options.names) request.add_names(name);
  TRY_ASSIGN(const auto reply, context.ask(request));
  show_services(context, reply.services());
  return {};
}

Outcome<> run_service_list(Context& context) {
  TRY_ASSIGN(const auto reply, context.ask(admin::ServiceListRequest{}));
  show_services(context, reply.services());
  return {};
}

}  // namespace

void add_service_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, "service",
                            "Services: imap, imap-backend, pop3, pop3-backend, smtp, submission, web");
  auto options = std::make_shared<ServiceOptions>();
  const auto add = [&](const std::string& name, const std::string& description,
                       VerbFunction<ServiceOptions> run) {
    add_verb<ServiceOptions>(*noun, name, description, chosen, options, run)
        ->add_option("SERVICE", options->names, "One or more services")
        ->required();
  };
  add("enable", "Turn services on; their listeners open at once",
      change<admin::ServiceEnableRequest>);
  add("disable", "Turn services off; their listeners close at once",
      change<admin::ServiceDisableRequest>);
  add_verb(*noun, "list", "List the services", chosen, run_service_list);
}

}  // namespace hauspost::cli
