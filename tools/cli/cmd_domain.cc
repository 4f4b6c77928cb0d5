#include <fmt/format.h>

#include "tools/cli/commands.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct DomainOptions {
  std::string name;
  bool dry_run = false;
};

Outcome<> run_add(Context& context, DomainOptions& options) {
  admin::DomainAddRequest request;
  request.set_name(options.name);
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.print(to_json(reply.domain()));
  context.say(fmt::format("Mail for {} is accepted.", printable(reply.domain().name())));
  return {};
}

Outcome<> run_domain_list(Context& context) {
  TRY_ASSIGN(const auto reply, context.ask(admin::DomainListRequest{}));
  context.print(to_json_list(reply.domains()));
  Table table({{"DOMAIN"}, {"ADDRESSES", true}});
  for (const auto& domain : reply.domains()) {
    table.add({domain.name(), std::to_string(domain.addresses())});
  }
  context.say(table.render(terminal_width()));
  return {};
}

Outcome<> run_domain_remove(Context& context, DomainOptions& options) {
  admin::DomainRemoveRequest request;
  request.set_name(options.name);
  request.set_dry_run(options.dry_run);
  if (!options.dry_run) {
    TRY(context.confirm(fmt::format("Remove domain {}", printable(options.name))));
  }
  TRY(context.ask(request));
  context.print({{"name", options.name}, {"dry_run", options.dry_run}});
  context.say(fmt::format("Domain {} {}.", printable(options.name),
                          options.dry_run ? "would be removed" : "is removed"));
  return {};
}

}  // namespace

void add_domain_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, "domain", "Accepted domains: where we take mail for");
  auto options = std::make_shared<DomainOptions>();
  add_verb<DomainOptions>(*noun, "add", "Accept mail for a domain", chosen, options, run_add)
      ->add_option("DOMAIN", options->name, "For instance example.org")
      ->required();
  add_verb(*noun, "list", "List the accepted domains", chosen, run_domain_list);
  CLI::App* remove = add_verb<DomainOptions>(*noun, "remove", "Accept mail for a domain no longer",
                                             chosen, options, run_domain_remove);
  remove->add_option("DOMAIN", options->name, "The domain")->required();
  remove->add_flag("--dry-run", options->dry_run, "Only say what would be done");
}

}  // namespace hauspost::cli
