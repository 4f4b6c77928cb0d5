#include <fmt/format.h>

#include "tools/cli/commands.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

struct DomainOptions {
  std::string name;
  bool dry_run = false;
};

struct DomainSet {
  std::string name;
  std::string type;
  std::string subdomains;
  std::string catch_all;
  bool no_catch_all = false;
  std::string plus_addressing;
  std::string srs;
};

std::string_view yes_no(bool value) { return value ? "yes" : "no"; }

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
  Table table({{"DOMAIN"}, {"TYPE"}, {"ADDRESSES", true}, {"CATCH-ALL"}});
  for (const auto& domain : reply.domains()) {
    table.add({(domain.subdomains() ? "*." : "") + domain.name(), domain.type(),
               std::to_string(domain.addresses()),
               domain.catch_all().empty() ? "-" : domain.catch_all()});
  }
  context.say(table.render(terminal_width()));
  return {};
}

void show_domain(Context& context, const admin::Domain& domain) {
  context.print(to_json(domain));
  Table table({{"FIELD"}, {"VALUE"}});
  table.add({"domain", domain.name()});
  table.add({"type", domain.type()});
  table.add({"subdomains", std::string(yes_no(domain.subdomains()))});
  table.add({"addresses", std::to_string(domain.addresses())});
  table.add({"catch-all", domain.catch_all().empty() ? "none" : domain.catch_all()});
  table.add({"plus addressing", std::string(yes_no(domain.plus_addressing()))});
  table.add({"srs", std::string(yes_no(domain.srs()))});
  context.say(table.render(terminal_width()));
}

Outcome<> run_domain_show(Context& context, DomainOptions& options) {
  admin::DomainShowRequest request;
  request.set_name(options.name);
  TRY_ASSIGN(const auto reply, context.ask(request));
  show_domain(context, reply.domain());
  return {};
}

Outcome<> run_domain_set(Context& context, DomainSet& options) {
  admin::DomainSetRequest request;
  request.set_name(options.name);
  if (!options.type.empty()) request.set_type(options.type);
  if (!options.subdomains.empty()) request.set_subdomains(options.subdomains == "yes");
  if (!options.catch_all.empty()) request.set_catch_all(options.catch_all);
  if (options.no_catch_all) request.set_catch_all("");
  if (!options.plus_addressing.empty())
    request.set_plus_addressing(options.plus_addressing == "yes");
  if (!options.srs.empty()) request.set_srs(options.srs == "yes");
  if (!request.has_type() && !request.has_subdomains() && !request.has_catch_all() &&
      !request.has_plus_addressing() && !request.has_srs())
    return usage("domain set: say what to set; see --help");
  TRY_ASSIGN(const auto reply, context.ask(request));
  context.say(fmt::format("Domain {} is set.", printable(reply.domain().name())));
  show_domain(context, reply.domain());
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

void add_domain_set(CLI::App& noun, Verb& chosen) {
  auto options = std::make_shared<DomainSet>();
  CLI::App* verb = add_verb<DomainSet>(noun, "set", "Say what becomes of a domain's mail", chosen,
                                       options, run_domain_set);
  const CLI::IsMember yes_or_no({"yes", "no"});
  verb->add_option("DOMAIN", options->name, "The domain")->required();
  verb->add_option("--type", options->type,
                   "Addresses that nobody here has do not exist (authoritative), or are elsewhere: "
                   "those only (internal-relay), or all of the domain (external-relay)")
      ->check(CLI::IsMember({"authoritative", "internal-relay", "external-relay"}));
  verb->add_option("--subdomains", options->subdomains,
                   "It holds for every domain below it that has no entry of its own")
      ->check(yes_or_no);
  CLI::Option* catch_all =
      verb->add_option("--catch-all", options->catch_all,
                       "Who gets mail for addresses of it that nobody has: an address of ours")
          ->type_name("ADDRESS");
  verb->add_flag("--no-catch-all", options->no_catch_all, "Nobody does")->excludes(catch_all);
  verb->add_option("--plus-addressing", options->plus_addressing,
                   "user+detail is user, where nobody has the whole address (default: yes)")
      ->check(yes_or_no);
  verb->add_option("--srs", options->srs,
                   "What an address of it forwards outside leaves under a reverse-path of this "
                   "domain, so that SPF does not refuse it (default: yes)")
      ->check(yes_or_no);
}

}  // namespace

void add_domain_commands(CLI::App& app, Verb& chosen) {
  CLI::App* noun = add_noun(app, "domain", "Accepted domains: where we take mail for");
  auto options = std::make_shared<DomainOptions>();
  add_verb<DomainOptions>(*noun, "add", "Accept mail for a domain", chosen, options, run_add)
      ->add_option("DOMAIN", options->name, "For instance example.org")
      ->required();
  add_verb(*noun, "list", "List the accepted domains", chosen, run_domain_list);
  add_verb<DomainOptions>(*noun, "show", "Show what becomes of a domain's mail", chosen, options,
                          run_domain_show)
      ->add_option("DOMAIN", options->name, "The domain, or one below it")
      ->required();
  add_domain_set(*noun, chosen);
  CLI::App* remove = add_verb<DomainOptions>(*noun, "remove", "Accept mail for a domain no longer",
                                             chosen, options, run_domain_remove);
  remove->add_option("DOMAIN", options->name, "The domain")->required();
  remove->add_flag("--dry-run", options->dry_run, "Only say what would be done");
}

}  // namespace hauspost::cli
