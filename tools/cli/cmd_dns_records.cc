// hauspost dns records: what is to stand in the DNS.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "server/directory/names.h"
#include "tools/cli/commands.h"
#include "tools/cli/table.h"
#include "tools/cli/zone_facts.h"

namespace hauspost::cli {

namespace {

struct DnsRecordsOptions {
  std::string domain;
  bool zone = false;
};

Json dns_record_json(const DnsRecord& record) {
  return {{"name", record.name},
          {"type", record.type},
          {"value", record.value},
          {"needed", record.needed},
          {"why", record.why}};
}

Outcome<> run_dns_records(Context& context, DnsRecordsOptions& options) {
  TRY_ASSIGN(const ZoneFacts facts, zone_facts(context));
  const std::string wanted =
      directory::canonical_domain(options.domain).value_or(ascii_lower(options.domain));
  std::vector<std::string> domains = facts.domains;
  if (!wanted.empty()) {
    std::erase_if(domains, [&](const std::string& domain) { return domain != wanted; });
    if (domains.empty())
      return refused(ErrorCode::kNotFound,
                     fmt::format("domain \"{}\" is not accepted here; see: hauspost domain list",
                                 printable(options.domain)));
  }
  Json all = {{"hostname", facts.hostname}, {"host", Json::array()}, {"domains", Json::object()}};
  const auto hosts = host_records(facts);
  for (const DnsRecord& record : hosts) all["host"].push_back(dns_record_json(record));
  if (options.zone)
    context.say(zone_lines(hosts));
  else
    context.say(records_table("Host " + facts.hostname, hosts));
  for (const std::string& domain : domains) {
    const auto records = domain_records(facts, domain);
    Json& list = all["domains"][domain] = Json::array();
    for (const DnsRecord& record : records) list.push_back(dns_record_json(record));
    context.say(options.zone ? zone_lines(records) : records_table("Domain " + domain, records));
  }
  context.print(all);
  if (domains.empty()) context.say("No domain yet; see: hauspost domain add");
  return {};
}

}  // namespace

void add_dns_record_commands(CLI::App& app, Verb& chosen) {
  const auto there =
      app.get_subcommands([](const CLI::App* sub) { return sub->get_name() == "dns"; });
  CLI::App* noun = there.empty() ? add_noun(app, "dns", "The DNS") : there.front();
  auto options = std::make_shared<DnsRecordsOptions>();
  CLI::App* verb = add_verb<DnsRecordsOptions>(
      *noun, "records", "Show every record that the DNS is to have of this server and its domains",
      chosen, options, run_dns_records);
  verb->add_option("DOMAIN", options->domain, "Only the host's and those of this domain");
  verb->add_flag("--zone", options->zone, "As lines of a zone file, with reasons");
}

}  // namespace hauspost::cli
